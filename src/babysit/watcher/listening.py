"""The ears: which functions of PyTorch are replaced, and which hooks are put on, to hear what a training does.

Every replacement calls the original with the arguments it got and returns what that returned. What costs
something on every module (the global forward hooks) is there only while a step is observed, or while
a user's own `no_grad` block runs, which may be a validation pass.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import torch.utils.data
from torch import Tensor, nn
from torch.compiler import is_compiling
from torch.nn.modules import module as module_hooks
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from ..nn.activations import ACTIVATIONS
from . import axes, clipping, following, loading, mixed_precision, scoring
from .criteria import call_of, functions
from .following import has_compiled
from .observer import Observer
from .patches import Patches
from .structure import is_tracing

ACTIVATIONS_AS_FUNCTIONS = (
    (F, ("leaky_relu", "elu", "silu")),
    (torch, ("relu", "relu_", "tanh", "sigmoid")),  # F.relu, F.tanh and F.sigmoid call these, or the methods
    (Tensor, ("relu", "relu_", "tanh", "tanh_", "sigmoid", "sigmoid_")),
)
IDLE_BLOCKS = 16


class Ear:
    """Stands for a built-in function; it pickles and copies as the original does."""

    def __init__(self, original: Any, heard: Callable[..., Any]) -> None:
        functools.update_wrapper(self, original)
        self._original, self._heard = original, heard

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._heard(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self._heard, instance)

    def __reduce__(self) -> Any:
        if isinstance(self._original, types.FunctionType):
            return self._original.__qualname__  # by its name, as functions are
        return self._original.__reduce__()

    def __deepcopy__(self, memo: Any) -> Any:
        return self._original


class Listening:
    """Replaces and hooks on `start`, takes everything back on `stop`."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.patches = Patches()
        self.live = False
        self.thread = threading.get_ident()
        self._module_hooks: list[Any] = []
        self._blocks: list[tuple[Any, bool]] = []
        self._idle: dict[tuple[Any, int], int] = {}
        self._quiet = 0
        self._hears_modules = False
        self._filter: Any = None
        self._before_step: Callable[..., None] = lambda *_: None
        observer.listen_closely = self.listen_closely  # type: ignore[method-assign]
        observer.set_deep = self.set_deep  # type: ignore[method-assign]

    def start(self) -> None:
        """Listen."""
        self.live = True
        self._backward()
        following.listen(self.observer, self._ours, self.patches)
        self._steps()
        self._zeroing()
        self._criteria()
        self._activations()
        self._scoring()
        self._modes()
        for owner, name, make in [
            *mixed_precision.replacements(self.observer, self._ours),
            *clipping.replacements(self.observer, self._ours),
            *loading.replacements(self.observer, self._ours),
        ]:
            self.patches.replace(owner, name, make)
        self._warnings()
        self._scripting()
        self._loaders()
        self._replicas()
        self.set_deep(True)

    def stop(self) -> None:
        """Put everything back."""
        self.live = False
        self.set_deep(False)
        self.observer.current = None
        self.observer.dead.forget()
        self.patches.undo()
        with contextlib.suppress(ValueError):  # filters were put back meanwhile
            warnings.filters.remove(self._filter)  # type: ignore[attr-defined]

    def set_deep(self, deep: bool) -> None:
        """Put hooks on every module, or take them off."""
        self.observer.deep = self.observer.hearing = deep
        self._hook_modules(deep)
        self.listen_closely(deep)

    def listen_closely(self, wanted: bool) -> None:
        """Hear criteria, activations and zero_grad too; in quiet stretches only where validation may begin."""
        self.observer.settle()
        if wanted:
            self.patches.wake()
        elif self.observer.hand is None:  # then only zero_grad tells where a step ends
            self.patches.sleep()
        self.observer.awake = wanted

    def _ours(self) -> bool:
        return self.live and not self.observer.busy and threading.get_ident() == self.thread

    # modules

    def _hook_modules(self, wanted: bool) -> None:
        self._hears_modules = wanted
        if wanted and not self._module_hooks:
            self._module_hooks = [
                module_hooks.register_module_forward_pre_hook(self._enter),
                module_hooks.register_module_forward_hook(self._leave, always_call=True),
                register_optimizer_step_pre_hook(self._before_step),
            ]
        elif not wanted and self._module_hooks and not (self.live and has_compiled()):
            for handle in self._module_hooks:
                handle.remove()
            self._module_hooks = []

    def _enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if is_compiling() or not self._hears(module):  # compiled as if nobody listened
            return
        self.observer.timed(self.observer.enter, module, args, {})

    def _leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if is_compiling() or not self._hears(module):
            return
        self.observer.timed(self.observer.leave, module, args, output)

    def _hears(self, module: nn.Module) -> bool:
        stack = self.observer.stack
        if not self._hears_modules or (self.observer.light and stack and stack[0][0] is not module):
            return False
        return self._ours() and not is_tracing()

    # backward

    def _backward(self) -> None:
        observer, plain = self.observer, self.observer.quiet.backward

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
                if plain(tensors):
                    return original(tensors, *args, **kwargs)
                if not observer.deep:
                    if self.live:
                        observer.quiet_loss(tensors)
                    return original(tensors, *args, **kwargs)
                if not self._ours():
                    return original(tensors, *args, **kwargs)
                loss = tensors if isinstance(tensors, Tensor) else tensors[0] if tensors else None
                observer.timed(observer.before_backward, loss)
                result = original(tensors, *args, **kwargs)
                observer.timed(observer.after_backward)
                return result

            return backward

        self.patches.replace(torch.autograd, "backward", make)

    # steps

    def _steps(self) -> None:
        observer, plain = self.observer, self.observer.quiet.step

        def before(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            if observer.deep and self._ours():
                observer.timed(observer.before_step, optimizer, _has_closure(args, kwargs))

        def after(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            if plain(optimizer):
                return
            if not observer.deep:
                observer.quiet_step(optimizer)
            elif self._ours():
                observer.timed(observer.after_step, optimizer, _has_closure(args, kwargs))
            if observer.stop is not None:
                raise observer.stop

        self._before_step = before
        self.patches.add(register_optimizer_step_post_hook(after))

        def make_init(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def init(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
                original(optimizer, *args, **kwargs)
                if self._ours() and not observer.closed:
                    observer.timed(_created, observer, optimizer)

            return init

        self.patches.replace(Optimizer, "__init__", make_init)

        def make_scheduler(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
                if self._ours():
                    held = observer.order.known(getattr(scheduler, "optimizer", None))  # type: ignore[arg-type]
                    if held is not None:
                        held.schedules += 1
                return original(scheduler, *args, **kwargs)

            return step

        for owner in (LRScheduler, ReduceLROnPlateau):
            self.patches.replace(owner, "step", make_scheduler)

    def _zeroing(self) -> None:
        observer = self.observer

        def make(told: Callable[[Any], None]) -> Callable[..., Any]:
            def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
                @functools.wraps(original)
                def zero_grad(owner: Any, *args: Any, **kwargs: Any) -> Any:
                    if self._ours():
                        observer.timed(told, owner)
                    return original(owner, *args, **kwargs)

                return zero_grad

            return wrap

        self.patches.replace(Optimizer, "zero_grad", make(observer.zeroed), light=True)
        self.patches.replace(nn.Module, "zero_grad", make(observer.zeroed_module), light=True)

    # criteria and activations that are functions

    def _criteria(self) -> None:
        observer = self.observer

        def make(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
            def criterion(*args: Any, **kwargs: Any) -> Any:
                if is_compiling():
                    return original(*args, **kwargs)
                if not observer.hearing:
                    observer.unmatched += 1
                    if observer.unmatched > observer.usual and self._ours():
                        observer.timed(observer.many_criteria)
                    return original(*args, **kwargs)
                if not self._ours() or is_tracing():
                    return original(*args, **kwargs)
                value = original(*args, **kwargs)
                call = call_of(name, original, args, kwargs, value)
                if call is not None:
                    observer.timed(observer.criterion, call)
                return value

            return criterion

        for function in functions():
            self.patches.enter(function, functools.partial(make, function.__name__))

    def _activations(self) -> None:
        observer = self.observer

        def make(kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
            facts = {"role": "activation", "activation": ACTIVATIONS[kind].to_dict()}

            def activation(*args: Any, **kwargs: Any) -> Any:
                if is_compiling() or observer.current is None or observer.light or observer.in_function:
                    return original(*args, **kwargs)
                observer.in_function = True
                try:
                    result = original(*args, **kwargs)
                finally:
                    observer.in_function = False
                if args and self._ours() and not is_tracing():
                    observer.timed(observer.functional, kind, args[0], result, facts)
                return result

            return activation

        for owner, names in ACTIVATIONS_AS_FUNCTIONS:
            for name in names:
                self.patches.replace(
                    owner, name, lambda original, kind=name.rstrip("_"): Ear(original, make(kind, original)), light=True
                )

    def _scoring(self) -> None:
        heard = scoring.replacements(self.observer, self._ours) + axes.replacements(self.observer, self._ours)
        for owner, name, make in heard:
            self.patches.replace(owner, name, lambda original, make=make: Ear(original, make(original)), light=True)

    # modes

    def _modes(self) -> None:
        observer = self.observer

        def make_train(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def train(module: nn.Module, mode: bool = True) -> Any:
                if not mode and self._ours():
                    observer.eval_called = True
                    if not observer.awake:
                        self.listen_closely(True)
                return original(module, mode)

            return train

        def make_enter(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def enter(block: Any) -> Any:
                result = original(block)
                if self.live:
                    self._block_begins(block)
                return result

            return enter

        def make_exit(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def leave(block: Any, *args: Any) -> Any:
                if self._blocks:
                    self._block_ends(block)
                return original(block, *args)

            return leave

        self.patches.replace(nn.Module, "train", make_train)
        for owner in (torch.no_grad, torch.inference_mode):
            self.patches.replace(owner, "__enter__", make_enter)
            self.patches.replace(owner, "__exit__", make_exit)

    def _block_begins(self, block: Any) -> None:
        """A block without gradients begins; in the user's code it may be a validation pass: hear its forwards."""
        observer = self.observer
        if self._hears_modules or observer.busy or observer.in_step or not self._ours():
            return
        frame = sys._getframe(2)
        if frame.f_code.co_filename.endswith("_contextlib.py"):
            frame = frame.f_back or frame
        site = (frame.f_code, frame.f_lasti)
        if self._idle.get(site, 0) > IDLE_BLOCKS or not observer.sources.is_users(frame.f_code):
            return
        self._idle[site] = self._idle.get(site, 0) + 1
        self._blocks.append((block, observer.validation.running))
        if not observer.awake:
            self.listen_closely(True)
        self._hook_modules(True)

    def _block_ends(self, block: Any) -> None:
        if self._blocks[-1][0] is not block:
            return
        self._blocks.pop()
        if self.observer.validation.running and self.observer.validation.forwards:
            self._idle.clear()
        if not self._blocks and not self.observer.deep:
            self._hook_modules(False)

    # what others do with them

    def _scripting(self) -> None:
        """TorchScript reads the source of what it compiles: it is to see PyTorch's own functions."""

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def script(*args: Any, **kwargs: Any) -> Any:
                with self.patches.suspended():
                    return original(*args, **kwargs)

            return script

        self.patches.replace(torch.jit, "script", make)

    def _replicas(self) -> None:
        observer = self.observer

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def init(wrapper: Any, module: nn.Module, *args: Any, **kwargs: Any) -> None:
                original(wrapper, module, *args, **kwargs)
                observer.replicated.append(weakref.ref(module))

            return init

        self.patches.replace(nn.parallel.DistributedDataParallel, "__init__", make)

    def _loaders(self) -> None:
        observer = self.observer

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def begin(loader: Any) -> Any:
                if self._ours():
                    observer.timed(observer.loader, loader)
                    if not observer.awake and id(loader) != observer.trained_loader:
                        self.listen_closely(True)
                return original(loader)

            return begin

        def make_next(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def following_batch(iterator: Any) -> Any:
                batch = original(iterator)
                if self._ours():
                    observer.timed(observer.turning.given, batch)
                return batch

            return following_batch

        self.patches.replace(torch.utils.data.DataLoader, "__iter__", make)
        self.patches.replace(torch.utils.data.dataloader._BaseDataLoaderIter, "__next__", make_next, light=True)

    def _warnings(self) -> None:
        observer = self.observer

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def show(message: Any, category: Any, filename: str, lineno: int, *args: Any, **kwargs: Any) -> None:
                if self.live and issubclass(category, UserWarning) and len(observer.recording.run.events) < 5000:
                    observer.timed(_warned, observer, str(message), f"{filename}:{lineno}")
                original(message, category, filename, lineno, *args, **kwargs)

            return show

        self.patches.replace(warnings, "showwarning", make)
        # our hooks are no affair of who compiles a model
        warnings.filterwarnings("ignore", r"Using `torch\.compile\(module\)` when there are global hooks", UserWarning)
        self._filter = warnings.filters[0]


def _has_closure(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    first = args[1] if len(args) > 1 else args[0] if args else None
    return callable(kwargs.get("closure")) or (callable(first) and not isinstance(first, Optimizer))


def _created(observer: Observer, optimizer: Optimizer) -> None:
    held = observer.order.of(optimizer)
    if held.source is None:
        held.source = observer.sources.here(3)


def _warned(observer: Observer, text: str, source: str) -> None:
    observer.recording.add_event(observer.step, "warning", "", {"text": text[:1000], "source": source})
