"""The search itself: stages of rungs, in a ledger that survives anything."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RecipeError
from ..record import Recipe
from ..record.study import Trial, Widening
from ..record.writer import myself
from . import methods
from .belief import Belief, closable
from .job import Executor, Job, Outcome
from .ledger import Ledger
from .merits import gather, merit
from .plan import Plan, Progress
from .recall import recall
from .result import Searched
from .rungs import Rung, write_rung
from .space import Space
from .stages import KEEP, WIDEN, Seen, Staged, at_edge, ladder, survivors

LANES = 16
"""Trials at once that the time of a full training is measured with."""
GRACE = 0.5
"""Seconds in which what ended together with the time is still taken."""
CALLS = 0.1
"""Seconds between two calls of `on_progress`."""


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
        self._next_told = 0.0
        identity = {
            "space": space.to_dict(), "epochs": plan.epochs, "folds": folds, "seed": seed,
            "base": base.edit(epochs=plan.epochs).id, "method": plan.name,
        }  # fmt: skip
        sampler = methods.optuna_sampler(plan.method, seed) if plan.sampler else None
        self.ledger = Ledger(name, identity, storage=storage, folder=out, sampler=sampler)
        self.method = None if plan.sampler else self._method(space)
        self._belief = Belief(executor, work, plan.epochs, folds, self._left, self._tell_again)
        self.worker = f"{socket.gethostname()}:{out.resolve() if out is not None else os.getpid()}"
        metric = "accuracy" if task == "classification" else "r2"
        self.study = Searched(
            space.to_dict(), [], metric, plan.epochs, folds, plan.name, optuna=self.ledger.study, recipe=base,
            folder=out, _fit=self._belief.fit,
        )  # fmt: skip
        self._units: dict[int, np.ndarray] = {}  # where trials stand in the space as it is now
        self._recall()
        self.study.writer = None if out is None else myself()

    # the whole

    def run(self) -> Searched:
        """Go on until the plan is fulfilled, the time is over, or Ctrl-C (which raises KeyboardInterrupt, all kept)."""
        if hasattr(self.executor, "deadline") and self.plan.seconds is not None:
            self.executor.deadline = time.monotonic() + self._left()  # type: ignore[attr-defined]
        try:
            self.plan = self._measured()
            stage = first = self._stage_now()
            while (count := self._count(stage)) > 0:
                self._stage(stage, count)
                stage += 1
            self._believe(anew=stage > first)
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
        self.study.writer = None
        if self.out is not None:
            self.study.save(self.out / "study.json")
        self.ledger.close()
        self.executor.close()

    def _measured(self) -> Plan:
        """The plan with the seconds of a full training in it, where they decide the first stage's size and can be measured."""
        expected = getattr(self.executor, "expected", None)
        if (
            expected is None
            or self.plan.seconds is None
            or self.plan.each is not None
            or self.ledger.state.get("sizes")
        ):
            return self.plan
        middle = self.space.edit(np.full(len(self.space), 0.5))
        job = Job(0, middle, self.plan.epochs, self.plan.epochs)
        with contextlib.suppress(RecipeError):  # these values can't be trained; others may
            return replace(self.plan, each=self.folds * expected(self.work, job, LANES))
        return self.plan

    # a stage

    def _stage(self, stage: int, count: int) -> None:
        trials = self._trials_of(stage, count)
        rungs = [self.plan.epochs] if self.plan.sampler else ladder(self.plan.epochs)
        lanes = [trial for trial in trials if trial.state == "running"]
        start, states = 0, {}
        if self._rung.stage == stage:
            start, states = self._rung.number + 1, self._rung.states
            lanes = [trial for trial in lanes if trial.number in self._rung.survivors] or lanes
        for number in range(start, len(rungs)):
            if not lanes or self._left() <= 0:
                break
            began, before = self._spent(), sum(trial.epochs for trial in lanes)
            states = self._train(stage, number, rungs[number], lanes, states)
            took = (self._spent() - began) / max(1, sum(trial.epochs for trial in lanes) - before)
            lanes = self._judge(stage, number, rungs, len(trials), lanes, states, took)
        for trial in lanes:
            if trial.state == "running" and trial.epochs >= self.plan.epochs:
                self._end(trial, "complete", "")
            elif trial.state == "running":
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
        if self.plan.sampler:
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
        failed: list[Trial] = []
        with contextlib.closing(closable(self.executor.map(self.work, jobs))) as outcomes:
            for outcome in outcomes:
                trial = self._by_number[outcome.job.trial]
                new[outcome.job.key] = outcome.state
                mine = came.setdefault(trial.number, [])
                mine.append(outcome)
                if len(mine) == self.folds and all(one.failed for one in mine):
                    failed.append(trial)
                elif len(mine) == self.folds:
                    self._take(trial, mine)
                self._tell(stage, number, until, lanes, len(came))
                if self._left() <= -GRACE:
                    break
        if len(failed) == len(lanes) and not any(trial.epochs for trial in self.study.trials):
            # nothing was ever trained: the model or training itself is wrong, and mended it may try the same again
            raise RecipeError(f"a trial must be trainable, but each fails: {came[failed[0].number][0].broken}")
        for trial in failed:
            self._take(trial, came[trial.number])
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
        self, stage: int, number: int, rungs: list[int], count: int, lanes: list[Trial], states: dict[Any, Any],
        took: float,
    ) -> list[Trial]:  # fmt: skip
        """Who goes on after a rung, in which an epoch of a trial took so many seconds."""
        alive = [trial for trial in lanes if trial.state == "running"]
        reached = [trial for trial in alive if trial.epochs >= rungs[number]]
        if len(reached) < len(alive) and self._left() <= 0:
            return alive  # time was over within the rung
        alive.sort(key=merit, reverse=True)
        keep = survivors(count, number, len(rungs)) if number < len(rungs) - 1 else 0
        stay = alive[: min(keep, self._affordable(rungs[number:], took))]
        keep = len(stay)
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

    def _affordable(self, rungs: list[int], took: float) -> int:
        """The most trials that there is time to take to the end, fewer from rung to rung; at least one."""
        left = self._left()
        if not math.isfinite(left):
            return sys.maxsize
        each = sum((after - before) / KEEP**step for step, (before, after) in enumerate(pairwise(rungs)))
        return max(1, int(left / max(took * each, 1e-9)))

    def _end(self, trial: Trial, state: Any, why: str) -> None:
        trial.state, trial.why = state, why
        self.ledger.finish(trial)
        if self.on_trial is not None:
            self.on_trial(trial, self.study)

    # the best few again

    def _believe(self, anew: bool) -> None:
        """Train the best few with more seeds; `anew` where trials came since others were believed."""
        if not self.plan.believe or (self.study.believed and not anew):
            return
        full = [
            trial for trial in self.study.ranked() if trial.epochs >= self.plan.epochs and trial.state == "complete"
        ]
        full.sort(key=lambda trial: trial.rank, reverse=True)
        few = self._belief.again(full[: self.plan.believe], self.plan.seeds)
        self.study.believed = [trial.number for trial in few]
        if full and not few:
            self.study.notes.append(
                "no time was left to train the best again with other seeds: its number is luck in part"
            )
        if few:
            self.ledger.remember(believed=[trial.to_dict() for trial in few])

    # how much, and where

    def _count(self, stage: int) -> int:
        """The trials of a stage; 0 ends the search."""
        planned: list[int] = self.ledger.state.get("sizes", [])
        if stage < len(planned):
            return planned[stage]
        if self._left() <= 0:
            return 0
        planned = self.plan.sized(planned, self._spent())
        self.ledger.remember(sizes=planned)
        return planned[stage] if stage < len(planned) else 0

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
            self.method = None if self.plan.sampler else self._method(self.space)
        found = recall(self.ledger, self.out, self.worker)
        self.study.trials, self.study.believed = found.trials, found.believed
        self._elsewhere, self._by_number, self._rung = found.elsewhere, found.by_number, found.rung
        for trial in found.reached:
            self.ledger.report(trial, 0)
            if trial.number not in found.rung.survivors:
                self._end(trial, "dropped", f"behind at epoch {trial.epochs}")

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

    def _tell(self, stage: int, rung: int, until: int, lanes: list[Trial], ended: int, again: Any = None) -> None:
        """Tell how it stands, now and then: telling takes a hundredth of the time at most."""
        began = time.monotonic()
        if self.on_progress is None or began < self._next_told:
            return
        racing = sum(trial.state == "running" for trial in lanes)
        self.on_progress(
            Progress.of(self.study, self.plan.trials, self._spent(), self._left(),
                        stage=stage, rung=rung, until=until, lanes=racing, ended=ended, again=again)
        )  # fmt: skip
        now = time.monotonic()
        self._next_told = now + max(CALLS, 100 * (now - began))

    def _tell_again(self, done: int, total: int) -> None:
        """Of the best few's trainings again, so many are over."""
        self._tell(max(0, len(self.study.boxes) - 1), 0, self.plan.epochs, [], 0, (done, total))
