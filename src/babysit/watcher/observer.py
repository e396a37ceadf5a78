"""What happens between two steps of a training.

An interval goes from one step of the main optimizer to the next. Observed ("deep") intervals have hooks on
every module and measure; in the others only a few calls are counted, which costs microseconds: this file.
Each part of an interval is a file that builds on the one before:

    state  writing  passes  forwards  backwards  steps  observer
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from .judging import Stop
from .state import _HUGE, FACTS_AT
from .steps import Steps
from .validation import modes


class Observer(Steps):
    """One watched training: every reported call comes here."""

    def quiet_loss(self, loss: Any) -> None:
        """backward is about to run."""
        self.settle()
        if self.awake:
            self.unmatched = 0
            if self.validation.running:
                self.timed(self.end_of_validation)
                self.timed(self._modes_now)
            self.listen_closely(False)
        if self.hand is not None:
            self.hand_over()
            self.hand_waits = True
            if self.deep:
                self.partial = True
        if self.unscaled is not None or type(loss) is not Tensor:
            self.timed(self._loss, loss)
        elif loss.is_cpu and loss.numel() == 1:
            value = loss.item()
            self.losses.append(value)
            if self.was_finite and not -_HUGE < value < _HUGE:
                self.timed(self._blame, loss)
        else:
            self.timed(self._loss, loss)

    def _modes_now(self) -> None:
        """After a validation pass, in a quiet stretch: is the model that is trained in training mode again?"""
        root = self.models.main()
        module = root.module() if root is not None else None
        if module is None:
            return
        on, all_of = modes(module)
        if all_of:
            self.flush_losses(self.step + 1)
            own = {("mode.train", ""): on / all_of, ("mode.model", ""): float(module.training)}
            self.recording.append(self.step + 1, own, self.budget.elapsed)

    def quiet_step(self, optimizer: Optimizer) -> None:
        """An optimizer has stepped."""
        self.settle()
        held = self.order.by_id.get(id(optimizer))
        if held is None:
            return
        held.since_zero += 1
        held.steps += 1
        if held is not self.main and not self._takes_over(held):
            return
        self.main = held
        self.step = step = self.step + 1
        losses = self.losses
        if len(losses) == 1:
            loss = losses[0]
            losses.clear()
            if type(loss) is float:
                self.buffered.append((step, loss))
                self.level += 0.1 * (loss - self.level)
                if loss < self.alarm and step < self.wake:
                    self._engage(optimizer)
                    return
                self._safely(self._woken, optimizer, loss)
                return
            losses.append(loss)
        self._safely(self._woken, optimizer, self._loss_of_interval())

    def _engage(self, optimizer: Optimizer) -> None:
        """After a plain step: the next ones may be as plain."""
        if self.was_finite and not self.awake and self.hand is None and self.unscaled is None:
            self.quiet.engage(optimizer, self.wake - self.step - 1, self.alarm)

    def settle(self) -> None:
        """Take over what the quiet path has counted."""
        if not self.quiet.optimizer:
            return
        losses, under_way = self.quiet.take()
        held = self.main
        assert held is not None
        held.since_zero += len(losses)
        held.steps += len(losses)
        for loss in losses:
            self.step += 1
            self.buffered.append((self.step, loss))
            self.level += 0.1 * (loss - self.level)
        if under_way is not None:
            self.losses.append(under_way)

    def _safely(self, function: Callable[..., Any], *args: Any) -> None:
        function(*args) if self.busy else self.timed(function, *args)

    def _woken(self, optimizer: Optimizer, loss: float | None) -> None:
        """The end of a quiet stretch, or of an interval that isn't as simple as most."""
        self.losses = []
        if loss is not None:
            self._stir(loss)
        if self.step < self.wake and not self.budget.stirred:
            if self.transfer.waiting:
                self.transfer.receive()
            return
        self.budget.end_of_stretch(self.step)
        self._watch_rate(optimizer)
        self._limit_losses()
        if len(self.buffered) > 500:
            self.flush_losses(self.step + 1)
        self._next_interval()

    def _next_interval(self) -> None:
        """Decide about the interval that begins now."""
        if self.last_step is not None and self.step >= self.last_step:
            self.stop = Stop(f"stopped after {self.step} steps, as was asked for")
        self.forwards, self.pending, self.losses = [], [], []
        self.current, self.host, self.partial = None, {}, False
        self.stack.clear()
        self.dead.forget()
        self.transfer.clear()
        deep = self.budget.observe(self.step, self.deep)
        if deep:
            self._begin_deep()
        else:
            self.batches.not_observed()
            self.comparisons.forget()
            self.wake = self.budget.wake if self.last_step is None else min(self.budget.wake, self.last_step)
            self.alarm = 3 * abs(self.level) + 1e-12 if self.level == self.level and self.was_finite else math.inf
        if deep != self.deep or self.hearing != deep:
            self.set_deep(deep)

    def _begin_deep(self) -> None:
        for held in self.order.held:
            held.begin(quiet=not self.deep)
        self.layers.begin()
        self.criteria.begin()
        rare = self.step in FACTS_AT or self.step >= self._rare_at
        if rare:
            self._rare_at = self.step + max(50, self.step // 4)
        self.layers.rare = self.parameters.rare = self.criteria.rare = rare or self.step < 2
        self.light = self.budget.light and not self.layers.rare
        wanted = self.frames.due(self.step + 1) and not self.light
        self.layers.frame = partial(self.frames.output, self.step + 1) if wanted else None

    def differentiated(self, outputs: Any, inputs: Any, results: Any, graph: bool) -> None:
        """`torch.autograd.grad` has given its results."""
        if not self.validation.running:
            self.dead.computed(outputs, inputs, results, graph, self.sources.here(4))

    def many_criteria(self) -> None:
        """Criteria in a quiet interval, and no backward: that is a validation pass with gradients on."""
        self.unmatched = 0
        if self.step:
            self.partial = True
            self.forwards, self.pending = [], []
            self._begin_deep()
            self.set_deep(True)
