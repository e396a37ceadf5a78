"""What is told of a copy of the model, and that trying it leaves no trace."""

from __future__ import annotations

import io
import random
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import babysit

HEARD: list[int] = []
COUNT = 0


class Sequence(nn.Module):
    """A small language model; `kind` says what is done wrong in it."""

    def __init__(self, kind: str = "") -> None:
        super().__init__()
        self.kind = kind
        self.embed = nn.Embedding(9, 8)
        self.body = nn.LSTM(8, 8, batch_first=True, bidirectional=kind == "future")
        self.head = nn.Linear(16 if kind == "future" else 8, 9)

    def forward(self, x):
        global COUNT
        COUNT += 1
        HEARD.append(COUNT)
        print(end="")
        if self.kind == "ignores":
            x = torch.arange(x.shape[1]).remainder(9).expand(x.shape)
        h, _ = self.body(self.embed(x))
        return self.head(h)


def train(model, make, steps=40, loss=F.cross_entropy):
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with babysit.watch(model, optimizer, overhead="all") as w:
        for _ in range(steps):
            x, y = make()
            out = model(x)
            value = loss(out.reshape(-1, out.shape[-1]) if out.ndim == 3 else out, y)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    assert not [one.detail["text"] for one in w.run.events_of("warning")]
    return w.run


def tokens(shift=1):
    text = torch.randint(0, 9, (16, 14))
    return text[:, :12], text[:, shift : 12 + shift].reshape(-1)


@pytest.mark.parametrize("kind", ["", "future"])
def test_the_future_is_seen_or_not(kind):
    fact = train(Sequence(kind), tokens).fact("dependency")
    assert fact["examples"] == 0
    assert (fact["future"] > 1e-3) == (kind == "future")
    assert "copied" not in fact


def test_a_causal_model_whose_targets_are_its_inputs_copies_them():
    fact = train(Sequence(), lambda: tokens(shift=0)).fact("dependency")
    assert fact["copied"] is True
    assert "future" not in fact


def test_a_sequence_autoencoder_does_not_copy():
    fact = train(Sequence("future"), lambda: tokens(shift=0)).fact("dependency")
    assert not fact["copied"]


def test_an_output_that_ignores_its_input():
    run = train(Sequence("ignores"), tokens, steps=60)
    assert run.fact("dependency")["input"] == 0
    assert babysit.diagnose(run).findings[0].id == "output-ignores-input"


class Mixes(nn.Module):
    def __init__(self, relation=None):
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)
        self.relation = relation

    def forward(self, x):
        h = self.first(x)
        if self.relation is None:
            return self.last(h - h.mean(0))
        return self.last(self.relation @ h)


def table():
    return torch.randn(12, 6), torch.randint(0, 3, (12,))


def test_examples_that_leak_into_each_other():
    assert train(Mixes(), table).fact("dependency")["examples"] > 1e-3


def test_a_graph_relates_its_nodes_on_purpose():
    fact = train(Mixes(torch.eye(12)), table).fact("dependency") or {}
    assert "examples" not in fact


class Prototypes(nn.Module):
    """Queries against the mean of each of 4 classes' examples, which come first; `mixed`: queries see one another too."""

    def __init__(self, mixed: bool) -> None:
        super().__init__()
        self.body, self.mixed = nn.Linear(6, 8), mixed

    def forward(self, both):
        support, query = both
        h = self.body(query)
        if self.mixed:
            h = h - h.mean(0)
        return -torch.cdist(h, self.body(support).reshape(4, -1, 8).mean(1)).pow(2)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("shape", [(4, 3, 6), (4, 6, 6), (24, 6)])
def test_a_support_set_is_no_leak(shape, mixed):
    """Also where it has as many examples of each class as there are classes, or as many rows as there are queries."""
    fact = train(Prototypes(mixed), lambda: ((torch.randn(shape), torch.randn(24, 6)), torch.randint(0, 4, (24,))))
    assert (fact.fact("dependency")["examples"] > 1e-3) == mixed


class Lengths(nn.Module):
    """Rows with their lengths, which must fit; examples are mixed up where `mixed`."""

    def __init__(self, mixed):
        super().__init__()
        self.body, self.mixed = nn.Linear(6, 3), mixed

    def forward(self, both):
        x, lengths = both
        assert ((x != 0).sum(1) == lengths).all()
        h = self.body(x)
        return h - h.mean(0) if self.mixed else h


@pytest.mark.parametrize("mixed", [False, True])
def test_inputs_that_belong_together_are_changed_together(mixed):
    def rows():
        lengths = torch.randint(1, 7, (24,))
        return (torch.randn(24, 6) * (torch.arange(6) < lengths[:, None]), lengths), torch.randint(0, 3, (24,))

    assert (train(Lengths(mixed), rows).fact("dependency")["examples"] > 1e-3) == mixed


class Scores(nn.Module):
    """Every query against every class: as many rows for each class as there are queries and classes."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 8)

    def forward(self, both):
        return (self.body(both[1])[:, None] - self.body(both[0]).mean(1)).square().sum(-1).reshape(-1, 1)


def test_pairs_of_queries_and_classes_are_no_leak():
    run = train(Scores(), lambda: ((torch.randn(4, 3, 6), torch.randn(5, 6)), torch.rand(20, 1)), loss=F.mse_loss)
    assert "examples" not in (run.fact("dependency") or {})


class Decorated(Sequence):
    @torch.no_grad()
    def generate(self, x):
        return self(x)[:, -1].argmax(-1)


def test_a_method_without_gradients_does_not_keep_a_model_from_being_tried():
    assert train(Decorated("future"), tokens).fact("dependency")["future"] > 1e-3


def test_batch_norm_in_training_mode_is_no_leak():
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    assert train(model, table).fact("dependency")["examples"] == 0


def test_no_trace_is_left():
    global COUNT
    HEARD.clear()
    COUNT = 0
    random.seed(3)
    np.random.seed(3)
    states = random.getstate(), np.random.get_state()[1].tolist()
    out = sys.stdout
    run = train(Sequence(), tokens)
    assert run.fact("dependency")
    assert COUNT == 40
    assert list(range(1, 41)) == HEARD
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert sys.stdout is out


class Hooked(Mixes):
    def __init__(self, kind):
        super().__init__(torch.eye(12))
        if kind == "hook":
            self.first.register_forward_hook(lambda *_: HEARD.append(0))
        if kind == "generator":
            self.generator = torch.Generator()
        if kind == "stream":
            self.log = io.StringIO()


@pytest.mark.parametrize("kind", ["hook", "generator", "stream"])
def test_what_can_not_be_tried_without_a_trace_is_left_alone(kind):
    HEARD.clear()
    run = train(Hooked(kind), table)
    assert run.fact("dependency") is None
    assert len(HEARD) == (40 if kind == "hook" else 0)


def series(place, levels=0):
    """Windows (64, 12) of a noisy series and its value at a place from the window's end; `levels`: few different values."""

    def make():
        values = torch.randn(4000).cumsum(0) if not levels else torch.randint(0, levels, (4000,)).float()
        begin = torch.randint(0, 3900, (64, 1))
        return values[begin + torch.arange(12)], values[begin[:, 0] + 11 + place]

    return make


class Window(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(12, 1)

    def forward(self, x):
        return self.body(x.reshape(len(x), 12)).squeeze(1)


@pytest.mark.parametrize(("place", "levels", "told"), [(0, 0, True), (1, 0, False), (0, 9, False)])
@pytest.mark.parametrize(
    ("shape", "at"), [((64, 12), "[:, 11]"), ((64, 12, 1), "[:, -1, 0]"), ((64, 1, 12), "[:, 0, -1]")]
)
def test_a_window_that_ends_with_its_target(shape, at, place, levels, told):
    make = series(place, levels)

    def batch():
        x, y = make()
        return x.reshape(shape), y

    run = train(Window(), batch, loss=F.mse_loss)
    assert run.fact("in_the_input") == ({"place": at, "examples": 512, "equal": True} if told else None)
    found = {one.id: one.severity for one in babysit.diagnose(run).findings}
    assert (found.get("target-in-input") == "error") == told


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda x: (x, x[:, -1, 0] * 0.37 + 2.2), True),
        (lambda x: (x, x[:, -1, 0] * 0.37 + 1e-3 * torch.randn(64)), False),
        (lambda x: (x[:, :1] + torch.arange(12.0)[:, None], x[:, 0, 0] + 12), False),  # a ramp goes on
        (lambda x: (torch.sin(x[:, :1] + 0.1 * torch.arange(12)[:, None]), torch.sin(x[:, 0, 0] + 1.2)), False),
    ],
)
def test_a_window_that_ends_with_its_target_on_another_scale(make, told):
    fact = train(Window(), lambda: make(torch.randn(64, 12, 1)), loss=F.mse_loss).fact("in_the_input")
    assert fact == ({"place": "[:, -1, 0]", "examples": 512, "equal": False} if told else None)


@pytest.mark.parametrize("place", [0, 5])
def test_a_value_to_be_recalled_from_long_ago_is_a_task(place):
    """The first or a middle value of a sequence of independent numbers: what memories are tried on."""

    def recall():
        x = torch.randn(64, 12, 1)
        return x, x[:, place, 0]

    assert train(Window(), recall, loss=F.mse_loss).fact("in_the_input") is None


def test_one_column_that_is_the_target():
    def leak(scale):
        x = torch.randn(64, 6)
        y = x[:, 0] * x[:, 1] + x[:, 2]
        x[:, 5] = scale * y + 4 + (1 - scale) * torch.randn(64)
        return x, y.unsqueeze(1)

    for scale, found in ((1.0, True), (0.5, False)):
        run = train(nn.Linear(6, 1), lambda scale=scale: leak(scale), loss=F.mse_loss)
        fact = run.fact("columns")
        assert (fact["r2"] > 0.999) == found
        assert fact["examples"] >= 512
        ids = [one.id for one in babysit.diagnose(run).findings]
        assert ("target-in-input" in ids) == found
        if found:
            assert fact["best"] == 5
            assert abs(fact["next"] - 0.5) < 0.15  # y = x0·x1 + x2: half of its variance is x2's
