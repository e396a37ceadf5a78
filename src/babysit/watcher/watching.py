"""`watch`: the public object, a context manager around somebody's training."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from ..doctor import Verdict
from ..errors import RecipeError
from ..probes import Probe
from ..record import Finding, Run
from ..registry import members
from ..sinks import opened
from . import facts
from .budget import Budget
from .judging import Judge, Stop
from .listening import Listening
from .observer import Observer
from .recording import Recording

KEEP = 2048


class watch:
    """Watch the training inside a `with`: what is measured, what is wrong.

    With no arguments every model, optimizer and criterion is found by itself; with models and optimizers
    only those are watched. Weights, losses and random state are what they would be unwatched.

    Args:
        parts: models and optimizers, in any order.
        overhead: share of the training's time that watching may cost, or "all" to observe every step.
        steps: raise `Stop` in the training after so many.
        out: folder to keep the record in; None keeps it in memory only (`run`).
        probes: instead of all probes there are.
        rules: instead of all rules there are.
        show: called with each finding once, when it becomes sure; and `show.update(run)` where it has that.
        sinks: trackers that also get the readings, each "NAME" or "NAME:TARGET" (`babysit.sinks`).
        stop_on: "error" or "warning": raise `Stop` in the training when such a finding is sure.

    Attributes:
        run: the record.
        findings: what is wrong, root causes first.
        verdict: the last judgement.
        overhead: share of the time that watching has cost so far.

    Raises:
        RecipeError: an overhead that can't be, or something that is neither model nor optimizer.
        OutputError: `out` can't be written.
        MissingExtra: a sink's package isn't installed.

    Examples:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with watch(model, optimizer) as w:
        ...     for _ in range(3):
        ...         optimizer.zero_grad()
        ...         torch.nn.functional.mse_loss(model(torch.ones(8, 2)), torch.ones(8, 1)).backward()
        ...         optimizer.step()
        >>> w.run.step, len(w.run.series("loss.train"))
        (3, 3)
    """

    def __init__(
        self,
        *parts: Any,
        overhead: float | str = 0.01,
        steps: int | None = None,
        out: str | Path | None = None,
        probes: Iterable[Probe] | None = None,
        rules: Iterable[Any] | None = None,
        show: Any = None,
        sinks: Iterable[str] = (),
        stop_on: str | None = None,
        **named: Any,
    ) -> None:
        self.run = Run(keep=KEEP)
        self._share = _overhead(overhead)
        self._out, self._steps = out, steps
        self._sinks = list(sinks)
        self._probes = list(probes) if probes is not None else list(members("babysit.probes", Probe).values())
        self._models, self._optimizers = _sorted_parts(parts, named)
        self._judging = {"rules": rules, "show": show, "stop_on": stop_on}
        self._judge: Judge | None = None
        self._listening: Listening | None = None
        self.observer: Observer | None = None
        self._entered = False

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, root causes first."""
        return list(self.verdict.findings)

    @property
    def verdict(self) -> Verdict:
        """The judgement on what was seen so far."""
        if self._judge is None:
            return Verdict("unknown", reason="nothing was watched yet")
        return self._judge.verdict()

    @property
    def overhead(self) -> float:
        """Share of the training's time that watching has cost so far."""
        return self.observer.budget.share if self.observer is not None else 0.0

    def __enter__(self) -> watch:
        if self.observer is not None:
            raise RecipeError("a watch watches once; make another for another training")
        title = Path(self._out).name if self._out is not None else "babysit"
        recording = Recording(self.run, self._out, opened(self._sinks, title) if self._sinks else None)
        budget = Budget(self._share)
        self._judge = Judge(self.run, recording, budget, **self._judging)
        self.observer = observer = Observer(recording, self._probes, budget, self._judge)
        recording.set_fact("versions", facts.versions())
        recording.set_fact("machine", facts.machine())
        for name, model in self._models:
            observer.models.add(model, name, given=True)
        for optimizer in self._optimizers:
            observer.order.of(optimizer, observer.sources.here(2))
        observer.closed = bool(self._models)
        if self._models and self._optimizers:
            observer.main = observer.order.held[0]
        observer.last_step = self._steps
        self._listening = Listening(observer)
        self._listening.start()
        self._entered = True
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.close(**how_ended(error))

    def close(self, reason: str = "finished", **detail: Any) -> None:
        """Stop watching: everything is put back, the record is complete. Safe to call twice.

        Args:
            reason: how the training ended: "finished", "exit", "error", "interrupted", "stopped".
            detail: what else the record's "end" says of it, such as `error="ValueError: …"` or `code=3`.
        """
        if not self._entered or self.observer is None or self._listening is None:
            return
        self._entered = False
        observer = self.observer
        observer.timed(observer.hand_over)
        self._listening.stop()
        observer.timed(self._finish, observer, {"reason": reason, **detail})
        observer.recording.close()

    def _finish(self, observer: Observer, how: dict[str, Any]) -> None:
        observer.transfer.clear()
        if observer.validation.running:
            observer.host = host = {}
            observer.end_of_validation()
            observer.transfer.send(lambda: observer.recording.append(observer.step, host, observer.budget.elapsed))
        if observer.device_losses:
            observer.deep = True
            observer.losses = []
            steps = [step for step, _ in observer.device_losses]
            values = torch.stack([value for _, value in observer.device_losses])
            observer.transfer.add(values, lambda numbers: observer.buffered.extend(zip(steps, numbers, strict=True)))
            observer.transfer.send(lambda: None)
        observer.transfer.receive(wait=True)
        observer.flush_losses(observer.step + 1)
        observer.update_facts()
        self.run.seconds = observer.budget.elapsed
        observer.recording.add_event(observer.step, "end", "", how)
        assert self._judge is not None
        self._judge.verdict()


def how_ended(error: BaseException | None) -> dict[str, Any]:
    """What the record says of how a training ended, by what it raised.

    Examples:
        >>> how_ended(None), how_ended(KeyboardInterrupt())
        ({'reason': 'finished'}, {'reason': 'interrupted'})
        >>> how_ended(ValueError("3 channels")), how_ended(SystemExit(2)), how_ended(SystemExit("no data"))
        ({'reason': 'error', 'error': 'ValueError: 3 channels'}, {'reason': 'exit', 'code': 2}, {'reason': 'exit', 'code': 1})
    """
    if error is None:
        return {"reason": "finished"}
    if isinstance(error, KeyboardInterrupt):
        return {"reason": "interrupted"}
    if isinstance(error, Stop):
        return {"reason": "stopped", "why": error.reason}
    if isinstance(error, SystemExit):
        code = error.code
        return {"reason": "exit", "code": 0 if code is None else code & 0xFF if isinstance(code, int) else 1}
    first = ""
    with contextlib.suppress(Exception):  # an error of theirs that can't say what it is
        first = str(error).strip().partition("\n")[0]
    return {"reason": "error", "error": f"{type(error).__name__}{': ' * bool(first)}{first[:200]}"}


def _overhead(value: float | str) -> float | None:
    """A share as a number: 0.01, "1%", "all" (None)."""
    if value == "all":
        return None
    try:
        share = float(str(value).rstrip("%")) / (100 if str(value).endswith("%") else 1)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise RecipeError(f'0 < overhead ≤ 1 must hold (such as 0.01 or "1%"), or "all", but overhead={value!r}')
    return share


def _sorted_parts(
    parts: tuple[Any, ...], named: dict[str, Any]
) -> tuple[list[tuple[str | None, nn.Module]], list[Optimizer]]:
    models: list[tuple[str | None, nn.Module]] = []
    optimizers: list[Optimizer] = []
    for name, one in [*((None, one) for one in parts if one is not None), *named.items()]:
        if isinstance(one, nn.Module):
            models.append((name, one))
        elif isinstance(one, Optimizer):
            optimizers.append(one)
        else:
            raise RecipeError(f"watch takes models and optimizers, but got {type(one).__name__}")
    return models, optimizers
