"""When a copy of the model is tried, on what, and what is written of it: the fact `dependency`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from . import copies
from .budget import Budget, own_time
from .influence import (
    at_positions,
    largest_change,
    of_examples,
    of_positions,
    shifts,
    with_other_examples,
    with_other_future,
)
from .transfer import Transfer

DUE = (3, 30)
"""Steps from which on the next observed one is a trial: near the start, and when weights that began at zero have moved."""
FORWARDS = 7
FEW = 8
"""Examples that are enough, on a processor where fewer are cheaper."""
ROUNDING = 1e-4
"""A change below this share of the outputs' spread may be rounding (float32, another order of summing)."""


@dataclass(eq=False)
class Trials:
    """Tries a copy of the main model now and then."""

    transfer: Transfer
    budget: Budget
    tell: Callable[[str, Any], None]
    tries: int = 0
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    _given: copies.Given | None = None
    _target: Tensor | None = None

    def due(self, step: int) -> bool:
        """Is the step after `step` one to try?"""
        if self.tries >= len(DUE) or step < DUE[self.tries] or self._given is not None:
            return False
        cost = (
            self.seconds or FORWARDS * self.budget.step_seconds / 6
        )  # a step is three forwards, and few examples cost less
        return copies.affordable(cost, self.budget.overhead, self.budget.elapsed)

    def take(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """A forward of the main model begins at such a step: keep what it gets."""
        self._target = None
        try:
            self._given = copies.given(module, args)
        except copies.CannotCopy:
            self.tries = len(DUE)

    def answer(self, target: Tensor | None) -> None:
        """The main criterion was trained on; `target` is what it got."""
        if self._given is not None and self._target is None:
            self._target = target

    def forget(self) -> None:
        """The interval is over."""
        self._given = self._target = None

    def run(self, time_first: bool) -> None:
        """The step is over: try what was kept."""
        given, target = self._given, self._target
        self.forget()
        if given is None:
            return
        self.tries += 1
        began = own_time()
        try:
            with copies.without_trace(given.module):
                values = _of_few(given, target, time_first)
            if values is not None:
                self.transfer.add(torch.stack(values), self._received)
        except Exception:  # whatever the model does on other values than its own: it is left alone
            self.tries = len(DUE)
        self.seconds = own_time() - began
        self.budget.apart(self.seconds)

    def _received(self, numbers: list[float]) -> None:
        again, differ, example, own, future, here, same, following, distinct = numbers
        if not again <= 1e-6 or not example <= 1e300:
            return  # random in evaluation mode too, or not finite
        found = self.facts
        if example >= 0:
            found["examples"] = max(found.get("examples", 0.0), _told(example))
        if own >= 0 and differ:
            found["input"] = own
        if future >= 0 and distinct >= 4:
            if following == 1:
                found["future"] = max(found.get("future", 0.0), _told(future))
            elif same == 1 and here > ROUNDING:
                found["copied"] = found.get("copied", True) and _told(future) == 0
        if found:
            self.tell("dependency", dict(found))


def _told(change: float) -> float:
    return change if change > ROUNDING else 0.0


def _of_few(given: copies.Given, target: Tensor | None, time_first: bool) -> list[Tensor] | None:
    """What `_values` tells, of a few examples where that is cheaper and the model can."""
    first = _first(given, target)
    x = given.tensors[first]
    axis = batch_axis(x, target, time_first)
    if axis is None or x.shape[axis] < 2:
        return None
    size, pair = x.shape[axis], at_positions(x, target, axis) if target is not None else None
    for few in (FEW, FEW - 1) if x.is_cpu and size > FEW else ():  # the other where an axis is as long as the first
        try:
            found = _values(given.narrowed(axis, size, few), first, target, axis, pair)
        except copies.CannotCopy:
            raise
        except Exception:  # it wants as many as it was built for
            break
        if found is not None:
            return found
    return _values(given, first, target, axis, pair)


def _first(given: copies.Given, target: Tensor | None) -> int:
    """The place of the input whose rows are the examples: that has a row for each answer, else the first.

    A support set, a memory or a graph may come before it.
    """
    rows, place = (len(target), target.data_ptr()) if target is not None and target.ndim else (0, 0)
    fitting = (
        index for index, one in given.tensors.items() if one.ndim and len(one) == rows and given.places[index] != place
    )
    return next(fitting, min(given.tensors))


def _values(
    given: copies.Given, first: int, target: Tensor | None, axis: int, pair: tuple[Tensor, Tensor] | None
) -> list[Tensor] | None:
    """(9,): change between two equal calls; whether inputs differ at all; change by other examples, by another input; and
    what `_future` tells. −1: not told.
    """
    tensors = given.tensors
    shape = tensors[first].shape
    size = shape[axis]
    place = target.data_ptr() if target is not None else None
    inputs = {
        index: one
        for index, one in tensors.items()
        if one.ndim > axis and one.shape[axis] == size and (index == first or given.places[index] != place)
    }
    body = copies.twin(given.module)

    def ask(replace: dict[int, Tensor]) -> list[Tensor]:
        torch.manual_seed(0)
        return of_examples(given.call(body, replace), size, axis, shape)[:1]

    base = ask({})
    if not base or not base[0].numel():
        return None
    nothing = base[0].new_full((), -1.0, dtype=torch.float64)
    again = largest_change(base, ask({}))
    rolled = {index: one.roll(1, axis) for index, one in inputs.items()}
    differ = torch.stack([(one != rolled[index]).any() for index, one in inputs.items()]).any().double()
    own = largest_change(base, ask(rolled))
    example = nothing
    if not _related(given, size, inputs):
        half = slice(0, size // 2)
        paired = [index for index in inputs if _is_paired(index, inputs, axis, ask)]
        other = ask({index: with_other_examples(inputs[index], axis) for index in paired})
        example = largest_change([base[0][half]], [other[0][half]])
    found = [again, differ, example, own, *_future(given, pair, inputs, first, axis, body)]
    return [one.to(again.device) for one in found]


def _is_paired(
    index: int, inputs: dict[int, Tensor], axis: int, ask: Callable[[dict[int, Tensor]], list[Tensor]]
) -> bool:
    """Does each example have a row of this input for its own? Not if all that differ in nothing else get the same answer.

    Then the input stands beside all of them: a support set, a memory.
    """
    if len(inputs) == 1:
        return True
    alike = {at: one.narrow(axis, 0, 1).expand_as(one) for at, one in inputs.items() if at != index}
    try:
        answers = ask(alike)[0]
    except Exception:  # they belong together, row by row
        return True
    return bool(largest_change([answers], [answers[:1].expand_as(answers)]) > ROUNDING)


def _future(
    given: copies.Given,
    pair: tuple[Tensor, Tensor] | None,
    inputs: dict[int, Tensor],
    first: int,
    axis: int,
    body: nn.Module,
) -> list[Tensor]:
    """(5,): change by a later position, and by the same one (−1: no class ids); share of targets that are the input here,
    at the next position; distinct targets.
    """
    x = inputs[first]
    nothing = [torch.full((), -1.0, dtype=torch.float64, device=x.device)] * 5
    others = [one for index, one in inputs.items() if index != first and one.ndim >= 2 and not _is_mask(one)]
    if pair is None or others:
        return nothing
    size, length = x.shape[axis], x.shape[1 - axis]
    seq = x if axis == 0 else x.transpose(0, 1)
    changed = with_other_future(seq, length // 2)
    changed = changed if axis == 0 else changed.transpose(0, 1).contiguous()
    kept = []
    for replace in ({}, {first: changed}):
        torch.manual_seed(0)
        places = [of_positions(one, size, length, axis) for one in given.call(body, replace) if one.is_floating_point()]
        place = next((one for one in places if one is not None), None)
        if place is None:
            return nothing
        kept.append(place)
    cut = length // 2
    before, after = kept
    ids = x.ndim == 2 and not x.is_floating_point()
    here = largest_change([before[:, cut]], [after[:, cut]]) if ids else nothing[0]
    return [largest_change([before[:, :cut]], [after[:, :cut]]), here, *shifts(*pair)]


def batch_axis(x: Tensor, target: Tensor | None, time_first: bool) -> int | None:
    """The axis of an input's examples, as far as shapes tell.

    `time_first`: a module of the model takes axis 1 for the batch. The target tells: one row for each example, or
    an answer at every position.
    """
    if x.ndim == 0:
        return None
    if target is None or target.ndim == 0:
        return None if time_first else 0
    if x.ndim >= 2 and x.shape[0] == x.shape[1] and time_first:
        return None
    if target.shape[0] == x.shape[0] and not (time_first and target.ndim >= 2 and target.shape[:2] == x.shape[:2]):
        return 0
    if x.ndim >= 2 and target.numel() == x.shape[0] * x.shape[1]:
        return int(time_first)
    if x.ndim >= 2 and target.shape[0] == x.shape[1]:
        return 1
    return 0 if target.shape[0] % x.shape[0] == 0 else None


def _is_mask(value: Tensor) -> bool:
    """Is it only yes and no (or 0 and minus infinity), so that no answer can be in it?"""
    return value.dtype == torch.bool or bool(((value == 0) | (value == 1) | value.isinf()).all())


def _related(given: copies.Given, size: int, inputs: dict[int, Tensor]) -> bool:
    """Do examples depend on one another on purpose: a graph, batch norm without running statistics?"""
    outside = [space[name] for space, name in copies.named_outside(given.module)]
    held = [value for module in given.module.modules() for value in [*vars(module).values(), *module._buffers.values()]]
    handed = [one for index, one in given.tensors.items() if index not in inputs]
    for one in [*outside, *held, *handed, *inputs.values()]:
        if isinstance(one, Tensor) and (
            one.layout is not torch.strided
            or (one.ndim == 2 and one.shape == (size, size))
            or (one.ndim == 2 and one.shape[0] == 2 and one.dtype in (torch.int64, torch.int32) and one.shape[1] > 2)
        ):
            return True
    return any(
        isinstance(one, nn.modules.batchnorm._BatchNorm) and one.running_mean is None for one in given.module.modules()
    )
