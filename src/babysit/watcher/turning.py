"""Examples of one class that an augmentation turns into another: proven on a copy of the model, with labelled examples.

Two classes that the network takes for one another are told apart by a linear classifier of what its own layers know of the
validation's examples (which are not augmented). If that takes a mirrored example of the one class for the other, and the training's
examples for the wrong class, then these were mirrored, and their labels were not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from . import copies
from .budget import Budget, own_time
from .layers import is_plain
from .separating import lines

KEPT, BYTES = 512, 1 << 25
"""Examples kept of training and of validation, and what each may take (32 MiB)."""
TRIES, FIRST = 6, 50
LEAST, CLASSES = 16, 64
"""Examples of a class that are needed; classes there may be."""
FEATURES = 2048


@dataclass(eq=False)
class Sample:
    """The first labelled examples that came by."""

    x: list[Tensor] = field(default_factory=list)
    y: list[Tensor] = field(default_factory=list)
    count: int = 0
    whole: bool = False

    def add(self, x: Tensor, y: Tensor) -> None:
        """One more batch."""
        if self.whole or not is_plain(x) or not is_plain(y) or not x.is_floating_point() or x.ndim < 2 or not y.ndim:
            return
        if not y.numel() == len(x) == len(y):
            return
        y = y.detach().reshape(-1)
        if y.is_floating_point() and not ((y == 0) | (y == 1)).all():
            self.whole = True  # no classes
            return
        if self.x and (
            self.x[0].shape[1:] != x.shape[1:] or self.x[0].device != x.device or self.x[0].dtype != x.dtype
        ):
            return
        most = min(KEPT, BYTES // max(1, x[:1].numel() * x.element_size()))
        few = min(len(x), most - self.count)
        self.whole = self.count + few >= most
        if few < 1:
            return
        self.x.append(x[:few].detach().clone())
        self.y.append(y[:few].to(x.device, torch.long).clone())
        self.count += few

    def both(self) -> tuple[Tensor, Tensor]:
        """(N, …) examples and (N,) labels."""
        return torch.cat(self.x), torch.cat(self.y)


@dataclass(eq=False)
class Turning:
    """Keeps examples, and tries a copy of the model now and then."""

    budget: Budget
    tell: Callable[[str, Any], None]
    trained: Sample = field(default_factory=Sample)
    unseen: Sample = field(default_factory=Sample)
    tries: int = 0
    seconds: float = 0.0
    _next: int = FIRST
    _batch: tuple[Tensor, Tensor] | None = None  # that a loader has given
    _open: Tensor | None = None  # of which no labels are known yet

    def given(self, batch: Any) -> None:
        """A loader has given a batch."""
        pair = isinstance(batch, list | tuple) and len(batch) >= 2 and all(isinstance(one, Tensor) for one in batch[:2])
        self._batch = (batch[0], batch[1]) if pair and not self.unseen.whole else None

    def validated(self, x: Tensor) -> None:
        """A forward in validation got these, with no criterion after it perhaps: the loader gave the labels too."""
        batch, self._batch, self._open = self._batch, None, None
        if batch is not None and batch[0].shape == x.shape:
            self.unseen.add(x, batch[1])
        elif not self.unseen.whole:
            self._open = x

    def scored(self, target: Tensor | None) -> None:
        """A criterion got the answers to them."""
        x, self._open = self._open, None
        if x is not None and target is not None:
            self.unseen.add(x, target)

    def compared(self, a: Tensor, b: Tensor, output: Tensor | None) -> None:
        """Two things were compared: the answers, by the model's newest output, with their labels perhaps."""
        if self._open is None or output is None or output.ndim != 2 or len(output) != len(self._open):
            return
        if not a.device == b.device == output.device or not a.shape == b.shape == output.shape[:1]:
            return
        answers = output.argmax(1)
        for one, other in ((a, b), (b, a)):
            if one.dtype == answers.dtype and torch.equal(one, answers):
                self.scored(other)
                return

    def end_of_pass(self) -> None:
        """What comes after it has been there before."""
        self._open = None
        self.unseen.whole = self.unseen.whole or self.unseen.count >= 2 * LEAST

    def due(self, step: int) -> bool:
        """Is it time for a try?"""
        if self.tries >= TRIES or step < self._next or min(self.trained.count, self.unseen.count) < 2 * LEAST:
            return False
        cost = (
            self.budget.step_seconds * KEPT / (6 * len(self.trained.x[0]))
        )  # one forward; more where classes are confused
        return copies.affordable(cost, self.budget.overhead, self.budget.elapsed)

    def run(self, module: nn.Module, step: int, heard: bool) -> None:
        """Try it; `heard`: examples were turned by one of PyTorch's or numpy's functions while it trained."""
        self.tries += 1
        self._next = 2 * step
        began = own_time()
        try:
            with copies.without_trace(module):
                found = turned_pair(copies.twin(module), *self.unseen.both(), *self.trained.both(), heard)
            self.tell("turned_classes", found)
        except Exception:  # whatever the model does on other values than its own: it is left alone
            self.tries = TRIES
        self.seconds = own_time() - began
        self.budget.apart(self.seconds)


def turns(shape: torch.Size) -> dict[str, Callable[[Tensor], Tensor]]:
    """What an augmentation may do to examples of (N, D), (N, C, L) or (N, C, H, W), by name; D may be the pixels of a square."""
    found: dict[str, Callable[[Tensor], Tensor]] = {
        "a flip of the last axis": lambda x: x.flip(-1),
    }
    side = math.isqrt(shape[-1])
    if len(shape) == 2 and side > 2 and side * side == shape[-1]:
        for name, turn in turns(torch.Size((shape[0], 1, side, side))).items():
            found[f"{name} of the square"] = lambda x, turn=turn: turn(x.reshape(-1, 1, side, side)).reshape(x.shape)
    if len(shape) == 3:
        return {**found, "a flip of the second axis": lambda x: x.flip(1)}
    if len(shape) == 4:
        found["a flip upside down"] = lambda x: x.flip(-2)
        found["half a turn"] = lambda x: x.flip(-1, -2)
        if shape[-1] == shape[-2]:
            found["a quarter turn"] = lambda x: x.rot90(1, (-2, -1))
            found["a quarter turn back"] = lambda x: x.rot90(-1, (-2, -1))
    return found


def turned_pair(
    body: nn.Module, x: Tensor, y: Tensor, x_train: Tensor, y_train: Tensor, heard: bool
) -> dict[str, Any] | None:
    """The two classes that the network takes for one another because training examples are turned; None where it isn't so.

    Args:
        body: the network, in evaluation mode.
        x: (N, …) examples that are not augmented, `y` (N,) their classes; `x_train`, `y_train` as they are trained on.
        heard: examples are known to be turned; of two classes, nothing else tells that from wrong labels.
    """
    answers = body(x)
    if isinstance(answers, Tensor) and answers.numel() == len(x):  # yes or no, as a score or a probability
        border = 0.5 * ((answers >= 0) & (answers <= 1)).all()
        answers = (answers.reshape(-1, 1) - border) * answers.new_tensor([-1.0, 1.0])
    if (
        not isinstance(answers, Tensor)
        or answers.ndim != 2
        or len(answers) != len(x)
        or not 2 <= answers.shape[1] <= CLASSES
    ):
        return None
    pair = _confused(answers, y)
    if pair is None:
        return None
    first, second, network = pair
    here, there = (((one == first) | (one == second)).nonzero().squeeze(1) for one in (y, y_train))
    own, own_train = y[here], y_train[there]
    if min(int((own_train == one).sum()) for one in (first, second)) < LEAST:
        return None
    known = [lines(one, y) for one in _inputs_of_layers(body, x)]
    scores = [_share(one.left_out[here], own) for one in known]
    alone = max(scores)
    layer = scores.index(alone)

    def taken(examples: Tensor) -> Tensor:
        return known[layer].classes(_inputs_of_layers(body, examples)[layer])

    astray = taken(x_train[there])
    trained = _share(astray, own_train)
    wrong = astray[astray != own_train]
    if answers.shape[1] == 2 and not heard:  # labels drawn at random would look the same
        return None
    if (
        not len(wrong) or ((wrong == first) | (wrong == second)).double().mean() < 0.75
    ):  # drawn at random from all classes
        return None
    noise = 4 * (0.25 / len(own_train) + 0.25 / len(own)) ** 0.5
    if alone < 0.5 + (network + 1) / 4 or alone < 0.75 or alone - trained < noise:
        return None
    for name, turn in turns(x.shape).items():
        turned = turn(x[here])
        if turned.shape == x[here].shape:
            other = _share(taken(turned), first + second - own)
            if other > 0.75 * alone:
                return {"classes": [first, second], "turn": name, "network": network, "alone": alone,
                        "trained": trained, "turned": other, "examples": [len(own), len(own_train)]}  # fmt: skip
    return None


def _share(answers: Tensor, wanted: Tensor) -> float:
    """Of the answers that are right, mean over the classes that are wanted."""
    good = (answers == wanted).double()
    return float(torch.stack([good[wanted == one].mean() for one in wanted.unique()]).mean())


def _confused(answers: Tensor, y: Tensor) -> tuple[int, int, float] | None:
    """(class, class, share of their examples that get the right one of the two), of those that are taken for one another most."""
    guesses, classes = answers.argmax(1), answers.shape[1]
    table = torch.zeros(classes * classes, dtype=torch.float64, device=y.device)
    table = table.index_add(0, y * classes + guesses, torch.ones_like(y, dtype=torch.float64)).reshape(classes, classes)
    count = table.sum(1)
    both = table + table.T
    enough = (count >= LEAST) & (count >= LEAST).unsqueeze(1)
    share = torch.where(
        enough, both / (count + count.unsqueeze(1)).clamp_min(1), torch.zeros_like(both)
    ).fill_diagonal_(0)
    at = int(share.argmax())
    first, second = divmod(at, classes)
    if share[first, second] < 0.2:
        return None
    own = table[first, first] + table[second, second]
    return first, second, float(own / (own + both[first, second]))


def _inputs_of_layers(body: nn.Module, x: Tensor) -> list[Tensor]:
    """What each layer with weights gets of each example: (N, D)."""
    found: list[Tensor] = []

    def keep(module: nn.Module, args: tuple[Any, ...]) -> None:
        if args and isinstance(args[0], Tensor) and len(args[0]) == len(x):
            flat = args[0].detach().reshape(len(x), -1)
            found.append(flat[:, :: -(-flat.shape[1] // FEATURES)])

    hooks = [one.register_forward_pre_hook(keep) for one in body.modules()
             if isinstance(one, nn.Linear | nn.modules.conv._ConvNd)]  # fmt: skip
    try:
        body(x)
    finally:
        for one in hooks:
            one.remove()
    return found
