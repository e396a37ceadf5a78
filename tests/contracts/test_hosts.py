"""Other people's loops: each host watches a whole small training, changes nothing in it, and leaves nothing behind."""

from __future__ import annotations

import os
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import babysit
from babysit.registry import file_names

pytestmark = pytest.mark.filterwarnings("ignore")


def data():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(96, 6, generator=generator)
    return x, (x[:, 0] > 0).long()


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2))


def lightning(callback):
    pl = pytest.importorskip("lightning.pytorch")

    class Lit(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net()

        def training_step(self, batch, index):
            return F.cross_entropy(self.net(batch[0]), batch[1])

        def validation_step(self, batch, index):
            self.log("val", F.cross_entropy(self.net(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-2)

    loader = DataLoader(TensorDataset(*data()), batch_size=16)
    model = Lit()
    trainer = pl.Trainer(
        max_epochs=3, callbacks=callback and [callback], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
    )  # fmt: skip
    torch.manual_seed(5)
    trainer.fit(model, loader, loader)
    return model.net


def huggingface(callback):
    transformers = pytest.importorskip("transformers")

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x, labels=None):
            logits = self.net(x)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    x, y = data()
    rows = [{"x": one, "labels": label} for one, label in zip(x, y, strict=True)]
    model = Model()
    args = transformers.TrainingArguments(
        output_dir="out", num_train_epochs=3, per_device_train_batch_size=16, report_to=[], use_cpu=True, seed=5,
        save_strategy="no", eval_strategy="epoch", disable_tqdm=True, logging_strategy="no",
    )  # fmt: skip
    trainer = transformers.Trainer(
        model=model, args=args, train_dataset=rows, eval_dataset=rows, callbacks=callback and [callback]
    )
    trainer.train()
    return model.net


def keras(callback):
    pytest.importorskip("keras")
    os.environ["KERAS_BACKEND"] = "torch"
    import keras as k

    if k.backend.backend() != "torch":
        pytest.skip("Keras was loaded with another backend")
    k.utils.set_random_seed(0)
    x, y = data()
    model = k.Sequential([k.layers.Dense(8, activation="relu"), k.layers.Dense(2)])
    model.compile(
        optimizer=k.optimizers.Adam(1e-2),
        loss=k.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    model.fit(x.numpy(), y.numpy(), batch_size=16, epochs=3, verbose=0, callbacks=callback and [callback])
    return model


def accelerate(callback):
    library = pytest.importorskip("accelerate")
    accelerator = library.Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    loader = DataLoader(TensorDataset(*data()), batch_size=8)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for _ in range(3):
        for x, y in loader:
            with accelerator.accumulate(model):
                loss = F.cross_entropy(model(x), y)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
    return model


HOSTS = {"lightning": lightning, "huggingface": huggingface, "keras": keras}


def test_every_host_is_held_to_this():
    assert set(file_names("babysit.hosts")) - {"script", "edits"} == set(HOSTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTS)
def test_a_callback_watches_a_fit(name, empty_folder):
    import importlib

    weights = list(HOSTS[name](None).parameters())
    callback = importlib.import_module(f"babysit.hosts.{name}").Babysit(overhead="all")
    watched = list(HOSTS[name](callback).parameters())
    assert all(torch.equal(a, b) for a, b in zip(weights, watched, strict=True))
    w = callback.watch
    assert not w.observer.guard.off
    assert w.run.step == 18
    assert len(w.run.series("loss.train")) == 18
    assert w.run.has("update.ratio")
    if name != "keras":
        assert w.run.fact("task")["kind"] == "classes"
        assert w.run.has("loss.val")
        assert w.run.last("mode.val") == 0
        assert w.run.last("mode.train") == 1


@pytest.mark.slow
@pytest.mark.parametrize("train", [lightning, huggingface, keras, accelerate], ids=lambda one: one.__name__)
def test_without_a_callback_it_is_found_by_itself(train, empty_folder):
    with warnings.catch_warnings(), babysit.watch(overhead="all") as w:
        train(None)
    assert w.run.step == 18
    assert not w.observer.guard.off
    errors = [one.id for one in w.findings if one.severity == "error"]
    assert not errors
    if train is accelerate:
        assert w.run.last("calls.backward", "0") == 2
