"""Listens to a program's first steps and takes each down as a tape.

Two ways to hear: every call of a function of PyTorch that depends on a model's output (a torch function mode,
on for the recorded steps only), and every call of a model from outside any other (for as long as it listens).
The program runs as it is; what it prints and decides is its own.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from ...hosts.edits.stage import CRITERIA, Stage
from ..attempt import Enough
from .step import Criterion, Entry, Ref, Step, copied, criterion
from .subject import OwnFunction, Seen, Subject, hashes

ENOUGH_EXAMPLES = 512
MOST_STEPS = 24
"""Steps are recorded until they hold so many examples, at most so many steps."""
ENTRIES = 20_000
"""Calls outside models in one step, at most; a program with more can't be taken down."""


class Recorder:
    """Takes down what trains inside `with`; `subject` is what it has.

    Args:
        wait: seconds to go on for validation after the recorded steps.
        most: examples whose hashes are kept, at most.
    """

    def __init__(self, *, wait: float = 1.5, steps: int = MOST_STEPS, examples: int = ENOUGH_EXAMPLES) -> None:
        self.subject = Subject()
        self.wait, self.most_steps, self.most_examples = wait, steps, examples
        self._memo: dict[int, Any] = {}
        self._models: list[nn.Module] = []
        self._loose: list[Tensor] = []
        self._optimizers: list[Optimizer] = []
        self._depth = 0
        self._tape = _Tape(self)
        self._mode = _Mode(self)
        self._on = self._inside = False
        self._until = 0.0
        self._before: dict[int, Tensor] = {}
        self._counted: dict[int, int] = {}
        self._clean: dict[int, bool] = {}
        self._arrived: dict[int, str] = {}
        self._validated = False
        self._undo = ExitStack()

    # on and off

    def __enter__(self) -> Recorder:
        stage = self._undo.enter_context(Stage())
        stage.replace(nn.Module, "__call__", self._calling)
        self._replace_apply()
        stage.replace(Tensor, "backward", self._backing)
        self._undo.callback(register_optimizer_step_pre_hook(self._stepping).remove)
        self._undo.callback(register_optimizer_step_post_hook(self._stepped).remove)
        self._undo.enter_context(self._mode)
        self._on = True
        return self

    def __exit__(self, *error: object) -> None:
        self._on = False
        self._undo.close()

    # what is heard

    def _calling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if self._depth or next(module.parameters(), None) is None or isinstance(module, _LOSSES):
                return original(module, *args, **kwargs)
            self._meet(module)
            self._depth += 1
            try:
                on = self._on
                with self._deaf():
                    self._see(module, args, kwargs)
                    packed = self._tape.pack((args, kwargs)) if on else None
                made = original(module, *args, **kwargs)
            finally:
                self._depth -= 1
            if packed is not None:
                with self._deaf():
                    self._tape.add(self._number(module), packed, made)
            return made

        return call

    def _replace_apply(self) -> None:
        """`apply` is a class method: what stands in the class is put back, not what is bound to it."""
        original = vars(torch.autograd.Function)["apply"]
        torch.autograd.Function.apply = self._applying(original)  # type: ignore[method-assign]
        self._undo.callback(setattr, torch.autograd.Function, "apply", original)

    def _applying(self, original: Any) -> Any:
        recorder, function = self, original.__func__

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            if not recorder._on:
                return function(cls, *args, **kwargs)
            with recorder._deaf():
                recorder._own(cls, args, kwargs)
            if recorder._depth or not recorder._tape.touched((args, kwargs)):
                return function(cls, *args, **kwargs)
            packed = recorder._tape.pack((args, kwargs))
            made = function(cls, *args, **kwargs)
            recorder._tape.add(lambda *a, **k: function(cls, *a, **k), packed, made)
            return made

        return classmethod(apply)

    def _own(self, cls: Any, args: Any, kwargs: Any) -> None:
        if cls.__module__.split(".")[0] != "torch" and not kwargs and cls not in {one.cls for one in self.subject.own}:
            kept = pytree.tree_map_only(
                Tensor, lambda one: one.detach().clone().requires_grad_(one.requires_grad), args
            )
            self.subject.own.append(OwnFunction(cls, kept))

    def _backing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def backward(loss: Tensor, *args: Any, **kwargs: Any) -> Any:
            if self._inside:  # PyTorch comes back to `Tensor.backward` through the mode
                return original(loss, *args, **kwargs)
            on = self._on
            with self._deaf():
                self._look_for_old_gradients()
                if on:
                    self._finish(loss)
            self._on, self._inside = False, True
            try:
                original(loss, *args, **kwargs)
            finally:
                self._inside = False
            with self._deaf():
                self._look_for_zeros(loss)
            self._on = self._wants_more()
            self.subject.backwards += 1
            self._maybe_enough()
            return None

        return backward

    # models, optimizers

    def _meet(self, module: nn.Module) -> None:
        if any(module is one for one in self._models):
            return
        self._models.append(module)
        kept = self.subject.body
        try:
            with self._deaf():
                kept.modules.append(copy.deepcopy(module, self._memo))
        except Exception as error:
            self.subject.problem = f"the model can't be copied ({error})"
            kept.modules.append(module)
        self.subject.names.append(type(module).__name__)

    def loose(self, parameter: Tensor) -> int:
        """The number of a trainable tensor that is used by itself; it is as it was before any step."""
        for number, one in enumerate(self._loose):
            if one is parameter:
                return number
        self._loose.append(parameter)
        kept = self._memo.get(id(parameter))
        if kept is None:
            kept = copy.deepcopy(parameter, self._memo)
        self.subject.body.loose.append(kept)
        return len(self._loose) - 1

    @contextmanager
    def _deaf(self) -> Iterator[None]:
        """Nothing inside is heard: it is ours."""
        on, self._on = self._on, False
        try:
            yield
        finally:
            self._on = on

    def _number(self, module: nn.Module) -> int:
        return next(number for number, one in enumerate(self._models) if one is module)

    def _stepping(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        with self._deaf():
            self._before_step(optimizer, args, kwargs)
        self._on = self._on and self.subject.closures

    def _stepped(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        with self._deaf():
            self._after_step(optimizer)
        self._on = self._wants_more()
        self._maybe_enough()

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if any(callable(argument) for argument in args) or kwargs.get("closure") is not None:
            self.subject.closures = True
        number = next((n for n, one in enumerate(self._optimizers) if one is optimizer), None)
        if number is None:
            number = len(self._optimizers)
            self._optimizers.append(optimizer)
            self._keep_optimizer(optimizer)
        if number in self._clean and not self._clean[number] and not self.subject.closures:
            self.subject.carried[number] = self.subject.carried.get(number, 0) + 1
        self._counted[number] = self._counted.get(number, 0) + 1
        if self._counted[number] <= 10 and not _has_gradients(optimizer):
            came = {self._arrived.get(id(one)) for group in optimizer.param_groups for one in group["params"]} - {None}
            if not came or "some" in came:
                self.subject.empty[number] = self.subject.empty.get(number, 0) + 1
            elif came == {"flat"}:
                self.subject.flat[number] = self.subject.flat.get(number, 0) + 1
        self._arrived.clear()
        rate = max((float(group.get("lr", 0.0)) for group in optimizer.param_groups), default=0.0)
        self.subject.rates[number] = max(rate, self.subject.rates.get(number, 0.0))
        if self._counted[number] <= 3:
            for group in optimizer.param_groups:
                for one in group["params"]:
                    self._before[id(one)] = one.detach().clone()
            if self._counted[number] == 1:
                self._first_gradients(optimizer)

    def _keep_optimizer(self, optimizer: Optimizer) -> None:
        try:
            for group in optimizer.param_groups:
                for one in group["params"]:
                    if id(one) not in self._memo:
                        self.subject.foreign += 1
                        copy.deepcopy(one, self._memo)
            self.subject.body.optimizers.append(copied(optimizer, self._memo))
        except Exception as error:
            self.subject.problem = self.subject.problem or f"the optimizer can't be copied ({error})"

    def _first_gradients(self, optimizer: Optimizer) -> None:
        for group in optimizer.param_groups:
            for one in group["params"]:
                kept = self._memo.get(id(one))
                grad = one.grad
                norm = -1.0 if grad is None else float((grad.coalesce().values() if grad.is_sparse else grad).norm())
                if kept is not None:
                    self.subject.gradients[id(kept)] = norm

    def _after_step(self, optimizer: Optimizer) -> None:
        number = next(n for n, one in enumerate(self._optimizers) if one is optimizer)
        self.subject.steps += 1
        self._clean[number] = False
        if self._counted[number] <= 3:
            for group in optimizer.param_groups:
                for one in group["params"]:
                    kept, before = self._memo.get(id(one)), self._before.get(id(one))
                    if kept is not None and before is not None:
                        moved = bool((one.detach() != before).any())
                        self.subject.moved[id(kept)] = self.subject.moved.get(id(kept), False) or moved
        self._before.clear()

    def _look_for_old_gradients(self) -> None:
        """At a backward pass: are an optimizer's gradients cleared since its step? (Once in between is enough.)"""
        for number, optimizer in enumerate(self._optimizers):
            if self._clean.get(number, True):
                continue
            held = [one.grad for group in optimizer.param_groups for one in group["params"] if one.grad is not None]
            self._clean[number] = not any(bool((_dense(grad) != 0).any()) for grad in held)

    def _look_for_zeros(self, loss: Tensor) -> None:
        """After a backward pass, of each parameter's gradient: "some", or where it is exactly 0 whether the loss is too."""
        if min(self._counted.values(), default=0) >= 10:
            return
        ours = [one for model in self._models for one in model.parameters()]
        ours += [one for optimizer in self._optimizers for group in optimizer.param_groups for one in group["params"]]
        zero = "solved" if bool((loss.detach() == 0).all()) else "flat"
        for one in [*ours, *self._loose]:
            if one.grad is not None:
                self._arrived[id(one)] = "some" if bool((_dense(one.grad) != 0).any()) else zero

    # steps, validation

    def _finish(self, loss: Tensor) -> None:
        step = self._tape.finish(loss)
        if step is not None:
            self.subject.recorded.append(step)
        elif not self.subject.recorded:
            self.subject.problem = self.subject.problem or self._tape.problem
        self._tape = _Tape(self)
        self._until = time.monotonic() + self.wait

    def _wants_more(self) -> bool:
        done = sum(step.size for step in self.subject.recorded)
        count = len(self.subject.recorded)
        return count < 2 or (count < self.most_steps and done < self.most_examples)

    def _see(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """Hash what goes in; a forward without gradients of a model that is trained is validation."""
        trained = torch.is_grad_enabled()
        seen = self.subject.trained if trained else self.subject.evaluated
        if not trained and not self.subject.steps:
            return
        if trained and self._validated and not self._wants_more():
            raise Enough("validated")
        found = [one for one in pytree.tree_leaves((args, kwargs)) if isinstance(one, Tensor) and one.ndim >= 1]
        if not found or seen.count > 200_000:
            return
        if not trained:
            self._validated = True
        batch = found[0].detach()
        seen.add(Seen.Batch(self._number(module), module.training, batch if seen.kept < 4096 else None, hashes(batch)))

    def _maybe_enough(self) -> None:
        if not self._on and not self._wants_more() and self.subject.steps >= 3 and time.monotonic() > self._until:
            raise Enough("steps")
        if self.subject.backwards >= 64 and not self.subject.steps:
            raise Enough("no step")


_NO_VALUE = ("backward", "item", "size", "dim", "numel", "tolist", "__len__", "__format__", "__repr__")


class _Mode(TorchFunctionMode):
    """Hears every function of PyTorch while a step is recorded."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.recorder._on:
            return func(*args, **kwargs)
        recorder, tape = self.recorder, self.recorder._tape
        name = getattr(func, "__name__", "")
        if name in CRITERIA:
            tape.hear(name, args, kwargs)
        if recorder._depth or name in _NO_VALUE or not tape.touched((args, kwargs)):
            return func(*args, **kwargs)
        packed = tape.pack((args, kwargs))
        made = func(*args, **kwargs)
        tape.add(func, packed, made)
        return made


class _Tape:
    """The calls since the last backward pass."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.entries: list[Entry] = []
        self.slots: dict[int, int] = {}
        self.alive: list[Tensor] = []
        self.outside: dict[int, Tensor] = {}
        self.leaves: set[int] = set()
        self.depends: set[int] = set()
        self.calls: list[Criterion] = []
        self.target_slots: dict[int, Tensor] = {}
        self.problem = ""

    def touched(self, tree: Any) -> bool:
        """Does anything in it depend on a model or a parameter?"""
        for one in pytree.tree_leaves(tree):
            if isinstance(one, Tensor):
                slot = self.slots.get(id(one))
                if slot in self.depends or (one.is_leaf and one.requires_grad and torch.is_grad_enabled()):
                    return True
        return False

    def pack(self, tree: Any) -> Any:
        """The tree with numbers in place of tensors."""
        return pytree.tree_map_only(Tensor, self._ref, tree)

    def _ref(self, tensor: Tensor) -> Ref:
        slot = self.slots.get(id(tensor))
        if slot is None:
            slot = self._new(tensor)
            if tensor.is_leaf and tensor.requires_grad:
                self.leaves.add(slot)
                self.depends.add(slot)
                return Ref(slot)
            value = tensor.detach()
            self.outside[slot] = value.clone() if value.is_floating_point() else value
        return Ref(slot)

    def _new(self, tensor: Tensor) -> int:
        slot = len(self.alive)
        self.alive.append(tensor)
        self.slots[id(tensor)] = slot
        return slot

    def add(self, call: Any, packed: Any, made: Any) -> None:
        """Take down a call that was made."""
        if len(self.entries) > ENTRIES:
            self.problem = "the program does too much between its model and its loss"
            return
        refs = pytree.tree_map_only(Tensor, self._made, made)
        args, kwargs = packed
        changed = {ref.slot for ref in pytree.tree_leaves(refs, is_leaf=_is_ref) if isinstance(ref, Ref)}
        if getattr(call, "__name__", "") == "__setitem__" and isinstance(args[0], Ref):
            changed.add(args[0].slot)
        if changed:
            self.depends |= changed
            self.entries.append(Entry(call, args, kwargs, refs, torch.is_grad_enabled()))

    def _made(self, tensor: Tensor) -> Ref:
        slot = self.slots.get(id(tensor))
        return Ref(slot if slot is not None else self._new(tensor))

    def hear(self, name: str, args: Any, kwargs: Any) -> None:
        """A criterion is about to be computed."""
        call = criterion(name, args, kwargs)
        if call is not None and call.output.requires_grad and len(self.calls) < 32:
            kept = Criterion(
                name, call.output.detach().clone().requires_grad_(), call.target.detach().clone(), dict(call.options)
            )
            self.calls.append(kept)
            self.target_slots[id(call.target)] = call.target

    def finish(self, loss: Tensor) -> Step | None:
        """The calls that the loss depends on; None where it depends on none that was heard."""
        if self.problem:
            return None
        if id(loss) not in self.slots or loss.numel() != 1:
            self.problem = "its loss is not computed by functions of PyTorch from a model's output"
            return None
        needed, kept = {self.slots[id(loss)]}, []
        for entry in reversed(self.entries):
            made = {ref.slot for ref in pytree.tree_leaves(entry.made, is_leaf=_is_ref) if isinstance(ref, Ref)}
            taken = {
                ref.slot
                for ref in pytree.tree_leaves((entry.args, entry.kwargs), is_leaf=_is_ref)
                if isinstance(ref, Ref)
            }
            changes = getattr(entry.call, "__name__", "") == "__setitem__"
            if made & needed or (changes and taken & needed):
                kept.append(entry)
                needed |= taken
        kept.reverse()
        outside = {slot: value for slot, value in self.outside.items() if slot in needed}
        model = next((entry for entry in kept if isinstance(entry.call, int) and entry.grad), None)
        given = pytree.tree_leaves((model.args, model.kwargs), is_leaf=_is_ref) if model else []
        given = [
            ref.slot for ref in given if isinstance(ref, Ref) and ref.slot in outside and self.alive[ref.slot].ndim >= 1
        ]
        targets = [slot for slot in outside if self._is_target(slot)]
        answers_itself = given[:1] and given[0] in targets
        inputs = [slot for slot in given if slot not in targets] or given[:1]
        if answers_itself and given[0] not in inputs:
            inputs.insert(0, given[0])
        size, axis = _batch(outside[inputs[0]], self.calls) if inputs else (0, 0)
        return Step(
            kept, Ref(self.slots[id(loss)]), outside,
            {slot: self.recorder.loose(self.alive[slot]) for slot in self.leaves & needed},
            inputs, targets, size, axis, self.calls, float(loss.detach()),
        )  # fmt: skip

    def _is_target(self, slot: int) -> bool:
        """Is it what a criterion got as its target, as it was or seen another way?"""
        mine = self.alive[slot]
        for target in self.target_slots.values():
            if target is mine or (target.numel() == mine.numel() and _place(target) == _place(mine) != 0):
                return True
        return False


def _batch(first: Tensor, calls: list[Criterion]) -> tuple[int, int]:
    """(N, the axis of the examples) of the first input."""
    if calls and first.ndim >= 2:
        count = calls[0].target.shape[0] if calls[0].target.ndim else 0
        if first.shape[0] != count and first.shape[1] == count:
            return count, 1
    return int(first.shape[0]), 0


def _place(tensor: Tensor) -> int:
    try:
        return tensor.data_ptr()
    except RuntimeError:
        return 0


def _is_ref(one: Any) -> bool:
    return isinstance(one, Ref)


def _has_gradients(optimizer: Optimizer) -> bool:
    grads = (one.grad for group in optimizer.param_groups for one in group["params"] if one.grad is not None)
    return any(bool((_dense(grad) != 0).any()) for grad in grads)


def _dense(grad: Tensor) -> Tensor:
    return grad.coalesce().values() if grad.is_sparse else grad


_LOSSES = (nn.modules.loss._Loss,)
