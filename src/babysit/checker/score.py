"""What a training came to: accuracy, R², or the loss where neither exists.

A loss says little across edits (another criterion, another scale); the share of right answers and the
explained variance don't depend on either. They are taken, in this order, from what the program itself
compares while nothing is learned, from the inputs of its criterion in its validation passes, after the
edit, and from its newest training examples.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from torch import Tensor

from ..hosts.edits.stage import Call, Stage
from .compared import Compared
from .tally import Tally, tally

NEWEST = 512
"""Training scores are over at least so many of the newest examples, and over the last tenth of the steps."""
WORDS = {"accuracy": "accuracy", "r2": "R²"}

Pass = dict[str, Tally]
"""One look at some examples: a tally of each kind."""


def _into(one: Pass, found: Tally) -> None:
    one.setdefault(found.kind, Tally()).add(found)


def _count(one: Pass) -> float:
    return sum(part.count for part in one.values())


class _Passes:
    """Looks at held-out examples, each from one training step to the next."""

    def __init__(self) -> None:
        self.done: list[Pass] = []
        self.open: Pass = {}

    def add(self, found: Tally) -> None:
        _into(self.open, found)

    def close(self) -> None:
        if self.open:
            self.done.append(self.open)
            self.open = {}

    @property
    def newest(self) -> Pass:
        """The newest full one: of at least half as many examples as the largest."""
        passes = [*self.done, *([self.open] if self.open else [])]
        full = max(map(_count, passes), default=0.0)
        return next((one for one in reversed(passes) if _count(one) >= 0.5 * full), {})


class Score:
    """Listens to a stage and knows the score so far.

    Attributes:
        curve: (step, score) every so many steps.
    """

    def __init__(self, stage: Stage, *, balanced: bool = False, watch_every: int = 20) -> None:
        self.stage, self.every, self.balanced = stage, watch_every, balanced
        self.newest: deque[Tally] = deque()
        self.held = 0.0
        self.passes, self.compared = _Passes(), _Passes()
        self.losses: deque[float] = deque(maxlen=50)
        self.negative = False  # a loss below 0 has no floor: a policy's, an adversary's; lower needn't be better
        self.curve: list[tuple[int, float]] = []
        stage.on_criterion(self._look)
        Compared(stage, self._found)
        stage.before_backward(self._loss)
        stage.after_step(self._step)

    def _look(self, call: Call) -> None:
        found = tally(call, by_class=self.balanced)
        if found is None:
            return
        if not call.training:
            if self.stage.steps or self.newest:  # a look before training is no result
                self.passes.add(found)
            return
        self._close()
        self.newest.append(found)
        self.held += found.count
        while len(self.newest) > max(10, self.stage.steps // 10) and self.held - self.newest[0].count >= NEWEST:
            self.held -= self.newest.popleft().count

    def _found(self, found: Tally) -> None:
        if self.stage.steps:
            self.compared.add(found)

    def _close(self) -> None:
        self.passes.close()
        self.compared.close()

    def _loss(self, loss: Tensor, gradient: Tensor | None) -> Tensor | None:
        self._close()
        if loss.numel() == 1:
            self.losses.append(float(loss.detach()))
            self.negative = self.negative or self.losses[-1] < 0
        return gradient

    def _step(self, optimizer: object) -> None:
        if self.stage.steps % self.every == 0:
            self.curve.append((self.stage.steps, self.value))

    def _now(self) -> tuple[str, Pass]:
        """Where the score comes from, and its tallies."""
        compared, held_out = self.compared.newest, self.passes.newest
        if held_out and (self.balanced or not set(held_out) <= set(compared)):
            if not self.balanced:
                held_out = {**held_out, **compared}
            return "validation", held_out
        if compared and not self.balanced:
            return "validation", compared
        training: Pass = {}
        for one in self.newest:
            _into(training, one)
        return "training", training

    @property
    def kind(self) -> str:
        """What the score is: "validation accuracy", "training mean recall", "validation R²", "loss", or "nothing"."""
        where, tallies = self._now()
        if tallies:
            words = WORDS | ({"accuracy": "mean recall"} if self.balanced else {})
            return f"{where} {' and '.join(words[kind] for kind in sorted(tallies))}"
        return "loss" if self.losses and not self.negative else "nothing"

    @property
    def value(self) -> float:
        """The score now; the mean where there are several kinds; minus the loss where there is none.

        NaN where nothing tells better from worse.
        """
        _, tallies = self._now()
        if tallies:
            return _mean(one.balanced if self.balanced else one.score for one in tallies.values())
        if self.losses and not self.negative:
            loss = sum(self.losses) / len(self.losses)
            return -loss if math.isfinite(loss) else -math.inf
        return math.nan


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
