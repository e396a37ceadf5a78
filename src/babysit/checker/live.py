"""A live watch that can be cured: `w.cure()` in a notebook, with no script to run again.

The first steps inside the `with` are taken down as tapes, beside copies of the model and optimizer as they were
before any step. A cure forks from there: it plays those batches over and over on fresh copies, in the modes and with the
order of calls that the program had, and scores what was held out of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import CannotJudge
from ..errors import TrainingError
from ..hosts.edits.stage import CRITERIA
from ..views.notebook import LiveDisplay, in_notebook
from ..watcher import watch as _watch
from .captured.recording import Recorder
from .captured.step import Entry, Step
from .captured.subject import Subject
from .cure import cure_of
from .outcome import Cure

STEPS = 120
BYTES = 64 * 2**20
"""So many steps are kept at most, and of their batches so much."""
LEAST = 8
"""Fewer kept steps than this show nothing."""
HELD_OUT = 4
"""Every fourth kept batch is never trained on."""
MOST_PLAYED = 600
NAMES = (*CRITERIA, "softmax", "sigmoid", "log_softmax", "relu", "tanh", "dropout", "leaky_relu", "gelu")


class watch(_watch):
    """`babysit.watcher.watch`, with `cure()`; see there for its arguments.

    In a notebook it shows the run and brings that up to date while it trains, unless it is told what to `show`.

    Args:
        keep: take down the first steps, so that `cure` can play them again; by default where models or
            optimizers are given, as in a notebook.

    Examples:
        >>> import torch
        >>> model = torch.nn.Linear(4, 2)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with watch(model, optimizer) as w:
        ...     for _ in range(10):
        ...         optimizer.zero_grad()
        ...         torch.nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.ones(8).long()).backward()
        ...         optimizer.step()
        >>> len(w.kept.recorded)
        10
    """

    def __init__(self, *parts: Any, keep: bool | None = None, **options: Any) -> None:
        self._display = LiveDisplay() if options.get("show") is None and in_notebook() else None
        super().__init__(*parts, **({**options, "show": self._display} if self._display else options))
        self._keeper = _Keeper() if keep or (keep is None and (self._models or self._optimizers)) else None

    @property
    def kept(self) -> Subject:
        """What was taken down of the first steps."""
        return self._keeper.subject if self._keeper is not None else Subject()

    def __enter__(self) -> watch:
        super().__enter__()
        if self._keeper is not None:
            self._keeper.__enter__()
        return self

    def close(self, reason: str = "finished", **detail: Any) -> None:
        """Stop watching: everything is put back, the record is complete. Safe to call twice."""
        if self._keeper is not None:
            self._keeper.stop()
        super().close(reason, **detail)
        if self._display is not None:
            self._display.update(self.run, force=True)
            self._display = None

    def cure(self, **options: Any) -> Cure:
        """Find what is wrong, and prove a remedy on the batches that were kept.

        Args:
            options: `time`, `jobs` and `tell` of `babysit.cure`.

        Raises:
            TrainingError: nothing was kept that can be played again; hand `babysit.cure` your function instead.
        """
        if self._entered and self._keeper is not None:
            self._keeper.stop()
        train = replay(self.kept, self.run.step)
        return cure_of(lambda rewrite: train(), run=self.run, verdict=self.verdict, **options)


class _Keeper(Recorder):
    """Takes down the first steps and never ends the program; it is gone once it has enough."""

    def __init__(self) -> None:
        super().__init__(wait=float("inf"), steps=STEPS, examples=2**31)
        self.bytes = 0

    def stop(self) -> None:
        """Hear nothing from now on."""
        self._on = False
        self._undo.close()

    def _see(self, module: Any, args: Any, kwargs: Any) -> None:
        """Nothing is hashed."""

    def _maybe_enough(self) -> None:
        if not self._wants_more():
            self.stop()

    def _wants_more(self) -> bool:
        recorded = self.subject.recorded
        size = sum(one.nbytes for one in recorded[-1].outside.values()) if recorded else 0
        return len(recorded) < STEPS and size * (len(recorded) + 1) < BYTES


def replay(kept: Subject, steps: int) -> Callable[[], None]:
    """A function that trains on kept batches as the program did, about as many steps, scored on those held out.

    Raises:
        TrainingError: too little was kept, or it can't be played.
    """
    if kept.problem or not kept.body.optimizers:
        raise TrainingError(
            "w.cure() must be able to play the training again, but "
            f"{kept.problem or 'no step was taken down'}; hand babysit.cure a function that trains instead"
        )
    if len(kept.recorded) < LEAST:
        raise TrainingError(
            f"w.cure() needs at least {LEAST} steps that were watched, but there are {len(kept.recorded)}"
        )
    held = kept.recorded[HELD_OUT - 1 :: HELD_OUT]
    learned = [one for number, one in enumerate(kept.recorded) if number % HELD_OUT != HELD_OUT - 1]
    rounds = max(1, round(min(MOST_PLAYED, max(steps, len(kept.recorded))) / len(learned)))

    def train() -> None:
        body = kept.body.copy()
        for _ in range(rounds):
            for number in torch.randperm(len(learned)).tolist():
                if not kept.carried:
                    for optimizer in body.optimizers:
                        optimizer.zero_grad()
                _play(learned[number], body.mode(True)).backward()
                for optimizer in body.optimizers:
                    optimizer.step()
            with torch.no_grad():
                for step in held:
                    _play(step, body.mode(False))

    try:
        _play(learned[0], kept.body.copy())
    except Exception as error:
        raise TrainingError(
            f"w.cure() must be able to play the training again, but {error}; "
            "hand babysit.cure a function that trains instead"
        ) from error
    return train


def _play(step: Step, body: Any) -> Tensor:
    """The step's loss on these models; PyTorch's functions are called by name, so that edits reach them."""
    now = Step(
        [Entry(_current(one.call), one.args, one.kwargs, one.made, one.grad) for one in step.entries],
        step.loss, step.outside, step.parameters, step.inputs, step.targets, step.size, step.axis, step.calls, step.value,
    )  # fmt: skip
    loss = now.play(body, listen=False).loss
    if loss.numel() != 1:
        raise CannotJudge("its loss is not one number")
    return loss


def _current(call: Any) -> Any:
    """The function that its name stands for now."""
    name = getattr(call, "__name__", "")
    if isinstance(call, int) or name not in NAMES:
        return call
    return next((getattr(owner, name) for owner in (F, torch) if hasattr(owner, name)), call)
