"""A recorded step, played again, is the step: bit-equal losses, gradients as autograd gives them, nothing changed."""

from __future__ import annotations

import contextlib
import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import cross_entropy

from babysit.checker.attempt import Enough
from babysit.checker.captured.asking import Asking
from babysit.checker.captured.recording import Recorder
from babysit.checks import CannotJudge


def record(program, **options):
    with Recorder(**options) as recorder, contextlib.suppress(Enough):
        program()
    return recorder.subject


def loop(model, loss_of, batches, optimizer=None, *, zero=True):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)

    def program():
        for batch in batches:
            if zero:
                optimizer.zero_grad()
            loss_of(model, *batch).backward()
            optimizer.step()

    return program


def classes(n=32, d=5, k=3, count=4, seed=0):
    torch.manual_seed(seed)
    return [(torch.randn(n, d), torch.randint(k, (n,))) for _ in range(count)]


def net(d=5, k=3):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(d, 16), nn.ReLU(), nn.Linear(16, k))


class Twice(nn.Module):
    """Two outputs, one of them used through a view and an index."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(5, 1)

    def forward(self, x):
        return {"scores": self.a(x), "size": self.b(x)}


def by_module(model, x, y):
    return nn.CrossEntropyLoss()(model(x), y)


def by_hand(model, x, y):
    scores = model(x)
    logs = scores - scores.logsumexp(1, keepdim=True)
    return -(logs[torch.arange(len(y)), y]).mean() + 1e-3 * sum(p.square().sum() for p in model.parameters())


def by_import(model, x, y):
    return cross_entropy(model(x).view(len(x), -1), y) * 2


def several(model, x, y):
    out = model(x)
    scores = out["scores"].view(len(x), 2, 3)[:, 0]
    loss = F.cross_entropy(scores, y)
    loss += F.mse_loss(out["size"].squeeze(-1), y.float())
    return loss


def in_place(model, x, y):
    held = torch.zeros(len(x), 3)
    held[:, :] = model(x)
    return F.cross_entropy(held, y)


@pytest.mark.parametrize(
    ("model", "loss"),
    [(net, by_module), (net, by_hand), (net, by_import), (Twice, several), (net, in_place)],
    ids=["module", "hand", "import", "several", "in_place"],
)
def test_playing_again_gives_the_same_loss_and_gradients(model, loss):
    torch.manual_seed(3)
    model, batches = model(), classes()
    twin = copy.deepcopy(model)
    subject = record(loop(model, loss, batches))
    assert subject.problem == ""
    want = loss(twin, *batches[0])
    want.backward()
    body = Asking(subject).fresh()
    played = subject.recorded[0].play(body)
    assert float(played.loss.detach()) == subject.recorded[0].value == float(want.detach())
    played.loss.backward()
    for mine, theirs in zip(body.modules[0].parameters(), twin.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None)
        if mine.grad is not None:
            assert torch.equal(mine.grad, theirs.grad)


def test_recording_changes_nothing():
    batches = classes()
    plain, watched = net(), net()
    loop(plain, by_module, batches)()
    apply = vars(torch.autograd.Function)["apply"]
    record(loop(watched, by_module, batches))
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), watched.parameters(), strict=True))
    assert nn.Module.__call__ is nn.Module._wrapped_call_impl
    assert torch.Tensor.backward.__module__ == "torch._tensor"
    assert F.cross_entropy is cross_entropy
    assert vars(torch.autograd.Function)["apply"] is apply


def test_copies_are_as_before_the_first_step_and_each_is_its_own():
    model, batches = net(), classes()
    start = [one.detach().clone() for one in model.parameters()]
    subject = record(loop(model, by_module, batches))
    asking = Asking(subject)
    first = asking.fresh()
    assert all(torch.equal(a, b) for a, b in zip(start, first.modules[0].parameters(), strict=True))
    with torch.no_grad():
        next(first.modules[0].parameters()).zero_()
    assert torch.equal(next(asking.fresh().modules[0].parameters()), start[0])
    held = {id(one) for group in first.optimizers[0].param_groups for one in group["params"]}
    assert held == {id(one) for one in first.modules[0].parameters()}


def test_rows_are_taken_from_inputs_and_targets_together():
    batches = classes()
    subject = record(loop(net(), by_module, batches))
    rows = torch.tensor([3, 0, 3])
    played = subject.recorded[0].play(Asking(subject).fresh(), rows=rows)
    x, y = batches[0]
    assert float(played.loss.detach()) == pytest.approx(float(by_module(net(), x[rows], y[rows]).detach()), abs=1e-6)


def test_class_weights_are_not_rows():
    weight = torch.tensor([1.0, 2.0, 3.0])
    batches = classes(n=3)
    subject = record(loop(net(), lambda m, x, y: F.cross_entropy(m(x), y, weight=weight), batches))
    rows = torch.tensor([0, 0, 1])
    played = subject.recorded[0].play(Asking(subject).fresh(), rows=rows)
    x, y = batches[0]
    want = F.cross_entropy(net()(x[rows]), y[rows], weight=weight)
    assert float(played.loss.detach()) == pytest.approx(float(want.detach()), abs=1e-6)


def test_a_loss_made_inside_the_model_is_heard():
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x, y):
            scores = self.net(x)
            return scores, F.cross_entropy(scores, y)

    subject = record(loop(Whole(), lambda m, x, y: m(x, y)[1], classes()))
    assert (subject.kind, subject.classes) == ("classes", 3)
    assert len(subject.first.inputs) == 1


def test_gradients_that_are_not_cleared_are_seen_and_accumulation_on_purpose_is_not():
    dirty = record(loop(net(), by_module, classes(count=6), zero=False))
    assert dirty.carried[0] == 5
    model, optimizer = net(), None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def micro():
        for number, (x, y) in enumerate(classes(count=12)):
            by_module(model, x, y).backward()
            if number % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()

    clean = record(micro)
    assert clean.steps == 4
    assert clean.carried.get(0, 0) == 0


def test_validation_is_told_from_training():
    model, batches = net(), classes()

    def program():
        loop(model, by_module, batches)()
        model.eval()
        with torch.no_grad():
            model(torch.randn(40, 5))
        model.train()
        loop(model, by_module, batches)()

    subject = record(program, steps=2)
    assert subject.evaluated.count == 40
    assert subject.trained.count == 4 * 32


def test_a_script_without_an_optimizers_step_is_ended():
    model, batches = net(), classes(count=100)
    seen = []

    def program():
        for x, y in batches:
            by_module(model, x, y).backward()
            seen.append(1)

    subject = record(program)
    assert len(seen) < 100
    assert subject.steps == 0


def test_a_closure_is_played_by_the_optimizer():
    torch.manual_seed(0)
    model, (x, y) = net(), classes()[0]
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def program():
        for _ in range(3):

            def closure():
                optimizer.zero_grad()
                loss = by_module(model, x, y)
                loss.backward()
                return loss

            optimizer.step(closure)

    subject = record(program)
    asking = Asking(subject)
    losses = asking(asking.recipe, steps=5).series("loss.train").values
    assert subject.closures
    assert subject.carried.get(0, 0) == 0  # cleared inside the step
    assert losses[-1] < losses[0]


def test_two_optimizers_that_take_turns_are_not_trained():
    a, b = net(), net()
    first, second = torch.optim.SGD(a.parameters(), lr=0.1), torch.optim.SGD(b.parameters(), lr=0.1)

    def program():
        for x, y in classes():
            for model, optimizer in ((a, first), (b, second)):
                optimizer.zero_grad()
                by_module(model, x, y).backward()
                optimizer.step()

    asking = Asking(record(program))
    with pytest.raises(CannotJudge, match="take turns"):
        asking(asking.recipe, steps=3)


def test_tied_weights_stay_tied_in_copies():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.out = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
            self.out.weight = self.embed.weight

        def forward(self, x):
            return self.out(self.embed(x))

    torch.manual_seed(0)
    x = torch.randint(7, (16,))
    subject = record(loop(Tied(), lambda m, x: F.cross_entropy(m(x), x), [(x,)] * 3))
    copied = Asking(subject).fresh().modules[0]
    assert copied.out.weight is copied.embed.weight


def test_parameters_of_no_module_are_copied_too():
    torch.manual_seed(0)
    x, y = torch.randn(32, 5), torch.randint(3, (32,))
    w = torch.randn(5, 3, requires_grad=True)
    model = net(3, 3)
    optimizer = torch.optim.SGD([w, *model.parameters()], lr=0.1)

    def program():
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(model(x @ w), y).backward()
            optimizer.step()

    start = w.detach().clone()
    subject = record(program)
    step = subject.recorded[0]
    played = step.play(Asking(subject).fresh())
    assert float(played.loss.detach()) == step.value
    assert torch.equal(subject.body.loose[0], start)


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_cleared_before_the_step_are_none(to_none):
    model, (x, y) = net(), classes()[0]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def program():
        for _ in range(4):
            by_module(model, x, y).backward()
            optimizer.zero_grad(set_to_none=to_none)
            optimizer.step()

    subject = record(program)
    assert (subject.empty, subject.flat) == ({0: 4}, {})


def test_gradients_that_are_exactly_zero_are_told_from_none():
    x, y = classes()[0]
    flat = nn.Sequential(nn.Linear(5, 3), nn.Softmax(1))
    with torch.no_grad():
        flat[0].bias[0] = 1e4  # one class takes all the probability: softmax's derivative is 0 in float32
    subject = record(loop(flat, by_module, [(x, y)] * 4))
    assert (subject.empty, subject.flat) == ({}, {0: 4})
    solved = nn.Linear(5, 1)
    with torch.no_grad():
        solved.bias.fill_(1e4)  # a hinge that is met: a loss of 0 has no gradient and needs none
    subject = record(loop(solved, lambda model, x, y: (1 - model(x)).relu().mean(), [(x, y)] * 4))
    assert (subject.empty, subject.flat) == ({}, {})
    assert record(loop(net(), by_module, [(x, y)] * 4)).empty == {}
