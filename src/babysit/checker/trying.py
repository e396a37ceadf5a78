"""The tries of a cure: screening with one seed, pairs, and the proof over several.

A try is a run of the whole program with an edit, beside the unedited one with the same seeds. All that is known is
in `Trying`: the clock, the scores so far, and the curve that the next run has to keep up with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .attempt import Attempt, Curve, Order, Program
from .outcome import Try
from .plan import Candidate, pairs
from .proof import MORE_SEEDS, SEEDS, Comparison, compare, smallest_gain

NEARLY_PERFECT = 0.98
AS_GOOD = 0.015
"""Scores on one seed that differ by less are as good; the plan's order decides between them."""

FLATTERING = frozenset(("weight_decay", "penalty", "dropout", "train_mode", "augment", "width", "epochs"))
"""Fields that let the training examples be learned by heart: without a held-out score a small gain says nothing."""

Runs = Callable[..., Iterator[tuple[Order, Attempt]]]
"""`runs(program, orders, jobs=…, until=…)`: `attempt.run_all`, or one that spreads them over a cluster."""


@dataclass
class Trying:
    """The state of one cure.

    Attributes:
        first: the unedited run with the first seed.
        until: no run is begun after this (monotonic time).
        baseline: the unedited score of each seed.
        fine: nothing was found wrong: then only a large gain says that something is.
    """

    program: Program
    first: Attempt
    jobs: int
    until: float
    runs: Runs
    steps: int | None = None
    balanced: bool = False
    tell: Callable[[str], None] = lambda text: None
    baseline: dict[int, float] = field(default_factory=dict)
    tries: list[Try] = field(default_factory=list)
    fine: bool = False

    def order(self, edit: Mapping[str, Any], seed: int, *, beat: bool = False) -> Order:
        """A run, ended early where it has no chance when it has something to `beat`."""
        seconds = max(5.0, 4 * self.first.seconds)
        if not beat:
            return Order(edit, seed, self.steps, seconds, balanced=self.balanced)
        curve = tuple((step, score) for step, score in self.first.curve)
        return Order(edit, seed, self.steps, seconds, curve, self._best_curve(), self.balanced)

    def _best_curve(self) -> Curve:
        best = next(iter(self.promising()), None)
        return tuple((s, v) for s, v in best.screened.curve) if best is not None and best.screened is not None else ()

    # screening

    def screen(self, plan: Sequence[Candidate], until: float) -> None:
        """Each candidate once, with the first seed, until one is as good as can be."""
        lookup: dict[int, Candidate] = {}

        def orders() -> Iterator[Order]:
            for candidate in plan:
                if self.enough():
                    return
                order = self.order(candidate.edit, 0, beat=True)
                lookup[id(order)] = candidate
                yield order

        for order, attempt in self.runs(self.program, orders(), jobs=self.jobs, until=min(until, self.until)):
            candidate = lookup[id(order)]
            one = Try(candidate, attempt, seconds=attempt.seconds, number=len(self.tries) + 1)
            if attempt.usable and attempt.kind == self.first.kind:
                one.scores[0] = attempt.score
            self.tries.append(one)
            self.tell(f"{candidate.title}: {self._outcome(attempt)}")

    def _outcome(self, attempt: Attempt) -> str:
        if attempt.failed:
            return f"failed: {attempt.failed}"
        if attempt.idle or attempt.ended == "idle":
            return "nothing there to change"
        lost = " (ended early)" if attempt.ended == "lost" else ""
        return f"{self.baseline[0]:.3f} → {attempt.score:.3f}{lost}"

    def gain(self, one: Try) -> float:
        """How much better than the unedited run, with the first seed."""
        return self.finite(one.scores[0]) - self.finite(self.baseline[0]) if 0 in one.scores else -math.inf

    def finite(self, value: float) -> float:
        """A score that can be compared: the worst there is where there is none."""
        if math.isfinite(value):
            return value
        known = [abs(score) for one in self.tries for score in one.scores.values() if math.isfinite(score)]
        return -10 * max(known, default=1.0) if self.first.kind == "loss" else -1.0

    def least(self, one: Try | None = None) -> float:
        """The smallest gain that counts; more where an edit makes training scores better and others perhaps not."""
        least = smallest_gain(self.first.kind, self.finite(self.baseline[0]), large=self.fine)
        flattering = one is not None and set(one.candidate.edit) & FLATTERING
        return 10 * least if flattering and self.first.kind.startswith("training") else least

    def promising(self) -> list[Try]:
        """Those that helped on the first seed, best first; the plan's order decides where they are as good."""
        helped = [one for one in self.tries if not one.lost and self.gain(one) >= self.least(one)]
        ranked: list[Try] = []
        while helped:
            top = max(self.gain(one) for one in helped)
            first = next(one for one in helped if self.gain(one) >= top - self._as_good())
            ranked.append(first)
            helped = [one for one in helped if one is not first]
        return ranked

    def _as_good(self) -> float:
        return AS_GOOD if self.first.kind != "loss" else self.least() / 2

    def enough(self) -> bool:
        """Is what was found as good as can be?"""
        return self.first.kind != "loss" and any(one.scores[0] > NEARLY_PERFECT for one in self.promising())

    def pair(self, others: Iterable[Candidate], until: float, most: int = 3) -> None:
        """The best edit together with others, where it alone leaves something to gain."""
        helped = self.promising()
        if helped and not self.enough():
            self.screen(pairs(helped[0].candidate, [*(one.candidate for one in helped[1:]), *others], most), until)

    # proof

    def prove(self, most: int = 3) -> None:
        """The most promising over all seeds, in turn, until one is proven."""
        for one in self.promising()[:most]:
            self._over(one, range(SEEDS))
            if not one.proven and one.comparison is not None and one.comparison.open:
                self._over(one, range(SEEDS + MORE_SEEDS))
            if one.comparison is not None:
                words = "proven" if one.proven else "not proven"
                self.tell(f"{one.candidate.title}: {words} over {len(one.comparison.after)} seeds")
            if one.proven:
                return

    def _over(self, one: Try, seeds: Iterable[int]) -> None:
        wanted = list(seeds)

        def orders() -> Iterator[Order]:
            for seed in wanted:  # in pairs, so that what is there when the time is over can be compared
                if seed not in self.baseline:
                    yield self.order({}, seed)
                if seed not in one.scores:
                    yield self.order(one.candidate.edit, seed)

        for order, attempt in self.runs(self.program, orders(), jobs=self.jobs, until=self.until):
            if order.edit:
                one.seconds += attempt.seconds
                one.scores[order.seed] = attempt.score if attempt.usable else math.nan
            else:
                self.baseline[order.seed] = attempt.score if attempt.steps else math.nan
        one.comparison = self._comparison(one)

    def _comparison(self, one: Try) -> Comparison:
        both = [seed for seed in sorted(one.scores) if seed in self.baseline]
        before = [self.finite(self.baseline[seed]) for seed in both]
        after = [self.finite(one.scores[seed]) for seed in both]
        return compare(before, after, least=self.least(one))
