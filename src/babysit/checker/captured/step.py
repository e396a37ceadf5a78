"""One step of a training as a tape: what was called between the batch and the loss, to be played again.

Played on copies of the models, with the same or other rows of the batch, or with other inputs. What does not
depend on a parameter (the batch, masks, noise drawn outside) keeps the value that it had.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from ...checks import CannotJudge
from ...hosts.edits.stage import CRITERIA


@dataclass(frozen=True)
class Ref:
    """A tensor of a tape, by its number."""

    slot: int


@dataclass
class Entry:
    """One call. `call` is a function, or the number of a model."""

    call: Callable[..., Any] | int
    args: Any
    kwargs: Any
    made: Any
    grad: bool = True


@dataclass
class Criterion:
    """What one of PyTorch's criteria really got."""

    name: str
    output: Tensor
    target: Tensor
    options: dict[str, Any] = field(default_factory=dict)
    value: Tensor | None = None

    @property
    def reduction(self) -> str:
        """ "mean", "sum" or "none"."""
        return str(self.options.get("reduction", "mean"))


@dataclass
class Body:
    """Copies that may be changed: the models, loose parameters, and the optimizers over them."""

    modules: list[nn.Module]
    loose: list[Tensor]
    optimizers: list[Optimizer]

    def copy(self) -> Body:
        """A copy of its own; what is shared stays shared."""
        memo: dict[int, Any] = {}
        modules, loose = copy.deepcopy((self.modules, self.loose), memo)
        return Body(modules, loose, [copied(one, memo) for one in self.optimizers])

    def parameters(self) -> dict[str, Tensor]:
        """Every trainable parameter once, by name; with several models the model's number goes before it."""
        found: dict[str, Tensor] = {}
        seen: set[int] = set()
        for number, module in enumerate(self.modules):
            for name, one in module.named_parameters():
                if id(one) not in seen and one.requires_grad:
                    seen.add(id(one))
                    found[f"{number}/{name}" if len(self.modules) > 1 else name] = one
        for number, one in enumerate(self.loose):
            if id(one) not in seen and one.requires_grad:
                found[f"parameter {number}"] = one
        return found

    def mode(self, training: bool | None) -> Body:
        """All models in training or evaluation mode; None leaves them."""
        if training is not None:
            for module in self.modules:
                module.train(training)
        return self

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for one in self.parameters().values():
            one.grad = None


def copied(optimizer: Optimizer, memo: dict[int, Any]) -> Optimizer:
    """A copy over the copied parameters, without the hooks and wrappers that a program puts on an optimizer."""
    twin = object.__new__(type(optimizer))
    groups, state, defaults = copy.deepcopy((optimizer.param_groups, dict(optimizer.state), optimizer.defaults), memo)
    twin.__setstate__({"param_groups": groups, "state": defaultdict(dict, state), "defaults": defaults})
    for name, value in vars(optimizer).items():
        if name not in vars(twin) and not name.startswith("_optimizer_") and not callable(value):
            setattr(twin, name, copy.deepcopy(value, memo))
    return twin


class Listening(TorchFunctionMode):
    """Notes what the criteria get; may replace their options."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.calls: list[Criterion] = []
        self.options = options or {}
        self.always_dropped = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name not in CRITERIA:
            if name in ("dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_alpha_dropout"):
                p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
                on = kwargs.get("training", args[2] if len(args) > 2 else True)
                self.always_dropped = self.always_dropped or bool(on and p)
            return func(*args, **kwargs)
        for option, value in self.options.items():
            if option in kwargs:
                kwargs[option] = value
        call = criterion(name, args, kwargs)
        value = func(*args, **kwargs)
        if call is not None:
            call.value = value
            self.calls.append(call)
        return value


def criterion(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Criterion | None:
    """A criterion's call, its output and target found; None where they aren't two tensors."""
    options = dict(kwargs)
    given = list(args)
    output = options.pop("input") if "input" in options else given.pop(0) if given else None
    target = options.pop("target") if "target" in options else given.pop(0) if given else None
    if given:
        options.setdefault("weight", given[0] if isinstance(given[0], Tensor) else None)
    if isinstance(output, Tensor) and isinstance(target, Tensor):
        return Criterion(name, output, target, options)
    return None


@dataclass
class Played:
    """What a play gave: the loss, every tensor by its number, what the criteria got."""

    loss: Tensor
    values: dict[int, Tensor]
    calls: list[Criterion]
    always_dropped: bool = False


@dataclass
class Step:
    """One recorded step.

    Attributes:
        entries: the calls that the loss depends on, in order.
        loss: where the loss is.
        outside: the tensors that came from outside, by number.
        parameters: number -> index of a loose parameter (one that no model holds).
        inputs: numbers of the tensors that the first model got, targets left out.
        targets: numbers of what the criteria were given as targets, where that came from outside.
        size: N, the examples in the batch; axis: where they lie in the first input.
        calls: what the criteria got while the program ran.
        value: the loss while the program ran.
    """

    entries: list[Entry]
    loss: Ref
    outside: dict[int, Tensor]
    parameters: dict[int, int]
    inputs: list[int]
    targets: list[int]
    size: int
    axis: int
    calls: list[Criterion]
    value: float

    def play(
        self,
        body: Body,
        *,
        rows: Tensor | None = None,
        replace: Mapping[int, Tensor] | None = None,
        options: Mapping[str, Any] | None = None,
        training: bool | None = None,
        listen: bool = True,
    ) -> Played:
        """The same calls on `body`.

        Args:
            rows: (n,) numbers of the examples to take; all as they were when None.
            replace: other values for some tensors from outside.
            options: options of the criteria to replace, such as {"label_smoothing": 0.0}.
            training: the models' mode; None as they are.
            listen: note what the criteria get.

        Raises:
            CannotJudge: the program did something in between that can't be repeated with these values.
        """
        values: dict[int, Tensor] = {}
        for slot, value in self.outside.items():
            fresh = replace[slot] if replace and slot in replace else value
            if rows is not None:
                fresh = self._rows(slot, fresh, rows)
            values[slot] = fresh.clone() if fresh.is_floating_point() else fresh
        for slot, index in self.parameters.items():
            values[slot] = body.loose[index]
        body.mode(training)
        try:
            if not (listen or options):
                self._run(body, values)
                return Played(values[self.loss.slot], values, [])
            with Listening(options) as heard:
                self._run(body, values)
        except CannotJudge:
            raise
        except Exception as error:
            raise CannotJudge(
                f"what the program does between its model and its loss can't be repeated with other values ({error})"
            ) from error
        return Played(values[self.loss.slot], values, heard.calls, heard.always_dropped)

    def _run(self, body: Body, values: dict[int, Tensor]) -> None:
        for entry in self.entries:
            args, kwargs = _filled((entry.args, entry.kwargs), values)
            call = body.modules[entry.call] if isinstance(entry.call, int) else entry.call
            with torch.set_grad_enabled(torch.is_grad_enabled() and entry.grad):
                made = call(*args, **kwargs)
            _bind(entry.made, made, values)

    def _rows(self, slot: int, value: Tensor, rows: Tensor) -> Tensor:
        axis = self.batch_axis(slot, value)
        if axis is not None:
            return value.index_select(axis, rows.to(value.device))
        if slot in self.targets and value.ndim == 1 and self.size and len(value) % self.size == 0:
            return value.reshape(self.size, -1)[rows.to(value.device)].reshape(-1)
        return value

    def batch_axis(self, slot: int, value: Tensor) -> int | None:
        """Along which axis of a tensor from outside the examples lie, if any."""
        if slot in self.inputs and value.ndim > self.axis and value.shape[self.axis] == self.size:
            return self.axis
        if value.ndim >= 1 and value.shape[0] == self.size and slot not in self._constants():
            return 0
        if value.ndim >= 2 and value.shape[1] == self.size and (self.axis == 1 or value.ndim == 3):
            return 1
        return None

    def _constants(self) -> set[int]:
        """Class weights: as long as there are classes, which may be as many as there are examples."""
        return {
            ref.slot
            for entry in self.entries
            if getattr(entry.call, "__name__", "") in CRITERIA and isinstance(entry.kwargs, dict)
            for ref in [entry.kwargs.get("weight"), entry.kwargs.get("pos_weight")]
            if isinstance(ref, Ref)
        }

    @property
    def main(self) -> Criterion | None:
        """The criterion that the loss rests on most: the first that asked for a gradient."""
        return next((call for call in self.calls if call.output.requires_grad), None)


def _filled(tree: Any, values: Mapping[int, Tensor]) -> Any:
    return pytree.tree_map(
        lambda leaf: values[leaf.slot] if isinstance(leaf, Ref) else leaf,
        tree,
        is_leaf=lambda one: isinstance(one, Ref),
    )


def _bind(made: Any, now: Any, values: dict[int, Tensor]) -> None:
    old = pytree.tree_leaves(made, is_leaf=lambda one: isinstance(one, Ref))
    new = pytree.tree_leaves(now)
    if len(old) != len(new):
        raise CannotJudge("the model gives something else on these values than it gave before")
    for ref, value in zip(old, new, strict=True):
        if isinstance(ref, Ref):
            values[ref.slot] = value
