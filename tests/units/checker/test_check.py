"""The verb `check` on real models: each fault found by the check for it, and none on its healthy twin."""

from __future__ import annotations

import json
import textwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from torch import nn

import babysit
from babysit.checker.check import Report, chosen, from_plain, to_plain
from babysit.checker.check_script import ScriptFailed, check_script
from babysit.checker.program import Script
from babysit.cli.check import command
from babysit.errors import DataError, RecipeError
from babysit.testing import assert_healthy, outcome_contract


def data(n=384, d=8, k=4, batch=32, seed=0):
    """Classes that are learnable: the largest of k linear scores."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator)
    y = (x @ torch.randn(d, k, generator=generator)).argmax(1)
    return x, y, batches(x, y, batch)


def batches(x, y, batch=32):
    return [(x[i : i + batch], y[i : i + batch]) for i in range(0, len(x), batch)]


def numbers(n=384, d=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator)
    y = x @ torch.randn(d, generator=generator)
    return x, y / y.std()


def mlp(d=8, k=4, *end, depth=1, width=32, activation=nn.ReLU):
    torch.manual_seed(0)
    layers = [nn.Linear(d, width), activation()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, k), *end)


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def asked(name, model, criterion, loader, **options):
    report = babysit.check(model, criterion, loader, only=[name], **options)
    outcome_contract(report[name])
    return report[name]


def ids(outcome):
    return [finding.id for finding in outcome.findings]


CE = nn.CrossEntropyLoss()


def test_a_healthy_model_passes_all_that_can_be_judged():
    _, _, loader = data()
    model = mlp()
    report = babysit.check(model, CE, loader, optimizer=adam(model), val_loader=batches(*data(seed=5)[:2]), time=60)
    assert report.passed, str(report)
    assert report.status == "healthy"
    assert {"initial-loss", "overfits-tiny-subset", "inputs-matter", "validation-apart"} <= {
        one.id for one in report.outcomes if one.passed
    }
    for one in report.outcomes:
        outcome_contract(one)


def test_checking_leaves_everything_as_it_was():
    _, _, loader = data()
    model = mlp(8, 4, nn.Dropout(0.5)).eval()
    optimizer = adam(model)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    random = torch.random.get_rng_state()
    babysit.check(model, CE, loader, optimizer=optimizer, time=5)
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())
    assert torch.equal(random, torch.random.get_rng_state())
    assert optimizer.state == {}
    assert not model.training
    assert all(one.grad is None for one in model.parameters())


def test_initial_loss_of_a_loud_head():
    model = mlp()
    with torch.no_grad():
        model[-1].weight.mul_(300)
    assert ids(asked("initial-loss", model, CE, data()[2])) == ["initial-loss-off"]
    assert asked("initial-loss", mlp(), CE, data()[2]).passed


def test_chance_is_the_closed_form():
    from babysit.checker.captured.chance import chance, uniform
    from babysit.checker.captured.step import Criterion

    y = torch.tensor([0, 0, 0, 1, 2, 2])
    call = Criterion("cross_entropy", torch.randn(6, 5), y, {})
    shares = np.array([3, 1, 2]) / 6
    assert uniform(call) == pytest.approx(np.log(5), rel=1e-6)
    assert chance(call) == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-6)
    t = torch.tensor([1.0, 2.0, 6.0])
    numbers = Criterion("mse_loss", torch.zeros(3), t, {"reduction": "mean"})
    assert chance(numbers) == pytest.approx(float(t.var(correction=0)))
    assert uniform(numbers) == pytest.approx(float(t.square().mean()))
    summed = Criterion("mse_loss", torch.zeros(3), t, {"reduction": "sum"})
    assert uniform(summed) == pytest.approx(float(t.square().sum()))


@pytest.mark.parametrize(
    ("change", "id"),
    [
        (lambda x: x * 200 + 100, "input-not-normalized"),
        (lambda x: x / 65025, "input-squashed"),
        (lambda x: torch.where(x > 2.2, torch.nan, x), "input-not-finite"),
    ],
)
def test_input_scale(change, id):
    x, y, loader = data()
    assert asked("inputs-scaled", mlp(), CE, loader).passed
    assert ids(asked("inputs-scaled", mlp(), CE, batches(change(x), y))) == [id]


def test_constant_features():
    x, y, loader = data()
    assert asked("constant-features", mlp(), CE, loader).passed
    assert ids(asked("constant-features", mlp(), CE, batches(torch.ones_like(x), y))) == ["input-squashed"]


def test_targets_scale():
    x, y = numbers()
    one = mlp(8, 1, nn.Flatten(0))
    assert asked("targets-scaled", one, nn.MSELoss(), batches(x, y)).passed
    assert ids(asked("targets-scaled", one, nn.MSELoss(), batches(x, y * 1e5 + 3e5))) == ["targets-not-scaled"]


def test_order_of_labels():
    x, y, loader = data()
    order = y.argsort()
    assert asked("batches-shuffled", mlp(), CE, loader).passed
    assert ids(asked("batches-shuffled", mlp(), CE, batches(x[order], y[order]))) == ["batches-not-shuffled"]


def test_a_column_that_is_the_answer():
    x, y = numbers()
    told = torch.cat([x, y[:, None]], 1)
    one = mlp(9, 1, nn.Flatten(0))
    assert ids(asked("target-hidden", one, nn.MSELoss(), batches(told, y))) == ["target-in-input"]
    assert asked("target-hidden", mlp(8, 1, nn.Flatten(0)), nn.MSELoss(), batches(x, y)).passed


def test_validation():
    x, y, loader = data()
    other = batches(*data(seed=7)[:2])
    mixed = torch.cat([x[:40], data(seed=7)[0][:88]])[torch.randperm(128, generator=torch.Generator().manual_seed(1))]
    assert asked("validation-apart", mlp(), CE, loader, val_loader=other).passed
    assert ids(asked("validation-apart", mlp(), CE, loader, val_loader=batches(mixed, y[:128]))) == ["validation-leak"]
    unscaled = [(a * 255, b) for a, b in other]
    assert asked("validation-prepared-alike", mlp(), CE, loader, val_loader=other).passed
    assert ids(asked("validation-prepared-alike", mlp(), CE, loader, val_loader=unscaled)) == ["train-val-mismatch"]
    assert asked("validation-apart", mlp(), CE, loader).passed is None


def test_depth():
    _, _, loader = data()
    small = mlp(depth=8, activation=nn.Tanh)
    with torch.no_grad():
        for one in small:
            if isinstance(one, nn.Linear):
                nn.init.normal_(one.weight, std=0.01)
    sound = mlp(depth=8, activation=nn.Tanh)
    assert ids(asked("signal-through-depth", small, CE, loader)) == ["init-scale"]
    assert asked("signal-through-depth", sound, CE, loader).passed
    assert ids(asked("gradient-through-depth", mlp(depth=12, activation=nn.Sigmoid), CE, loader)) == [
        "vanishing-gradients"
    ]
    assert asked("gradient-through-depth", sound, CE, loader).passed


def test_symmetry_and_a_last_layer_of_zeros():
    _, _, loader = data()
    zero, head = mlp(depth=2), mlp(depth=2)
    with torch.no_grad():
        for one in zero.parameters():
            one.zero_()
        head[-1].weight.zero_()
    assert ids(asked("units-differ", zero, CE, loader)) == ["symmetric-units"]
    assert asked("units-differ", head, CE, loader).passed


def test_symmetry_before_an_output_of_one_unit():
    loader = batches(*(part if part.ndim > 1 else part[:, None] for part in numbers()))
    sound, clones, deep, line = mlp(8, 1), mlp(8, 1), mlp(8, 1, depth=2), nn.Linear(8, 1)
    with torch.no_grad():
        clones[0].weight.fill_(0.1)
        clones[0].bias.zero_()
        clones[2].weight.fill_(0.1)
        deep[2].weight.fill_(0.1)
        deep[2].bias.zero_()
        deep[4].weight.fill_(0.1)
    assert asked("units-differ", sound, nn.MSELoss(), loader).passed
    assert ids(asked("units-differ", clones, nn.MSELoss(), loader)) == ["symmetric-units"]
    assert asked("units-differ", deep, nn.MSELoss(), loader).findings[0].where == "2.weight"
    assert "no hidden layer" in asked("units-differ", line, nn.MSELoss(), loader).reason
    assert "four units" in asked("units-differ", mlp(8, 1, width=3), nn.MSELoss(), loader).reason


class Parts(nn.Module):
    """Two layers with a fault between them, chosen by name."""

    def __init__(self, fault=""):
        super().__init__()
        torch.manual_seed(0)
        self.fault = fault
        a, b = nn.Linear(8, 16), nn.Linear(16, 4)
        if fault == "list":
            self.layers = [a]
            self.b = b
        else:
            self.a, self.b = a, b

    def forward(self, x):
        h = (self.layers[0] if self.fault == "list" else self.a)(x).relu()
        if self.fault == "detach":
            h = h.detach()
        if self.fault == "view":
            h = h.t().reshape(len(x), -1)
        if self.fault == "softmax over the batch":
            h = h.softmax(0)
        out = self.b(h)
        return F.dropout(out, 0.5) if self.fault == "dropout" else out


@pytest.mark.parametrize(
    ("fault", "name", "id"),
    [
        ("list", "parameters-learn", "parameters-not-optimized"),
        ("detach", "parameters-learn", "graph-cut"),
        ("view", "examples-independent", "examples-leak-into-each-other"),
        ("softmax over the batch", "examples-independent", "examples-leak-into-each-other"),
        ("dropout", "modes-agree", "dropout-too-strong"),
    ],
)
def test_faults_inside_a_model(fault, name, id):
    _, _, loader = data()
    sick, sound = Parts(fault), Parts()
    assert id in ids(asked(name, sick, CE, loader, optimizer=adam(sick)))
    assert asked(name, sound, CE, loader, optimizer=adam(sound)).passed


def test_an_optimizer_of_another_model():
    _, _, loader = data()
    assert "parameters-not-optimized" in ids(asked("parameters-learn", mlp(), CE, loader, optimizer=adam(mlp())))


def test_only_the_last_layer_trained_is_no_fault_behind_trained_layers():
    _, _, loader = data()
    model = mlp(depth=2)
    fresh = asked("parameters-learn", model, CE, loader, optimizer=adam(model[-1]))
    assert ids(fresh) == ["parameters-not-optimized"]
    with torch.no_grad():  # weights with tails, as training leaves them
        for one in model[:-1].parameters():
            one.normal_(std=0.2)
    outcome = asked("parameters-learn", model, CE, loader, optimizer=adam(model[-1]))
    assert outcome.passed
    assert [one.severity for one in outcome.findings] == ["info"]


def test_a_fixed_model_behind_the_trained_one_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = TRAIN.format(last="", epochs=10**9, zero="optimizer.zero_grad()")
    text = text.replace("model(x[i:i + 32])", "fixed(model(x[i:i + 32]))").replace(
        "optimizer =", "fixed = nn.Linear(4, 4)\noptimizer ="
    )
    outcomes = {
        one.id: one for one in check_script(Script(str(script(tmp_path, text))), chosen(["parameters-learn"]), 30)
    }
    assert outcomes["parameters-learn"].passed
    assert [one.severity for one in outcomes["parameters-learn"].findings] == ["info"]


class Language(nn.Module):
    def __init__(self, bidirectional):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(11, 8)
        self.rnn = nn.GRU(8, 8, batch_first=True, bidirectional=bidirectional)
        self.out = nn.Linear(16 if bidirectional else 8, 11)

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0])


def test_the_future():
    text = torch.randint(11, (64, 13), generator=torch.Generator().manual_seed(0))
    loader = batches(text[:, :-1], text[:, 1:], 16)

    def criterion(out, y):
        return F.cross_entropy(out.reshape(-1, 11), y.reshape(-1))

    assert ids(asked("future-unseen", Language(True), criterion, loader)) == ["target-in-input"]
    assert asked("future-unseen", Language(False), criterion, loader).passed
    tags = batches(text[:, :-1], (text[:, :-1] + 3) % 11, 16)  # tagging: both directions are fair
    assert asked("future-unseen", Language(True), criterion, tags).passed is None


def test_probabilities():
    _, _, loader = data()
    assert ids(asked("loss-gets-scores", mlp(8, 4, nn.Softmax(1)), CE, loader)) == ["loss-expects-logits"]
    assert asked("loss-gets-scores", mlp(8, 4, nn.LogSoftmax(1)), CE, loader).passed  # twice is harmless
    assert asked("loss-gets-scores", mlp(8, 4, nn.LogSoftmax(1)), nn.NLLLoss(), loader).passed
    assert ids(asked("loss-gets-scores", mlp(), nn.NLLLoss(), loader)) == ["loss-expects-log-probabilities"]
    x, y = numbers()
    yes = batches(x, (y > 0).float())
    bce = nn.BCEWithLogitsLoss()
    assert ids(asked("loss-gets-scores", mlp(8, 1, nn.Sigmoid(), nn.Flatten(0)), bce, yes)) == ["loss-expects-logits"]
    assert asked("loss-gets-scores", mlp(8, 1, nn.Flatten(0)), bce, yes).passed


def by_hand(out, y):
    return ((out - y) ** 2).mean()


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("criterion", [nn.MSELoss(), by_hand], ids=["module", "hand"])
def test_broadcasting(criterion):
    x, y = numbers()
    assert ids(asked("shapes-match", mlp(8, 1), criterion, batches(x, y))) == ["loss-broadcasts"]
    same = asked("shapes-match", mlp(8, 1), criterion, batches(x, y[:, None]))
    assert same.passed is not False


def test_sums():
    _, _, loader = data()
    summed = nn.CrossEntropyLoss(reduction="sum")

    def sgd(model, lr):
        return torch.optim.SGD(model.parameters(), lr=lr)

    model = mlp()
    assert asked("loss-averaged", model, CE, loader, optimizer=sgd(model, 0.1)).passed
    loud = asked("loss-averaged", model, summed, loader, optimizer=sgd(model, 0.1))
    assert (loud.passed, ids(loud)) == (False, ["loss-summed"])
    assert asked("loss-averaged", model, summed, loader, optimizer=sgd(model, 0.003)).passed
    assert asked("loss-averaged", model, summed, loader, optimizer=adam(model)).passed


def test_reach():
    x, y = numbers()
    bound = mlp(8, 1, nn.Tanh(), nn.Flatten(0))
    assert ids(asked("targets-reachable", bound, nn.MSELoss(), batches(x, 3 * y))) == ["output-cannot-reach-targets"]
    assert asked("targets-reachable", bound, nn.MSELoss(), batches(x, y.clamp(-1, 1))).passed
    assert ids(asked("targets-reachable", mlp(8, 4, nn.ReLU()), CE, data()[2])) == ["output-cannot-reach-targets"]


def test_a_network_that_does_not_read_its_input():
    _, _, loader = data()

    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            return self.net(x * 0)

    assert ids(asked("inputs-matter", Blind(), CE, loader, time=60)) == ["output-ignores-input"]
    assert asked("inputs-matter", mlp(), CE, loader, time=60).passed


def test_batch_norm():
    _, _, loader = data()

    def norm(momentum):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16, momentum=momentum), nn.ReLU(), nn.Linear(16, 4))

    stale = norm(1e-5)
    with torch.no_grad():
        stale[0].weight.mul_(40)
    assert ids(asked("modes-agree", stale, CE, loader)) == ["batchnorm-train-eval-gap"]
    assert asked("modes-agree", norm(0.1), CE, loader).passed


class Cube(torch.autograd.Function):
    wrong = 1.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        return 3 * ctx.saved_tensors[0] ** 2 * grad


class WrongCube(Cube):
    @staticmethod
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] ** 2 * grad


class OwnRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx, grad):
        return grad * (ctx.saved_tensors[0] > 0)


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, grad):
        return grad


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -grad


@pytest.mark.parametrize(
    ("function", "passed"),
    [(Cube, True), (OwnRelu, True), (WrongCube, False), (StraightThrough, None), (Reversed, None)],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_own_backward_passes(function, passed):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, x):
            return self.b(function.apply(self.a(x)))

    torch.manual_seed(0)
    outcome = asked("own-gradients-right", Net(), CE, data()[2])
    assert outcome.passed is passed
    assert ids(outcome) == (["own-gradient-wrong"] if passed is False else [])


def test_learning_rates():
    _, _, loader = data()
    for lr, want in ((30.0, "learning-rate-too-high"), (1e-8, "learning-rate-too-low")):
        model = mlp()
        outcome = asked(
            "learning-rate-range", model, CE, loader, optimizer=torch.optim.SGD(model.parameters(), lr=lr), time=60
        )
        assert ids(outcome) == [want]
    model = mlp()
    assert asked(
        "learning-rate-range", model, CE, loader, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), time=60
    ).passed


def test_weight_decay_that_shrinks_nothing():
    class Deaf(torch.optim.SGD):
        """Its groups have a weight decay, and its steps ignore it."""

        def step(self, closure=None):
            kept = [group["weight_decay"] for group in self.param_groups]
            for group in self.param_groups:
                group["weight_decay"] = 0.0
            super().step()
            for group, value in zip(self.param_groups, kept, strict=True):
                group["weight_decay"] = value

    _, _, loader = data()
    model = mlp()
    deaf = Deaf(model.parameters(), lr=0.01, weight_decay=1e-3)
    wired = torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=1e-3)
    assert ids(asked("regularization-wired", model, CE, loader, optimizer=deaf, time=60)) == [
        "regularization-not-wired"
    ]
    assert asked("regularization-wired", model, CE, loader, optimizer=wired, time=60).passed


def test_several_inputs_and_dicts():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(10)

        def forward(self, a, b):
            return self.net(torch.cat([a, b], 1))

    x, y, _ = data(d=10)
    tuples = [((x[i : i + 32, :4], x[i : i + 32, 4:]), y[i : i + 32]) for i in range(0, 384, 32)]
    dicts = [({"a": a, "b": b}, y) for (a, b), y in tuples]
    for loader in (tuples, dicts):
        report = babysit.check(Two(), CE, loader, time=30)
        assert report.passed, str(report)


def test_reports_read_well_and_survive_json():
    report = babysit.check(mlp(8, 4, nn.Softmax(1)), CE, data()[2], only=["loss-gets-scores", "shapes-match"])
    assert "✖ loss-gets-scores" in repr(report)
    assert "1 passed, 1 failed" in repr(report)
    plain = json.loads(json.dumps(report.to_dict()))
    assert (plain["schema"], plain["status"]) == (1, "findings")
    assert [to_plain(from_plain(one)) for one in plain["checks"]] == plain["checks"]
    assert Report().status == "unknown"


def test_the_pytest_helper():
    _, _, loader = data()
    with pytest.raises(AssertionError, match="loss-expects-logits"):
        assert_healthy(mlp(8, 4, nn.Softmax(1)), CE, loader, only=["loss-gets-scores"])
    assert_healthy(mlp(8, 4, nn.Softmax(1)), CE, loader, only=["loss-gets-scores"], allow=["loss-expects-logits"])


def test_what_cannot_be():
    with pytest.raises(RecipeError, match=r"did you mean initial-loss"):
        babysit.check(mlp(), CE, data()[2], only=["initial-los"])
    with pytest.raises(DataError, match="gave none"):
        babysit.check(mlp(), CE, [])
    with pytest.raises(DataError, match=r"must be \(x, y\)"):
        babysit.check(mlp(), CE, [torch.zeros(3)])
    with pytest.raises(RuntimeError, match="mat1"):  # the model's own error, as it is
        babysit.check(mlp(d=5), CE, data()[2])


def test_no_time():
    report = babysit.check(mlp(), CE, data()[2], time=1e-9)
    assert all(one.passed is None for one in report.outcomes)
    assert "no time left" in report.outcomes[-1].reason


# scripts

TRAIN = """
import torch
from torch import nn
torch.manual_seed(0)
x = torch.randn(384, 8)
y = (x @ torch.randn(8, 4)).argmax(1)
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4){last})
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
print("hello from the script")
open("was_here.txt", "w").write("1")
for epoch in range({epochs}):
    model.train()
    for i in range(0, 256, 32):
        loss = nn.functional.cross_entropy(model(x[i:i + 32]), y[i:i + 32])
        {zero}
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        model(x[256:])
"""


def script(tmp_path, text=TRAIN, **parts):
    path = tmp_path / "train.py"
    if text is TRAIN:
        text = text.format(**{"last": "", "epochs": 10**9, "zero": "optimizer.zero_grad()", **parts})
    path.write_text(textwrap.dedent(text))
    return path


def run(path, *args):
    return CliRunner().invoke(command, [str(path), *args], catch_exceptions=True, prog_name="babysit check")


def test_a_script_that_never_ends_is_checked_and_ended(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    outcomes = {one.id: one for one in check_script(Script(str(script(tmp_path))), chosen(), 30)}
    assert [name for name, one in outcomes.items() if one.passed is False] == []
    assert outcomes["validation-apart"].passed
    assert outcomes["overfits-tiny-subset"].passed
    assert "hello" not in capfd.readouterr().out


def test_a_sick_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = script(tmp_path, last=", nn.Softmax(1)", zero="pass")
    outcomes = {
        one.id: one for one in check_script(Script(str(path)), chosen(["loss-gets-scores", "gradients-cleared"]), 30)
    }
    assert ids(outcomes["loss-gets-scores"]) == ["loss-expects-logits"]
    assert ids(outcomes["gradients-cleared"]) == ["gradients-accumulate"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("print('nothing to do')", "ended without training"),
        ("import torch\nraise ValueError('my own')", "ValueError: my own"),
        ("name = input('who? ')", "asks for input"),
        ("import sys\nprint('no such option', file=sys.stderr)\nsys.exit(2)", "no such option"),
        ("while True: pass", "did not come to its first training step within 1 s"),
        ("import os\nos._exit(7)", "ended from outside"),
    ],
)
def test_scripts_that_cannot_be_checked(tmp_path, text, says):
    with pytest.raises(ScriptFailed) as caught:
        list(check_script(Script(str(script(tmp_path, text))), chosen(), 5, 1.0))
    assert says in str(caught.value)
    assert "captured" not in str(caught.value)


def test_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = script(tmp_path)
    fine = run(path, "--only", "initial-loss,shapes-match", "--json", "out.json")
    assert fine.exit_code == 0, fine.output
    assert "✔ initial-loss" in fine.output
    assert json.loads((tmp_path / "out.json").read_text())["status"] == "healthy"
    sick = run(script(tmp_path, last=", nn.Softmax(1)"), "--only", "loss-gets-scores", "--json", "-")
    assert sick.exit_code == 1
    assert json.loads(sick.stdout)["findings"][0]["id"] == "loss-expects-logits"
    assert run(script(tmp_path, "print(1)")).exit_code == 3
    assert "inputs-scaled" in run("--list").output


def test_the_command_line_on_what_is_no_script(tmp_path):
    path = script(tmp_path, "def broken(:")
    assert isinstance(run(path).exception, RecipeError)
    assert isinstance(run(tmp_path / "missing.py").exception, RecipeError)
    assert isinstance(run("iris", "wdith=3").exception, RecipeError)
    assert isinstance(run("no_such_set").exception, DataError)


def test_a_recipe():
    result = run(
        "iris", "--only", "initial-loss,overfits-tiny-subset,parameters-learn,validation-apart", "--time", "60s"
    )
    assert result.exit_code == 0, result.output
    sick = run("iris", "activation=sigmoid", "depth=8", "init=small", "--only", "signal-through-depth")
    assert sick.exit_code == 1
    assert "init-scale" in sick.output
