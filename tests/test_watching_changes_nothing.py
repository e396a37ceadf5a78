"""Weights, losses and random states are bit-equal watched and unwatched, and nothing of ours is left behind."""

from __future__ import annotations

import copy
import gc
import random
import subprocess
import sys
import warnings
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit
from babysit.watcher import Stop

STEPS = 45  # dense start, and quiet stretches after it


def mlp():
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4))


def data(*shape, classes=4):
    return torch.randn(64, *shape), torch.randint(0, classes, (64,))


def plain(model, x, y, optimizer=None, steps=STEPS, criterion=F.cross_entropy):
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for step in range(steps):
        at = (step * 16) % 64
        optimizer.zero_grad()
        loss = criterion(model(x[at : at + 16]), y[at : at + 16])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 20 == 19:
            model.eval()
            with torch.no_grad():
                losses.append(criterion(model(x), y).item())
            model.train()
    return losses


def train_mlp():
    model = mlp()
    return [model], plain(model, *data(12))


def train_convnet():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout2d(0.1),
        nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.LeakyReLU(0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip
    return [model], plain(model, *data(3, 8, 8), torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.LSTM(5, 8, num_layers=2, dropout=0.1, batch_first=True)
        self.cell = nn.GRUCell(8, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        h, _ = self.body(x)
        state = torch.zeros(len(x), 8)
        for t in range(h.shape[1]):
            state = self.cell(h[:, t], state)
        return self.head(F.relu(state))


def train_rnn():
    model = Recurrent()
    return [model], plain(model, *data(6, 5), torch.optim.RMSprop(model.parameters(), lr=1e-3))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True, activation="gelu")
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 20, bias=False)
        self.head.weight = self.embed.weight  # tied

    def forward(self, x):
        return self.head(self.body(self.embed(x))).mean(1)


def train_transformer():
    model = Transformer()
    x, y = torch.randint(0, 20, (64, 7)), torch.randint(0, 20, (64,))
    schedule = None
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    losses = []
    for _ in range(STEPS):
        losses += plain(model, x, y, optimizer, steps=1)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        schedule.step()
    return [model], losses


def train_scored():
    """Validation that only compares, in the ways that are heard."""
    model = mlp()
    x, y = data(12)
    losses = []
    for _ in range(4):
        losses += plain(model, x, y, steps=15)
        model.eval()
        with torch.no_grad():
            out = model(x)
            losses += [(out.argmax(1) == y).sum().item(), (torch.max(out, 1)[1] != y).sum().item()]
            losses += [
                out.topk(2)[1].t().eq(y.view(1, -1)).sum().item(),
                (out.max(1, keepdim=True).indices == y).sum().item(),
            ]
        model.train()
    return [model], losses


def train_amp():
    model = mlp()
    x, y = data(12)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=5)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad(set_to_none=step % 2 == 0)
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        if step == 7:
            loss = loss * float("inf")  # the scaler skips this one
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    return [model], losses


def train_lbfgs():
    model = nn.Sequential(nn.Linear(12, 6), nn.Tanh(), nn.Linear(6, 1))
    x = torch.randn(64, 12)
    y = x[:, :1].sin()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4, line_search_fn="strong_wolfe")
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(20):
        optimizer.step(closure)
    return [model], losses


def train_gan():
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    discriminator = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(16, 1))
    g = torch.optim.Adam(generator.parameters(), lr=1e-3)
    d = torch.optim.Adam(discriminator.parameters(), lr=1e-3)
    criterion = nn.BCEWithLogitsLoss()
    losses = []
    for _ in range(STEPS):
        real, fake = torch.randn(16, 2), generator(torch.randn(16, 4))
        d.zero_grad()
        loss_d = criterion(discriminator(real), torch.ones(16, 1))
        loss_d = loss_d + criterion(discriminator(fake.detach()), torch.zeros(16, 1))
        loss_d.backward()
        d.step()
        g.zero_grad()
        loss_g = criterion(discriminator(fake), torch.ones(16, 1))
        loss_g.backward()
        g.step()
        losses += [loss_d.item(), loss_g.item()]
    return [generator, discriminator], losses


def train_accumulating():
    model = mlp()
    x, y = data(12)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for step in range(3 * STEPS):
        loss = F.cross_entropy(model(x[step % 48 :][:16]), y[step % 48 :][:16]) / 3
        loss.backward()
        losses.append(loss.item())
        if step % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()
    return [model], losses


def train_policy():
    policy = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    losses = []
    for _ in range(STEPS):
        logs = []
        for _ in range(5):  # one forward for each move, one backward for all
            state = torch.randn(1, 4)
            choice = torch.distributions.Categorical(logits=policy(state))
            action = choice.sample()
            logs.append(choice.log_prob(action) * random.random())
        loss = -torch.stack(logs).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [policy], losses


def train_sparse():
    model = nn.Sequential(nn.EmbeddingBag(30, 8, sparse=True), nn.Linear(8, 4))
    x, y = torch.randint(0, 30, (64, 5)), torch.randint(0, 4, (64,))
    return [model], plain(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1))


def train_functional():
    model = mlp()
    x, y = data(12)
    values = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}
    losses = []
    for _ in range(STEPS):
        loss = F.cross_entropy(torch.func.functional_call(model, values, (x,)), y)
        found = torch.autograd.grad(loss, list(values.values()))
        for p, g in zip(values.values(), found, strict=True):
            p.data -= 0.1 * g
        losses.append(loss.item())
    per_example = torch.func.vmap(torch.func.grad(lambda w, a: (a @ w).sin().sum()), (None, 0))(x[0], x)
    losses.append(per_example.sum().item())
    return [model], losses


TRAININGS = [
    train_mlp, train_convnet, train_rnn, train_transformer, train_amp, train_lbfgs, train_gan, train_accumulating,
    train_policy, train_sparse, train_functional,
]  # fmt: skip


def states():
    return torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()


def run(train, **options):
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    if options:
        with babysit.watch(**options) as w:
            models, losses = train()
        assert w.observer is not None
        assert not w.observer.guard.off
    else:
        models, losses = train()
    return [value for model in models for value in model.state_dict().values()], losses, states()


@pytest.mark.parametrize("train", TRAININGS, ids=lambda train: train.__name__.removeprefix("train_"))
@pytest.mark.parametrize("overhead", [0.01, "all"])
def test_a_watched_training_is_bit_equal(train, overhead):
    weights, losses, random_states = run(train)
    watched = run(train, overhead=overhead)
    assert all(torch.equal(a, b) for a, b in zip(weights, watched[0], strict=True))
    assert losses == watched[1] or np.array_equal(losses, watched[1], equal_nan=True)
    for one, other in zip(random_states, watched[2], strict=True):
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other  # fmt: skip


def test_the_first_use_in_a_process_draws_no_random_number():
    """What is imported then (rich) does."""
    script = (
        "import random, numpy, torch, babysit\n"
        "before = random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist()\n"
        "with babysit.watch(): pass\n"
        "after = random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist()\n"
        "assert before == after\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def surface():
    """Everything that watching touches, as it is now."""
    import torch.optim.optimizer as optim
    from torch.nn.modules import module as hooks

    owners = [torch, torch.autograd, F, torch.Tensor, nn.Module, torch.optim.Optimizer, torch.no_grad, torch.nn.utils,
              torch.inference_mode, torch.amp.GradScaler, torch.optim.lr_scheduler.LRScheduler, warnings,
              torch.optim.lr_scheduler.ReduceLROnPlateau, torch.nn.utils.clip_grad, torch.utils.data.DataLoader]  # fmt: skip
    members = {(owner.__name__, name): value for owner in owners for name, value in vars(owner).items()}
    counts = [len(getattr(hooks, name)) for name in dir(hooks) if name.startswith("_global") and name.endswith("hooks")]
    counts += [len(optim._global_optimizer_pre_hooks), len(optim._global_optimizer_post_hooks)]
    return members, counts


@pytest.mark.parametrize("train", [train_mlp, train_gan, train_amp], ids=lambda one: one.__name__)
def test_nothing_is_left_behind(train):
    run(train)
    before, hooks = surface()
    with babysit.watch(overhead="all"):
        models, _ = train()
    after, hooks_after = surface()
    assert hooks_after == hooks
    assert before.keys() == after.keys()
    for key, value in before.items():
        assert after[key] is value, key
    for module in (one for model in models for one in model.modules()):
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
    copy.deepcopy(models)


def test_it_is_put_back_when_the_training_fails():
    before, hooks = surface()
    with pytest.raises(RuntimeError, match="mat1"), babysit.watch():
        mlp()(torch.randn(3, 11))
    after, hooks_after = surface()
    assert hooks == hooks_after
    assert all(after[key] is value for key, value in before.items())


def test_no_tensor_or_model_of_the_training_is_kept():
    with babysit.watch(overhead="all") as w:
        model = mlp()
        x, y = data(12)
        kept = weakref.ref(model)
        plain(model, x, y, steps=5)
        inputs = weakref.ref(x)
        del model, x
        gc.collect()
        assert kept() is None
        assert inputs() is None
    assert w.run.step == 5


def test_an_error_of_a_probe_never_reaches_the_training():
    from babysit.probes import probe

    @probe("activation", gives="activation.broken")
    def activation_broken(x, axis, facts):
        raise ValueError("broken")

    @probe("activation_gradient", gives="gradient.broken")
    def gradient_broken(x, axis, facts):
        raise ValueError("broken too")

    model = mlp()
    with babysit.watch(probes=[activation_broken, gradient_broken], overhead="all") as w:
        plain(model, *data(12), steps=3)
    texts = [event.detail["text"] for event in w.run.events_of("warning")]
    assert any("broken" in text for text in texts)
    assert any("gradient_broken" in text for text in texts)
    assert w.run.has("loss.train")


def test_one_transfer_for_each_observed_step(monkeypatch):
    from babysit.watcher import transfer

    calls = []
    real = transfer.fetch
    monkeypatch.setattr(transfer, "fetch", lambda flat: calls.append(len(flat)) or real(flat))
    model = mlp()
    x, y = data(12)
    with babysit.watch(overhead="all") as w:
        plain(model, x, y, steps=10)
    assert len(calls) == 10
    assert w.run.step == 10


def test_stopping_ends_the_training_cleanly():
    model, cleaned = mlp(), []
    x, y = data(12)
    with pytest.raises(Stop), babysit.watch(steps=7):
        try:
            plain(model, x, y)
        finally:
            cleaned.append(True)
    assert cleaned == [True]
