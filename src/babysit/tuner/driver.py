"""The search itself: stages of rungs, in a ledger that survives anything."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RecipeError
from ..record import Recipe
from ..record.study import Trial, Widening
from . import methods
from .job import Executor, Job, Outcome
from .ledger import Ledger, trial_of
from .result import Searched
from .rungs import Rung, read_rung, write_rung
from .space import Space
from .stages import STAGES, WIDEN, Seen, Staged, at_edge, ladder, sizes, survivors

FIRST = 48
"""Trials of the first stage where only the time is given: enough to see how fast it goes."""
BELIEF = 0.2
"""Share of the time kept for training the best few again with several seeds."""
CALLS = 0.1
"""Seconds between two calls of `on_progress`."""


@dataclass(frozen=True)
class Plan:
    """How much is searched, and how."""

    trials: int | None
    seconds: float | None
    epochs: int
    method: Any
    believe: int
    seeds: int

    @classmethod
    def of(cls, trials: int | None, told: Any, epochs: int, method: Any, believe: int, seeds: int) -> Plan:
        """Checked, with what isn't told filled in."""
        from .searching import seconds_of

        if trials is not None and trials < 1:
            raise RecipeError(f"trials >= 1 must hold, but trials={trials}")
        if believe < 0 or seeds < 1:
            raise RecipeError(f"believe >= 0 and seeds >= 1 must hold, but believe={believe} and seeds={seeds}")
        if isinstance(method, str):
            methods.known(method)
        seconds = seconds_of(told)
        if trials is None and seconds is None:
            trials = 100
        return cls(trials, seconds, epochs, method, believe if seeds > 1 else 0, seeds)


@dataclass(frozen=True)
class Progress:
    """Where a search stands, for a live table.

    Attributes:
        stage, rung, until: which comparison is under way, and to which epoch it trains.
        lanes: trials of this stage still in the race; `ended` those of this rung that are done.
        done: trials that ended for good; `total` of them in all, None where only the time is given.
        dropped, broken: how many fell behind, and broke down.
        rate: trials per second so far; `left` seconds, None when unknown.
        box: of the stage, field -> (low, high).
    """

    stage: int
    rung: int
    until: int
    lanes: int
    ended: int
    done: int
    total: int | None
    dropped: int
    broken: int
    rate: float
    left: float | None
    best: Trial | None
    box: dict[str, Any]


class Search:
    """One search, from its first call to its last."""

    def __init__(
        self, work: Any, space: Space, base: Recipe, plan: Plan, *, executor: Executor, folds: int = 1,
        task: str = "classification", out: Path | None = None, storage: Any = None, name: str = "search", seed: int = 0,
        on_trial: Callable[[Trial, Searched], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:  # fmt: skip
        self.work, self.space, self.base, self.plan, self.executor = work, space, base, plan, executor
        self.folds, self.out, self.seed = folds, out, seed
        self.on_trial, self.on_progress = on_trial, on_progress
        self._began = time.monotonic()
        self._told = 0.0
        identity = {
            "space": space.to_dict(), "epochs": plan.epochs, "folds": folds, "seed": seed,
            "base": base.edit(epochs=plan.epochs).id, "method": _name(plan.method),
        }  # fmt: skip
        sampler = None
        if isinstance(plan.method, str) and plan.method in methods.OPTUNA:
            sampler = methods.optuna_sampler(plan.method, seed)
        elif not isinstance(plan.method, str):
            sampler = plan.method
        self.ledger = Ledger(name, identity, storage=storage, folder=out, sampler=sampler)
        self._asks = sampler is not None
        self.method = None if self._asks else self._method(space)
        self.worker = f"{socket.gethostname()}:{out.resolve() if out is not None else os.getpid()}"
        metric = "accuracy" if task == "classification" else "r2"
        self.study = Searched(
            space.to_dict(), [], metric, plan.epochs, folds, _name(plan.method), optuna=self.ledger.study, recipe=base,
            folder=out, _fit=self._fit_best,
        )  # fmt: skip
        self._by_number: dict[int, Trial] = {}
        self._units: dict[int, np.ndarray] = {}  # where trials stand in the space as it is now
        self._rung = Rung()
        self._elsewhere: list[Trial] = []
        self._recall()

    # the whole

    def run(self) -> Searched:
        """Go on until the plan is fulfilled, the time is over, or Ctrl-C (which raises KeyboardInterrupt, all kept)."""
        if hasattr(self.executor, "deadline") and self.plan.seconds is not None:
            self.executor.deadline = time.monotonic() + self._left()  # type: ignore[attr-defined]
        try:
            stage = self._stage_now()
            while (count := self._count(stage)) > 0:
                self._stage(stage, count)
                stage += 1
            self._believe()
        finally:
            self._close()
        return self.study

    def _close(self) -> None:
        for note in getattr(self.executor, "notes", ()):
            if note not in self.study.notes:
                self.study.notes.append(note)
        for name in sorted(getattr(self.work, "ignored", ())):
            self.study.notes.append(f"the model never looks at {name!r}: all its values give the same network")
        self.study.seconds = self._spent()
        from .judged import findings

        self.study.findings = findings(self.study, self.space)
        self._remember()
        if self.out is not None:
            self.study.save(self.out / "study.json")
        self.ledger.close()
        self.executor.close()

    # a stage

    def _stage(self, stage: int, count: int) -> None:
        trials = self._trials_of(stage, count)
        rungs = ladder(self.plan.epochs) if self.plan.method == "staged" or len(trials) > 1 else [self.plan.epochs]
        if self.plan.method != "staged" and not self._halves():
            rungs = [self.plan.epochs]
        lanes = [trial for trial in trials if trial.state == "running"]
        start, states = 0, {}
        if self._rung.stage == stage:
            start, states = self._rung.number + 1, self._rung.states
            lanes = [trial for trial in lanes if trial.number in self._rung.survivors] or lanes
        for number in range(start, len(rungs)):
            if not lanes or self._left() <= 0:
                break
            states = self._train(stage, number, rungs[number], lanes, states)
            lanes = self._judge(stage, number, rungs, len(trials), lanes, states)
        for trial in lanes:
            if trial.state == "running":
                self._end(trial, "dropped" if trial.epochs else "failed", "time was over")

    def _trials_of(self, stage: int, count: int) -> list[Trial]:
        """The stage's trials: those a killed call had begun, and the rest drawn now."""
        known = [trial for trial in self.study.trials if trial.stage == stage]
        before = self._seen(below=stage)
        if stage and not known:
            self._widen(stage, before)
        if isinstance(self.method, Staged):
            self.study.boxes = [*self.study.boxes[:stage], self.method.box(stage, before)]
        missing = count - len(known) - sum(trial.stage == stage for trial in self._elsewhere)
        if missing <= 0:
            return known
        if self._asks:
            made = self.ledger.ask(stage, self.space, missing, self.worker)
        else:
            assert self.method is not None
            edits = [self.space.edit(point) for point in self.method.propose(count, stage, before)[len(known) :]]
            made = list(zip(self.ledger.begin(stage, self.space, edits, self.worker), edits, strict=True))
        self.ledger.commit()
        fresh = [Trial(number, edit, stage) for number, edit in made]
        for trial in fresh:
            self._by_number[trial.number] = trial
            self.study.trials.append(trial)
        return known + fresh

    def _train(self, stage: int, number: int, until: int, lanes: list[Trial], states: dict[Any, Any]) -> dict[Any, Any]:
        """One rung: every lane to the same epoch. What broke down ends here."""
        jobs = [
            Job(trial.number, trial.params, until, self.plan.epochs, fold, 0, states.get((trial.number, fold, 0)))
            for trial in lanes
            for fold in range(self.folds)
        ]
        came: dict[int, list[Outcome]] = {}
        new: dict[Any, Any] = {}
        with contextlib.closing(_iterator(self.executor.map(self.work, jobs))) as outcomes:
            for outcome in outcomes:
                trial = self._by_number[outcome.job.trial]
                new[outcome.job.key] = outcome.state
                mine = came.setdefault(trial.number, [])
                mine.append(outcome)
                if len(mine) == self.folds:
                    self._take(trial, mine)
                self._tell(stage, number, until, lanes, len(came))
                if self._left() <= 0:
                    break
        return {key: state for key, state in new.items() if self._by_number[key[0]].state == "running"}

    def _take(self, trial: Trial, outcomes: list[Outcome]) -> None:
        """Put a trial's folds together."""
        since = trial.epochs
        gather(trial, outcomes)
        self.ledger.report(trial, since)
        bad = next((outcome for outcome in outcomes if outcome.broken), None)
        if bad is not None:
            self._end(trial, "failed" if bad.failed else "broken", bad.broken)

    def _judge(
        self, stage: int, number: int, rungs: list[int], count: int, lanes: list[Trial], states: dict[Any, Any]
    ) -> list[Trial]:
        """Who goes on after a rung."""
        alive = [trial for trial in lanes if trial.state == "running"]
        reached = [trial for trial in alive if trial.epochs >= rungs[number]]
        if len(reached) < len(alive) and self._left() <= 0:
            return alive  # time was over within the rung
        alive.sort(key=merit, reverse=True)
        keep = survivors(count, number, len(rungs)) if number < len(rungs) - 1 else 0
        stay = alive[:keep]
        if number < len(rungs) - 1:
            numbers = {trial.number for trial in stay}
            kept = {key: state for key, state in states.items() if key[0] in numbers}
            self._rung = Rung(stage, number, numbers, kept)
            if self.out is not None:
                self._rung.trials = {trial.number: trial.to_dict() for trial in alive}
                self.ledger.commit()
                write_rung(self.out, self._rung)
            for trial in alive[keep:]:
                self._end(trial, "dropped", f"behind at epoch {trial.epochs}")
        else:
            for trial in alive:
                self._end(trial, "complete", "")
        self._remember()
        return stay

    def _end(self, trial: Trial, state: Any, why: str) -> None:
        trial.state, trial.why = state, why
        self.ledger.finish(trial)
        if self.on_trial is not None:
            self.on_trial(trial, self.study)

    # the best few again

    def _believe(self) -> None:
        if not self.plan.believe or self.study.believed:
            return
        full = [
            trial for trial in self.study.ranked() if trial.epochs >= self.plan.epochs and trial.state == "complete"
        ]
        few = full[: self.plan.believe]
        if len(full) < 2 and not few:
            return
        few = self._affordable(few)
        for trial in few:
            trial.scores = trial.scores or [trial.score]
        jobs = [
            Job(trial.number, trial.params, self.plan.epochs, self.plan.epochs, fold, seed)
            for seed in range(1, self.plan.seeds)
            for trial in few
            for fold in range(self.folds)
        ]
        self._again(few, jobs)
        self.study.believed = [trial.number for trial in sorted(few, key=merit, reverse=True) if trial.seeds > 1]
        if self.study.believed:
            self.ledger.remember(believed=[self._by_number[number].to_dict() for number in self.study.believed])

    def _again(self, few: list[Trial], jobs: list[Job]) -> None:
        """Train with more seeds; a trial's score becomes the mean over folds and seeds."""
        scores = {trial.number: [*trial.scores] for trial in few}
        losses = {trial.number: [trial.loss] * len(trial.scores) for trial in few}
        seeds = {trial.number: {0} for trial in few}
        with contextlib.closing(_iterator(self.executor.map(self.work, jobs))) as outcomes:
            for outcome in outcomes:
                if outcome.epochs < self.plan.epochs and not outcome.broken:
                    continue  # the time was over
                value = outcome.scores[-1] if outcome.scores else math.nan
                scores[outcome.job.trial].append(value if math.isfinite(value) and not outcome.broken else 0.0)
                losses[outcome.job.trial].append(outcome.losses[-1] if outcome.losses else math.nan)
                seeds[outcome.job.trial].add(outcome.job.seed)
                if self._left() <= 0:
                    break
        for trial in few:
            if len(seeds[trial.number]) < 2:
                continue
            trial.scores, trial.seeds = scores[trial.number], len(seeds[trial.number])
            trial.score, trial.sd = float(np.mean(trial.scores)), float(np.std(trial.scores, ddof=1))
            trial.loss = float(np.nanmean(losses[trial.number]))

    def _affordable(self, few: list[Trial]) -> list[Trial]:
        if self.plan.seconds is None or not few:
            return few
        each = max(trial.seconds for trial in few) * (self.plan.seeds - 1)
        fits = int(self._left() / max(each, 1e-9) * 0.9)
        return few[: max(fits, 0)] if fits >= 2 else []

    def _fit_best(self, trial: Trial, seeds: int) -> Trial:
        """The best again, with so many seeds."""
        found = replace(trial, scores=[], seeds=0)
        jobs = [
            Job(trial.number, trial.params, self.plan.epochs, self.plan.epochs, fold, seed)
            for seed in range(seeds)
            for fold in range(self.folds)
        ]
        if hasattr(self.executor, "deadline"):
            self.executor.deadline = None  # type: ignore[attr-defined]
        outcomes = list(self.executor.map(self.work, jobs))
        found.scores = [outcome.scores[-1] for outcome in outcomes if outcome.scores and not outcome.broken]
        found.seeds = seeds
        found.score = float(np.mean(found.scores)) if found.scores else math.nan
        found.sd = float(np.std(found.scores, ddof=1)) if len(found.scores) > 1 else math.nan
        return found

    # how much, and where

    def _count(self, stage: int) -> int:
        """The trials of a stage; 0 ends the search."""
        planned: list[int] = self.ledger.state.get("sizes", [])
        if stage < len(planned):
            return planned[stage]
        if self._left() <= 0:
            return 0
        if self.plan.seconds is not None:
            most = math.inf if self.plan.trials is None else self.plan.trials - sum(planned)
            planned = [*planned, int(min(self._next_size(stage), most))]
        else:
            assert self.plan.trials is not None
            planned = sizes(self.plan.trials, STAGES if self.plan.method == "staged" else 1)
        self.ledger.remember(sizes=planned)
        return planned[stage] if stage < len(planned) else 0

    def _next_size(self, stage: int) -> int:
        """By the time that the trials so far took: as many again as fit into the stages that are left."""
        if stage == 0:
            return FIRST
        assert self.plan.seconds is not None
        spent = max(self._spent(), 1e-6)
        room = self.plan.seconds * (1 - (BELIEF if self.plan.believe else 0)) - spent
        rate = len(self.study.trials) / spent
        stages = max(1, STAGES - stage) if room > 0 else 0
        count = int(rate * room * 0.9 / stages) if stages else 0
        if stage >= STAGES + 3 or count < 8:
            return 0
        return min(count, 1024)

    def _halves(self) -> bool:
        return not self._asks

    def _widen(self, stage: int, seen: Seen) -> None:
        if self.plan.method != "staged":
            return
        for name, side in at_edge(self.space, seen):
            old = self.space[name]
            new = old.widened(side == "low", side == "high", WIDEN, name)
            if (new.low, new.high) == (old.low, old.high):
                continue
            before, after = (old.low, new.low) if side == "low" else (old.high, new.high)
            self.study.widenings.append(Widening(name, side, before, after, stage))  # type: ignore[arg-type]
            self.space, self._units = self.space.replaced(**{name: new}), {}
        self.method = self._method(self.space)
        self.study.space = self.space.to_dict()
        self._remember()

    def _method(self, space: Space) -> Any:
        kind = methods.OWN[self.plan.method]
        if kind is methods.Grid:
            return methods.Grid(space, self.seed, self.plan.trials or 1000)
        return kind(space, self.seed)

    def _seen(self, below: int) -> Seen:
        trials = [trial for trial in self.study.trials if trial.stage < below]
        for trial in trials:
            if trial.number not in self._units:
                self._units[trial.number] = self.space.units(trial.params)
        units = np.array([self._units[trial.number] for trial in trials]).reshape(len(trials), len(self.space))
        scores = np.array([merit(trial) if trial.state != "broken" else -math.inf for trial in trials])
        return Seen(units, scores, np.array([trial.epochs for trial in trials], int), [trial.curve for trial in trials])

    # memory

    def _recall(self) -> None:
        """Everything that an earlier call left."""
        state = self.ledger.state
        self.study.seconds = float(state.get("seconds", 0.0))
        self._before = self.study.seconds
        self.study.widenings = [Widening(**one) for one in state.get("widenings", ())]
        self.study.boxes = [dict(box) for box in state.get("boxes", ())]
        if state.get("space"):
            self.space = Space.of(state["space"])
            self.study.space = self.space.to_dict()
            self.method = None if self._asks else self._method(self.space)
        for frozen in self.ledger.frozen():
            trial = trial_of(frozen)
            self._by_number[trial.number] = trial
            if trial.state == "running" and frozen.system_attrs.get("babysit:worker") != self.worker:
                self._elsewhere.append(trial)  # another machine has it, or had
            else:
                self.study.trials.append(trial)
        for plain in state.get("believed", ()):
            trial = self._by_number[plain["number"]]
            for name in ("score", "loss", "sd", "scores", "seeds"):  # the loss decides among equal scores
                setattr(trial, name, math.nan if plain[name] is None else plain[name])
            self.study.believed.append(trial.number)
        if self.out is not None:
            self._rung = read_rung(self.out)
            for number, plain in self._rung.trials.items():
                trial = self._by_number.get(number)
                if trial is None or trial.state != "running":
                    continue
                for name in ("score", "loss", "epochs", "curve", "losses", "costs", "sd", "scores", "seconds"):
                    value = plain[name]
                    setattr(trial, name, math.nan if value is None else value)
                self.ledger.report(trial, 0)
                if number not in self._rung.survivors:
                    self._end(trial, "dropped", f"behind at epoch {trial.epochs}")
        for trial in self.study.trials:
            if trial.state == "running" and trial.number not in self._rung.survivors:
                trial.curve, trial.epochs, trial.score = [], 0, math.nan

    def _remember(self) -> None:
        self.ledger.remember(
            seconds=self._spent(), widenings=[vars(one) for one in self.study.widenings], space=self.space.to_dict(),
            boxes=self.study.boxes,
        )  # fmt: skip

    def _stage_now(self) -> int:
        """The first stage with a trial that is not at its end, or the next one."""
        running = [trial.stage for trial in self.study.trials if trial.state == "running"]
        planned = self.ledger.state.get("sizes", [])
        stage = 0
        while stage < len(planned):
            mine = [trial for trial in [*self.study.trials, *self._elsewhere] if trial.stage == stage]
            if stage in running or len(mine) < planned[stage]:
                return stage
            stage += 1
        return stage

    def _spent(self) -> float:
        return self._before + time.monotonic() - self._began

    def _left(self) -> float:
        return math.inf if self.plan.seconds is None else self.plan.seconds - self._spent()

    def _tell(self, stage: int, rung: int, until: int, lanes: list[Trial], ended: int) -> None:
        now = time.monotonic()
        if self.on_progress is None or now - self._told < CALLS:
            return
        self._told = now
        done = [trial for trial in self.study.trials if trial.state != "running"]
        states = [trial.state for trial in done]
        rate = len(done) / max(self._spent(), 1e-9)
        left = self._left()
        if not math.isfinite(left):
            total = self.plan.trials or 0
            left = (total - len(done)) / rate if rate and total else None
        scored = [trial for trial in self.study.trials if math.isfinite(trial.score) and trial.state != "broken"]
        best = max(scored, key=lambda trial: (trial.epochs, merit(trial)), default=None)
        box = self.study.boxes[stage] if stage < len(self.study.boxes) else {}
        self.on_progress(
            Progress(stage, rung, until, sum(trial.state == "running" for trial in lanes), ended, len(done),
                     self.plan.trials, states.count("dropped"), states.count("broken"), rate, left, best, box)
        )  # fmt: skip


def gather(trial: Trial, outcomes: list[Outcome]) -> None:
    """A trial's curve from those of its folds: the mean, as far as all of them go."""
    outcomes = sorted(outcomes, key=lambda outcome: outcome.job.fold)
    length = min(outcome.epochs for outcome in outcomes)
    trial.epochs = length
    trial.curve = _mean([outcome.scores[:length] for outcome in outcomes])
    trial.losses = _mean([outcome.losses[:length] for outcome in outcomes])
    trial.costs = _mean([outcome.costs[:length] for outcome in outcomes])
    trial.seconds += sum(outcome.seconds for outcome in outcomes)
    trial.scores = [outcome.scores[length - 1] for outcome in outcomes] if length else []
    trial.score = trial.curve[-1] if length else math.nan
    trial.loss = trial.losses[-1] if length else math.nan
    trial.sd = float(np.std(trial.scores, ddof=1)) if len(trial.scores) > 1 else math.nan


def merit(trial: Trial) -> float:
    """Compares trials of equal length: the score, and among equal ones (accuracy is coarse) the lower loss."""
    if not math.isfinite(trial.score):
        return -math.inf
    loss = trial.loss if math.isfinite(trial.loss) else 1e9
    return trial.score - 1e-3 * abs(loss) / (1 + abs(loss))


def _mean(rows: list[list[float]]) -> list[float]:
    if len(rows) == 1:
        return [*rows[0]]
    return [float(sum(column) / len(column)) for column in zip(*rows, strict=True)]


def _name(method: Any) -> str:
    return method if isinstance(method, str) else type(method).__name__


def _iterator(found: Any) -> Any:
    return found if hasattr(found, "close") else (one for one in found)
