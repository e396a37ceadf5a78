"""What is heard of a training: each fact and reading against what the loop really does."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit
from babysit.errors import RecipeError
from babysit.record.store import read


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def net(*extra):
    return nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Dropout(0.2), nn.Linear(10, 3), *extra)


def data(count=120):
    x = torch.randn(count, 6)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def train(model, x, y, steps=15, *, optimizer=None, batch=30, criterion=None, before=None, after=None):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        at = (step * batch) % len(x)
        (before or optimizer.zero_grad)()
        loss = (criterion or F.cross_entropy)(model(x[at : at + batch]), y[at : at + batch])
        loss.backward()
        optimizer.step()
        if after:
            after(step)
    return optimizer


def last(w, what, where=""):
    return w.run.last(what, where)


def test_the_numbers_are_those_of_the_training():
    model = net()
    x, y = data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
    losses, ratios, norms = [], [], []
    with babysit.watch(overhead="all") as w:
        for step in range(6):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            before = model[0].weight.detach().clone()
            norms.append(model[0].weight.grad.norm().item())
            optimizer.step()
            losses.append(loss.item())
            ratios.append(((model[0].weight.detach() - before).norm() / before.norm()).item())
    assert w.run.series("loss.train").values == pytest.approx(losses, rel=1e-6)
    assert w.run.series("update.ratio", "0.weight").values == pytest.approx(ratios, rel=1e-4)
    assert w.run.series("gradient.norm", "0.weight").values == pytest.approx(norms, rel=1e-5)
    assert list(w.run.series("loss.train").steps) == [1, 2, 3, 4, 5, 6]
    assert last(w, "target.entropy") == pytest.approx(_entropy(np.bincount(y.numpy())), abs=1e-9)
    assert last(w, "loss.chance") == pytest.approx(_entropy(np.bincount(y.numpy())), abs=1e-9)
    assert last(w, "batch.mean", "0") == pytest.approx(x.mean().item(), abs=1e-5)
    assert last(w, "lr") == 0.1


def _entropy(counts):
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def test_facts_name_modules_parameters_optimizers_and_criteria():
    model = net()
    model[0].bias.requires_grad_(False)
    with babysit.watch() as w:
        train(model, *data(), steps=5, optimizer=torch.optim.Adam(model[0].parameters(), lr=1e-3))
    modules = {one["name"]: one for one in w.run.fact("modules")}
    assert [modules[name]["kind"] for name in ("0", "1", "2", "3")] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert modules["1"]["after"] == ["0"]
    assert modules["0"]["calls"] == 1
    assert modules["3"]["shape_out"] == [30, 3]
    parameters = {one["name"]: one for one in w.run.fact("parameters")}
    assert parameters["0.weight"]["optimizer"] == "0.0"
    assert parameters["3.weight"]["optimizer"] is None
    assert parameters["0.bias"]["requires_grad"] is False
    (optimizer,) = w.run.fact("optimizers")
    assert (optimizer["kind"], optimizer["foreign"], optimizer["groups"][0]["lr"]) == ("Adam", 0, 1e-3)
    (criterion,) = w.run.fact("criteria")
    assert (criterion["kind"], criterion["output_shape"]) == ("CrossEntropyLoss", [30, 3])
    assert criterion["source"].endswith(".py:" + criterion["source"].rsplit(":", 1)[1])
    assert w.run.fact("task") == {"kind": "classes", "classes": 3}


def test_order_of_calls():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with babysit.watch(overhead="all") as w:
        train(model, *data(), steps=5, optimizer=optimizer, before=lambda: None)
    assert list(w.run.series("calls.steps_since_zero", "0").values) == [
        1,
        2,
        3,
        4,
    ]  # of the first, what was before isn't known
    assert w.run.last("gradient.carried", "0") > 1.5
    model = net()
    with babysit.watch(overhead="all") as w:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        x, y = data()
        for _ in range(4):
            F.cross_entropy(model(x), y).backward()
            optimizer.zero_grad()
            optimizer.step()
    assert last(w, "calls.zeroed_after_backward", "0") == 1
    assert last(w, "gradient.missing", "0") == 1


@pytest.mark.parametrize("by_hand", ["none", "zero"])
def test_gradients_cleared_by_hand_are_cleared(by_hand):
    model = net()

    def clear(step):
        for p in model.parameters():
            if by_hand == "none":
                p.grad = None
            else:
                p.grad.zero_()

    with babysit.watch(overhead="all") as w:
        train(model, *data(), steps=8, before=lambda: None, after=clear)
    assert w.run.series("calls.steps_since_zero", "0").values.max() == 0
    carried = w.run.series("gradient.carried", "0").values
    assert np.allclose(carried, 1)


def test_accumulation_is_counted():
    model = net()
    x, y = data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with babysit.watch(overhead="all") as w:
        for index in range(20):
            (F.cross_entropy(model(x), y) / 4).backward()
            if index % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
    assert w.run.step == 5
    assert set(w.run.series("calls.backward", "0").values) == {4}
    assert last(w, "calls.forward") == 4
    assert last(w, "loss.criterion") == pytest.approx(4 * last(w, "loss.train"), rel=0.5)


def test_a_loop_that_never_steps():
    model = net()
    x, y = data()
    with babysit.watch() as w:
        for _ in range(45):
            F.cross_entropy(model(x), y).backward()
    assert w.run.step == 0
    assert last(w, "calls.without_step") >= 20
    assert [one.id for one in w.findings] == ["optimizer-never-steps"]


def test_weights_moved_by_hand_are_steps():
    model = nn.Linear(6, 3)
    x, y = data()
    with babysit.watch() as w:
        for _ in range(60):
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            for p in model.parameters():
                p.data -= 0.5 * p.grad
    assert w.run.step == 60
    assert not [one.id for one in w.findings if one.severity != "info"]
    assert w.run.fact("optimizers")[0]["kind"] == "by hand"


def validate(model, x, y, *, grad=False, eval_mode=True):
    if eval_mode:
        model.eval()
    losses, right = [], 0
    with torch.set_grad_enabled(True) if grad else torch.no_grad():
        for at in range(0, len(x), 40):
            out = model(x[at : at + 40])
            losses.append(F.cross_entropy(out, y[at : at + 40]).item())
            right += (out.argmax(1) == y[at : at + 40]).sum().item()
    model.train()
    return float(np.mean(losses)), right / len(x)


@pytest.mark.parametrize("overhead", [0.01, "all"])
@pytest.mark.parametrize("grad", [False, True])
def test_validation_is_found_and_scored(overhead, grad):
    model, seen = net(), []
    x, y = data()
    xv, yv = data(80)
    with babysit.watch(overhead=overhead) as w:
        optimizer = None
        for _ in range(12):
            optimizer = train(model, x, y, steps=4, optimizer=optimizer)
            seen.append(validate(model, xv, yv, grad=grad))
    losses = w.run.series("loss.val").values
    if not grad or overhead == "all":
        assert losses[:11] == pytest.approx([loss for loss, _ in seen][:11], rel=1e-5)
        assert w.run.series("accuracy.val").values[:11] == pytest.approx([score for _, score in seen][:11])
        assert list(w.run.series("loss.val").steps)[:3] == [4, 8, 12]
    assert last(w, "mode.val") == 0
    assert last(w, "mode.grad_val") == float(grad)
    assert last(w, "batch_val.overlap", "0") == 0
    assert last(w, "mode.train") == 1


def test_overlap_and_modes_of_a_careless_validation():
    model = net()
    x, y = data()
    mixed = torch.cat([x[:40], torch.randn(40, 6)])
    with babysit.watch(overhead="all") as w:
        train(model, x, y, steps=8)
        validate(model, mixed, y[:80], eval_mode=False)
        model.eval()
        train(model, x, y, steps=4)
    assert last(w, "batch_val.overlap", "0") == 0.5
    assert last(w, "mode.val") == 1
    assert last(w, "mode.train") == 0


def test_dead_units_are_found_over_enough_examples(monkeypatch):
    from babysit.watcher.budget import Budget

    monkeypatch.setattr(Budget, "_too_dear", lambda self, step: False)  # a loaded machine would look at fewer layers
    model = net()
    with torch.no_grad():
        model[0].bias[:4] = -100.0
    with babysit.watch(overhead="all") as w:
        train(model, *data(600), steps=20, batch=50)
    assert list(w.run.series("activation.dead", "1").steps) == [11]
    assert last(w, "activation.dead", "1") == pytest.approx(0.4)


def test_functions_in_a_forward_are_layers_too():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.b(F.relu(self.a(x)).tanh())

    with babysit.watch(overhead="all") as w:
        train(Net(), *data(), steps=3)
    assert [one["name"] for one in w.run.fact("modules") if one["calls"]] == ["", "a", "relu", "tanh", "b"]
    assert w.run.has("activation.zeros")
    assert w.run.fact("linear_pairs") == []


def test_linear_pairs_and_graph_cuts_are_exact():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.c(self.b(F.relu(self.a(x)).detach()).reshape(-1, 2, 4).flatten(1))

    with babysit.watch(overhead="all") as w:
        train(Net(), *data(), steps=6)
    assert w.run.fact("linear_pairs") == [["b", "c"]]
    (cut,) = w.run.fact("graph_cuts")
    assert (cut["after"], cut["before"]) == ("a", "b")


def test_unregistered_layers_are_seen():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = [nn.Linear(6, 6)]
            self.out = nn.Linear(6, 3)

        def forward(self, x):
            return self.out(self.hidden[0](x).relu())

    with babysit.watch() as w:
        train(Net(), *data(), steps=5)
    rows = {one["name"]: one for one in w.run.fact("parameters")}
    assert rows["hidden.0.weight"]["registered"] is False
    assert rows["hidden.0.weight"]["optimizer"] is None
    assert rows["out.weight"]["registered"] is True


def test_several_models_go_by_their_names():
    generator, critic = nn.Linear(4, 6), nn.Linear(6, 1)
    g, c = (torch.optim.SGD(one.parameters(), lr=0.01) for one in (generator, critic))
    with babysit.watch(overhead="all") as w:
        for _ in range(5):
            fake = generator(torch.randn(8, 4))
            c.zero_grad()
            (critic(fake.detach()).mean() - critic(torch.randn(8, 6)).mean()).backward()
            c.step()
            g.zero_grad()
            (-critic(fake).mean()).backward()
            g.step()
    assert w.run.step == 5
    assert {"generator/weight", "critic/weight"} <= set(w.run.places("update.ratio"))
    assert (last(w, "calls.backward", "0"), last(w, "calls.backward", "1")) == (2, 1)  # the second reaches both
    assert len(w.run.fact("optimizers")) == 2


def test_a_criterion_imported_before_is_heard():
    from torch.nn.functional import mse_loss  # bound before the watch begins

    model = nn.Linear(6, 1)
    x, _ = data()
    with babysit.watch(overhead="all") as w:
        train(model, x, x[:, 0].clone(), criterion=lambda a, b: mse_loss(a[:, 0], b), steps=8)
    assert w.run.fact("task")["kind"] == "regression"
    with pytest.warns(UserWarning, match="broadcast"), babysit.watch(overhead="all") as w:
        train(model, x, x[:, 0].clone(), criterion=F.mse_loss, steps=4)
    assert last(w, "output.broadcast") == 1
    assert last(w, "output.numel_ratio") == 1
    assert w.findings[0].id == "loss-broadcasts"
    assert any("broadcast" in event.detail["text"] for event in w.run.events_of("warning"))


def test_an_explosion_is_named_within_three_steps():
    model = net()
    x, y = data()
    with babysit.watch() as w:
        optimizer = train(model, x, y, steps=150)
        with torch.no_grad():
            model[3].weight.mul_(float("nan"))
        train(model, x, y, steps=3, optimizer=optimizer)
        said = [event.step for event in w.run.events_of("finding")]
    first = w.run.events_of("nonfinite")[0]
    assert first.step == 151
    assert said
    assert said[-1] <= 154
    assert "loss-not-finite" in [one.id for one in w.findings]


def test_a_quiet_run_is_hardly_looked_at():
    model = net()
    x, y = data()
    with babysit.watch(overhead=1e-5) as w:
        train(model, x, y, steps=600)
    assert len(w.run.series("gradient.total")) < 80
    assert len(w.run.series("loss.train")) == 600
    assert math.isfinite(w.overhead)


def test_the_record_on_disk_is_the_run(tmp_path):
    model = net()
    with babysit.watch(overhead="all", out=tmp_path / "run") as w:
        train(model, *data(), steps=20)
    stored = read(tmp_path / "run")
    assert stored.step == w.run.step
    for what in ("loss.train", "update.ratio", "activation.mean"):
        for where in w.run.places(what):
            assert np.array_equal(stored.series(what, where).values, w.run.series(what, where).values)
    assert stored.fact("modules") == w.run.fact("modules")
    assert [one.id for one in stored.findings] == [one.id for one in w.findings]


def test_only_what_was_given_is_watched():
    mine, other = net(), net()
    x, y = data()
    optimizer = torch.optim.SGD(mine.parameters(), lr=0.1)
    with babysit.watch(mine, optimizer, overhead="all") as w:
        train(mine, x, y, steps=4, optimizer=optimizer)
        train(other, x, y, steps=9)
    assert w.run.step == 4
    assert len(w.run.fact("optimizers")) == 1


@pytest.mark.parametrize("overhead", [0, -1, 2, "much", "0%"])
def test_an_overhead_that_cannot_be_is_refused(overhead):
    with pytest.raises(RecipeError, match="overhead"):
        babysit.watch(overhead=overhead)


def test_what_is_no_model_is_refused():
    with pytest.raises(RecipeError, match="models and optimizers"):
        babysit.watch(3)


def test_a_watch_watches_once():
    w = babysit.watch()
    with w:
        pass
    with pytest.raises(RecipeError, match="once"), w:
        pass


@pytest.mark.parametrize(("overhead", "share"), [("1%", 0.01), (0.05, 0.05), ("all", None), ("0.5", 0.5)])
def test_an_overhead_is_a_share(overhead, share):
    from babysit.watcher.watching import _overhead

    assert _overhead(overhead) == share


@pytest.mark.parametrize("quiet", [False, True])
def test_the_operation_that_broke_the_loss_is_named(quiet):
    model = net()
    x, y = data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with babysit.watch() as w:
        train(model, x, y, steps=130 if quiet else 2, optimizer=optimizer)
        p = torch.softmax(model(x), 1)
        (-(p - p.detach()).log().mean()).backward()
        optimizer.step()
    (event,) = w.run.events_of("nonfinite")
    assert event.detail == {"site": "loss", "op": "log"}


class Cut(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = F.relu(self.a(x))
        h = torch.tensor(h.detach().numpy())  # the line
        return self.b(h)


def test_a_cut_is_traced_to_its_line():
    with babysit.watch() as w:
        train(Cut(), *data(), steps=5)
    (cut,) = w.run.fact("graph_cuts")
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert cut["why"] in ("detach", "numpy")
    assert "# the line" in lines[int(cut["source"].rsplit(":", 1)[1]) - 1]


def test_nothing_grows_in_a_long_run():
    model = nn.Linear(2, 1)
    x = torch.randn(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    with babysit.watch(overhead=1e-4) as w:
        for _ in range(9000):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
        assert w.observer is not None
        assert len(w.observer.buffered) <= 2500
        assert max(len(w.run.series(what, where)) for what in w.run.whats() for where in w.run.places(what)) <= 2048
    assert w.run.step == 9000


def test_a_view_that_trades_axes_is_seen_and_a_permutation_is_not():
    images = torch.randn(64, 6, 6, 3)
    for make, wrong in ((lambda x: x.view(-1, 3, 6, 6), True), (lambda x: x.permute(0, 3, 1, 2), False)):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        with babysit.watch(model, optimizer) as w:
            x = make(images)
            for _ in range(4):
                optimizer.zero_grad()
                F.cross_entropy(model(x), torch.zeros(64, dtype=torch.long)).backward()
                optimizer.step()
        assert ("wrong-axis" in {one.id for one in w.findings}) == wrong
    assert torch.Tensor.view is not None
    assert type(torch.Tensor.view).__name__ == "method_descriptor"


def test_what_the_first_layer_gets_is_measured_where_the_model_changes_it():
    class Model(nn.Module):
        def __init__(self, times):
            super().__init__()
            self.times, self.out = times, nn.Linear(4, 1)

        def forward(self, x):
            return self.out(x * self.times if self.times != 1 else x)

    for times, expected in ((1e-3, 1e-3), (1, math.nan)):
        model = Model(times)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        with babysit.watch(model, optimizer) as w:
            for _ in range(3):
                optimizer.zero_grad()
                F.mse_loss(model(torch.ones(8, 4)), torch.zeros(8, 1)).backward()
                optimizer.step()
        assert w.run.last("input.rms", "out") == pytest.approx(expected, rel=1e-4, nan_ok=True)


def evaluated(parts):
    """A training on the first 200 of 300 examples, evaluated after each epoch on some parts of them."""
    torch.manual_seed(0)
    x, y = torch.randn(300, 5), torch.randn(300, 1)
    model = net_of(5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with babysit.watch(model, optimizer, overhead="all") as w:
        for _ in range(4):
            for batch in torch.randperm(200).split(20):
                optimizer.zero_grad()
                F.mse_loss(model(x[batch]), y[batch]).backward()
                optimizer.step()
            with torch.no_grad():
                losses = [F.mse_loss(model(x[part]), y[part]).item() for part in parts]
    return w, losses


def test_an_evaluation_of_the_training_set_beside_validation_is_no_leak():
    w, losses = evaluated([slice(0, 200), slice(200, 300)])
    assert w.run.series("batch_val.overlap", "0").values.tolist() == [0.0] * 4
    assert w.run.last("loss.val") == pytest.approx(losses[1], rel=1e-5)
    assert "validation-leak" not in {one.id for one in w.findings}


def test_a_validation_set_that_holds_training_examples_is_one():
    w, _ = evaluated(torch.arange(180, 300).split(20))
    assert w.run.last("batch_val.overlap", "0") == pytest.approx(1 / 6)
    assert "validation-leak" in {one.id for one in w.findings}


def test_graphs_of_evaluations_that_are_kept():
    model = net_of(5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y, kept = torch.randn(40, 5), torch.randn(40, 1), []
    with babysit.watch(model, optimizer, overhead="all") as w:
        for _ in range(40):
            optimizer.zero_grad()
            F.mse_loss(model(x[:20]), y[:20]).backward()
            optimizer.step()
            kept.append(F.mse_loss(model(x[20:]), y[20:]))
    assert "memory-grows" in {one.id for one in w.findings}
    assert w.run.last("loss.graphs") == 0


def net_of(width):
    return nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 1))


@pytest.mark.parametrize("flipped", [True, False])
def test_flips_that_make_one_class_of_two(flipped):
    torch.manual_seed(0)
    ramp = torch.linspace(-1, 1, 10)
    shapes = torch.stack([ramp, -ramp, 1 - 2 * ramp.abs()])
    y = torch.randint(0, 3, (640,))
    x = shapes[y] + 0.2 * torch.randn(640, 10)
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with babysit.watch(model, optimizer, overhead="all") as w:
        for _ in range(8):
            for batch in torch.randperm(640).split(32):
                turned = torch.stack([one.flip(0) if torch.rand(1) < 0.5 else one for one in x[batch]])
                optimizer.zero_grad()
                F.cross_entropy(model(turned if flipped else x[batch]), y[batch]).backward()
                optimizer.step()
    assert ("augmentation-breaks-labels" in {one.id for one in w.findings}) == flipped
    assert (w.run.last("errors.twins") > 0.7) == flipped


def test_a_compiled_model_is_compiled_as_if_nobody_listened():
    import warnings

    import torch._dynamo

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, x):
            return self.b(F.relu(self.a(x).view(-1, 4, 4).transpose(1, 2).reshape(-1, 16)).flip(0))

    def train(watched):
        torch.manual_seed(0)
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        model = Model()
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = torch.randn(64, 8), torch.randint(0, 4, (64,))
        with babysit.watch() if watched else warnings.catch_warnings():
            for step in range(400):
                optimizer.zero_grad()
                loss = F.cross_entropy(compiled(x), y)
                loss.backward()
                optimizer.step()
                if step % 20 == 19:
                    with torch.no_grad():
                        F.cross_entropy(compiled(x), y)
        return loss.item(), torch._dynamo.utils.counters["stats"]["unique_graphs"]

    filters = list(warnings.filters)
    loss, graphs = train(watched=True)
    assert warnings.filters == filters
    assert train(watched=False) == (loss, graphs)
    assert not torch.nn.modules.module._global_forward_hooks


@pytest.mark.parametrize(
    "name", ["numpy.flip", "torch.flip", "torch.transpose", "torch.reshape", "torch.argmax", "torch.relu"]
)
def test_what_is_heard_pickles_as_ever(name):
    import importlib
    import pickle

    module, function = name.split(".")
    original = getattr(importlib.import_module(module), function)
    with babysit.watch():
        heard = getattr(importlib.import_module(module), function)
        assert heard is not original
        assert pickle.loads(pickle.dumps(heard)) in (heard, original)
    assert getattr(importlib.import_module(module), function) is original


@pytest.mark.parametrize("prefix", ["", "module."])
def test_frozen_layers_that_a_checkpoint_missed_are_named(prefix):
    trained, model = net(), net()
    with babysit.watch() as w:
        weights = {prefix + name: value for name, value in trained[0].state_dict().items()}
        model[0].load_state_dict(weights, strict=False)
        model[0].requires_grad_(False)
        train(model, *data(), steps=20)
    missing = [row["name"] for row in w.run.fact("parameters") if row["not_loaded"]]
    assert missing == (["0.weight", "0.bias"] if prefix else [])
    assert ("frozen-by-mistake" in [one.id for one in w.findings if one.severity != "info"]) == bool(prefix)


class Parts(nn.Module):
    """A model that keeps its criterion, and computes its loss from its parts: its own forward is never called."""

    def __init__(self):
        super().__init__()
        self.net, self.criterion = net(nn.Softmax(1)), nn.CrossEntropyLoss()

    def training_step(self, x, y):
        return self.criterion(self.net(x), y)


def test_a_pass_before_training_does_not_take_the_criterions_place():
    torch.manual_seed(1)
    model = Parts()
    x, y = data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with babysit.watch(overhead="all") as w:
        model.eval()
        with torch.no_grad():
            model.criterion(model.net(x[90:]), y[90:])
        model.train()
        for step in range(12):
            at = 30 * (step % 3)
            optimizer.zero_grad()
            model.training_step(x[at : at + 30], y[at : at + 30]).backward()
            optimizer.step()
            if step % 4 == 3:
                model.eval()
                with torch.no_grad():
                    model.criterion(model.net(x[90:]), y[90:])
                model.train()
    (criterion,) = w.run.fact("criteria")
    assert criterion["output_shape"] == [30, 3]
    assert w.run.places("loss.chance") == [""]
    assert len(w.run.series("accuracy.train"))
    assert set(w.run.series("calls.forward").values) == {1.0}  # the criterion is none
    assert w.findings[0].id == "loss-expects-logits"
