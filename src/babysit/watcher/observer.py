"""What happens between two steps: every call that the hooks report comes here, and is measured or only counted.

An interval goes from one step of the main optimizer to the next. Observed ("deep") intervals have hooks on
every module and measure; in the others only a few calls are counted, which costs microseconds.
"""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..probes import Probe
from ..record.run import Key
from . import facts, replicas
from .batches import Batches, inputs_of
from .blame import first_operation
from .budget import Budget
from .by_hand import ByHand, Moves
from .criteria import Called, Criteria
from .guard import Guard
from .judging import Judge, Stop
from .layers import Layers, plain_tensor
from .models import Models, Root, Site, has_parameters, unwrapped
from .order import Held, Order
from .parameters import Parameters
from .recording import Recording
from .source import Sources
from .structure import Structure, graph_cuts
from .transfer import Transfer
from .validation import Validation, modes

UNRESOLVED = 2
HELD_INPUTS = 4
_HUGE = math.inf
FACTS_AT = (1, 2, 3, 5, 8, 12, 20, 50, 100, 200, 500, 1000)


@dataclass(eq=False)
class Forward:
    """One forward of a model with gradients on; trained on once a backward has reached it."""

    root: Root
    module: nn.Module
    inputs: list[tuple[str, Tensor]]
    modal: tuple[int, int]
    source: str | None
    own: dict[Key, float] = field(default_factory=dict)
    measured: bool = False
    reached: bool = False
    output: Tensor | None = None  # until it is known whether a criterion of PyTorch's got it


@dataclass(eq=False)
class Pending:
    """One criterion computed with gradients on; trained on once a backward has reached it."""

    call: Called
    reached: bool = False


class Observer:
    """The state of one watched training, and what every reported call does to it."""

    def __init__(self, recording: Recording, probes: list[Probe], budget: Budget, judge: Judge) -> None:
        self.recording, self.budget, self.judge = recording, budget, judge
        self.guard = Guard(self._failed)
        self.sources = Sources()
        self.models, self.order, self.transfer = Models(), Order(), Transfer()
        self.layers = Layers(self.models, self.transfer, probes, self.timed, self.guard)
        self.parameters = Parameters(self.models, self.transfer, probes, self.guard)
        self.criteria = Criteria(self.transfer, probes, self.guard)
        self.batches = Batches(self.transfer, probes, self.guard)
        self.validation = Validation(self.batches, self.transfer)
        self.structure = Structure(self.models)
        self.step = 0
        self.main: Held | None = None
        self.strangers = 0
        self.closed = False  # only the models and optimizers that were given
        self.deep = True
        self.hearing = True  # deep, or a validation pass runs: criteria are listened to
        self.partial = False  # began in the middle of an interval: counts of calls are not whole
        self.awake = True  # criteria, activations and zero_grad are heard
        self.unmatched = 0  # criteria computed since the last backward, in quiet intervals
        self.usual = 1
        self.wake = 0  # the step after which a quiet stretch ends
        self.alarm = math.inf  # a loss above this wakes too
        self.host: dict[Key, float] = {}
        self.stack: list[tuple[nn.Module, Site | None]] = []
        self.forwards: list[Forward] = []
        self.current: Forward | None = None
        self.pending: list[Pending] = []
        self.losses: list[Tensor | float] = []
        self.buffered: list[tuple[int, float]] = []
        self.device_losses: list[tuple[int, Tensor]] = []
        self.unscaled: tuple[int, Tensor] | None = None
        self.in_step = 0
        self.in_function = False
        self.eval_called = False
        self.last_val = -9
        self.moves = Moves()
        self.replicated: list[weakref.ref[nn.Module]] = []  # what DistributedDataParallel holds
        self.hand: ByHand | None = None
        self.hand_waits = False
        self.loops: dict[str, str | None] = {}
        self.best = math.inf
        self.level = math.nan
        self.was_finite = True
        self.last_lr: dict[str, float] = {}
        self.busy = False

    # recording

    def put(self, key: Key, value: float) -> None:
        self.host[key] = value

    def _failed(self, name: str, text: str) -> None:
        self.recording.add_event(
            self.step, "warning", "", {"text": f"babysit: {name} is switched off: {text}", "source": None}
        )

    # forwards

    def enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A module is called."""
        if self.stack:
            site = self.models.site(module)
            if site is None and has_parameters(module):
                site = self.models.unregistered(module, next((s for _, s in reversed(self.stack) if s), None))
            self.stack.append((module, site))
        else:
            self.stack.append((module, self._enter_root(module, args, kwargs)))
            site = self.stack[-1][1]
        if site is not None and self.current is not None and self.current.measured:
            self.models.call(site)
            if self.layers.rare:
                self.structure.entered(site, plain_tensor(args))
                if site.shape_in is None and (x := plain_tensor(args)) is not None:
                    site.shape_in = list(x.shape)

    def _enter_root(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Site | None:
        inner = unwrapped(module)
        site = self.models.site(inner)
        if site is None:
            if self.closed or not has_parameters(inner):
                return None
            self.models.discover(module)
            site = self.models.site(inner)
        if site is None:
            return None
        root, grad = site.root, torch.is_grad_enabled()
        if grad:
            self.hand_over()
        inputs = inputs_of(args, kwargs)
        if not grad:
            self._validate(root, module, inputs, grad=False)
            return site
        root.trained = True
        open_ones = sum(one.measured and not one.reached for one in self.forwards)
        done = any(one.measured and one.reached and one.root is root for one in self.forwards)
        forward = Forward(root, inner, inputs, modes(inner), None)
        forward.measured = self.deep and not done and open_ones < UNRESOLVED
        if forward.measured:
            self.layers.taken.clear()
            self.structure.clear()
            for one in self.models.called:
                one.counting = 0
        for old in self.forwards[:-HELD_INPUTS]:
            old.inputs = []
        self.forwards.append(forward)
        if len(self.forwards) > 256:
            del self.forwards[8]
        self.current = forward
        return site

    def leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """A module has returned."""
        while self.stack:
            one, site = self.stack.pop()
            if one is module:
                break
        else:
            return
        forward = self.current
        if site is not None and forward is not None and forward.measured:
            if self.layers.rare:
                x = plain_tensor(output)
                self.structure.left(site, x)
                if site.shape_out is None and x is not None:
                    site.shape_out = list(x.shape)
            if site.leaf and self.layers.wanted(site):
                with torch.no_grad():
                    self.layers.output(site, module, args, output, self._into(forward))
        if not self.stack:
            self.current = None
            self.structure.clear()
            if forward is not None:
                self._mark_reached(forward, output)
                first = plain_tensor(output)
                forward.output = first.detach() if forward.measured and first is not None else None
                if forward.measured:
                    for one in self.models.called:
                        one.calls = one.counting or one.calls

    def _into(self, forward: Forward) -> Callable[[Key, float], None]:
        return forward.own.__setitem__

    def _mark_reached(self, forward: Forward, output: Any) -> None:
        for x in _tensors(output):
            if x.requires_grad:

                def arrived(gradient: Tensor) -> None:
                    forward.reached = True

                x.register_hook(arrived)

    def functional(self, kind: str, x: Tensor, output: Any, facts_of_kind: dict[str, Any]) -> None:
        """A function that does what a module does was called inside a module (F.relu)."""
        forward = self.current
        parent = next((site for _, site in reversed(self.stack) if site is not None), None)
        if forward is None or not forward.measured or parent is None or parent.role == "activation":
            return
        key = hash((id(parent), kind, self._functional_line()))
        site = self.models.sites.get(key)
        if site is None:
            taken = sum(one.module is None and one.root is parent.root and one.facts.get("of") == parent.name
                        and one.facts["kind"] == kind for one in self.models.called)  # fmt: skip
            name = f"{kind}_{taken + 1}" if taken else kind
            full = f"{parent.name}.{name}" if parent.name else name
            site = Site(full, parent.root, {**facts_of_kind, "kind": kind, "of": parent.name})
            self.models.sites[key] = site
        self.models.call(site)
        if self.layers.rare:
            self.structure.entered(site, x)
            self.structure.left(site, plain_tensor(output))
            site.shape_out = site.shape_out or list(getattr(output, "shape", ()))
        if self.layers.wanted(site):
            with torch.no_grad():
                self.layers.output(site, None, (x,), output, self._into(forward))

    def _functional_line(self) -> tuple[str, int]:
        frame = self.sources.frame(3)
        return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lasti)

    # validation

    def _validate(self, root: Root, module: nn.Module, inputs: list[tuple[str, Tensor]], *, grad: bool) -> None:
        if root.trained or not any(one.trained for one in self.models.roots):
            if not self.validation.running:
                self.validation.begin(self.sources.here(3))
                self.hearing = True
            with torch.no_grad():
                self.guard("validation", self.validation.forward, unwrapped(module), inputs, grad)

    def end_of_validation(self) -> None:
        """A train step follows: the pass is over."""
        one = self.validation
        # a teacher, a generator or a policy runs without gradients at (nearly) every step, and nothing is scored
        aside = not one.scores and not self.eval_called and (self.step < 3 or self.step - self.last_val <= 2)
        self.last_val = self.step
        if one.forwards and not aside:
            if one.scores or one.forwards > 1 or self.eval_called:
                self.loops.setdefault("val", one.source)
            self._write_validation()
        one.running = False
        self.hearing = self.deep
        self.eval_called = False

    def _write_validation(self) -> None:
        """The readings of a pass stand at the last step before it."""
        step, own, examples = self.step, {}, self.validation.examples
        self.recording.add_event(step, "val", "", {"examples": examples})
        with torch.no_grad():
            self.guard("validation", self.validation.end, own.__setitem__)
        self.transfer.send(lambda: self._commit_validation(step, own))
        self.budget.stir(2)

    def _commit_validation(self, step: int, own: dict[Key, float]) -> None:
        self.flush_losses(step + 1)
        self.recording.append(step, own, self.budget.elapsed)
        self.update_loops()
        self.guard("judging", self.judge.after_commit, step, True)
        self.stop = self.stop or self.judge.stop

    def update_loops(self) -> None:
        """Write where the loops are, once that is known."""
        self.recording.set_fact("loops", dict(self.loops))

    # criteria

    def criterion(self, call: Called) -> None:
        """A criterion was computed."""
        if not torch.is_grad_enabled() or not call.value.requires_grad:
            if self.validation.running:
                call.source = self.sources.here(3)
                one = self.criteria.of(call, training=False)
                if one is None and not self.step:
                    one = self.criteria.of(call)
                if one is not None:
                    with torch.no_grad():
                        self.guard("validation", self.validation.criterion, one, call)
            return
        if not self.deep:
            return
        if len(self.pending) >= 16:
            return
        call.source = self.sources.here(3)
        pending = Pending(
            Called(call.name, call.output.detach(), call.target, call.options, call.value.detach(), call.source)
        )

        def arrived(gradient: Tensor) -> None:
            pending.reached = True

        call.value.register_hook(arrived)
        self.pending.append(pending)

    # backward

    def before_backward(self, loss: Tensor | None) -> None:
        """backward is about to run."""
        if self.validation.running:
            self.end_of_validation()
        if self.hand is not None:
            self.hand_over()
        elif self.main is None and not self.in_step:
            self._look_for_hands()
        if loss is not None:
            self._loss(loss)
        if self.deep:
            self.loops.setdefault("train", self.sources.here(2))
            with torch.no_grad():
                self.guard("order", self.order.before_backward, True)

    def _loss(self, loss: Tensor) -> None:
        if self.unscaled is not None and self.unscaled[0] == id(loss):
            loss = self.unscaled[1]
        self.unscaled = None
        if loss.numel() != 1 or type(loss) is not Tensor:
            return
        self.losses.append(float(loss.detach()) if loss.device.type == "cpu" else loss.detach())
        if self.was_finite and isinstance(self.losses[-1], float) and not math.isfinite(self.losses[-1]):
            self._blame(loss)

    def _blame(self, loss: Tensor) -> None:
        """The loss isn't finite, and its graph is still there: which operation was it?"""
        with torch.no_grad():
            self.operation = self.guard("blame", first_operation, loss)

    def after_backward(self) -> None:
        """backward has run."""
        if self.main is None:
            self.order.backwards_without_step += 1
        if not self.deep:
            return
        with torch.no_grad():
            self.guard("order", self.order.after_backward)
            self._resolve()
            if self.hand is not None:
                self.hand_waits = True
                self.guard("parameters", self._before_step, self.order.of(self.hand), self.hand, False)
            elif self.main is None and not self.in_step:
                self._without_step()

    def _look_for_hands(self) -> None:
        """No optimizer has stepped yet: are weights moved without one?"""
        values = [value for _, value in self.models.trainable()]
        if self.moves.look(values):
            self.hand = ByHand(values)
            self.main = self.order.of(self.hand)
            self.main.source = "by hand"
            self.main.backwards = 1
            self.hand_waits = True
            self.forwards, self.pending = [one for one in self.forwards if one.reached], []
            self.hand_over()

    def hand_over(self) -> None:
        """Something begins that only comes after the weights were moved by hand: that step is over."""
        hand = self.hand
        if hand is not None and self.hand_waits:
            self.hand_waits = False
            if self.deep:
                self.after_step(hand, False)  # type: ignore[arg-type]
            else:
                self.quiet_step(hand)  # type: ignore[arg-type]

    def _resolve(self) -> None:
        """Whose outputs did this backward reach? Those were trained on."""
        called = bool(self.pending) or bool(self.criteria.known)
        for forward in self.forwards:
            if forward.reached and forward.output is not None:
                if not called:
                    self.guard("criteria", self.criteria.by_hand, forward.output, self.put)
                forward.output = None
            if forward.reached and forward.inputs and forward.measured:
                for index, x in forward.inputs:
                    where = forward.root.prefix + index
                    self.guard("batches", self.batches.measure, where, x, self.put)
                forward.inputs = []
        self.usual = max(self.usual, sum(one.reached for one in self.pending) + 1)
        rest = []
        for one in self.pending:
            if one.reached:
                self.guard("criteria", self._criterion_trained, one.call)
            else:
                rest.append(one)
        self.pending = rest

    def _criterion_trained(self, call: Called) -> None:
        one = self.criteria.of(call)
        if one is None:
            return
        if not one.taken and call.value.numel() == 1:
            where = one.where
            self.transfer.add(call.value.float(), lambda values: self.put(("loss.criterion", where), values[0]))
        self.criteria.measure(one, call, self.put)

    def _without_step(self) -> None:
        count = self.order.backwards_without_step
        if count in (3, 6, 10, 20) or count % 100 == 0:
            self.recording.append(0, {("calls.without_step", ""): float(count)}, self.budget.elapsed)
            self.update_facts()
            self.guard("judging", self.judge.after_commit, 0, True)

    # epochs

    def loader(self, loader: Any) -> None:
        """A data loader begins a pass; the one whose batches are trained on tells the epochs."""
        try:
            length = len(loader)
        except TypeError:
            length = None
        self.begun = (id(loader), length)
        if self.begun[0] == self.trained_loader and self.step - self.epoch_began >= max(1, (length or 1) // 2):
            self.epochs += 1
            self.recording.add_event(self.step, "epoch", "", {"number": self.epochs})
            if length is None:
                self.recording.set_fact("epochs", {"length": self.step - self.epoch_began})
            self.epoch_began = self.step

    def _trained_on_loader(self) -> None:
        """A step was made with what the newest loader gave."""
        if self.begun is not None and self.trained_loader is None:
            self.trained_loader, length = self.begun
            self.recording.set_fact("epochs", {"length": length})

    # gradients cleared

    def zeroed(self, optimizer: Optimizer) -> None:
        """zero_grad of an optimizer was called."""
        self.hand_over()
        held = self.order.known(optimizer)
        if held is None:
            if self.closed or self.step:
                return
            held = self.order.of(optimizer)
        self.order.zeroed(held)
        if self.deep:
            self.loops.setdefault("zero_grad", self.sources.here(2))

    def zeroed_module(self, module: nn.Module) -> None:
        """zero_grad of a module was called."""
        self.hand_over()
        self.order.zeroed_module({id(p) for p in module.parameters()})
        if self.deep:
            self.loops.setdefault("zero_grad", self.sources.here(2))

    # steps

    def before_step(self, optimizer: Optimizer, closure: bool) -> None:
        """An optimizer is about to step."""
        self.in_step += 1
        held = self.order.known(optimizer)
        if held is None:
            if self.closed:
                return
            held = self.order.of(optimizer)
            held.fresh = True
        if not self.deep:
            return
        self.loops.setdefault("step", self.sources.here(2))
        with torch.no_grad():
            self.guard("parameters", self._before_step, held, optimizer, closure)

    def _before_step(self, held: Held, optimizer: Optimizer, closure: bool) -> None:
        if held.steps == 0 or held.groups != len(optimizer.param_groups):
            self.guard("starts", self._starts)
        if not closure:
            self.parameters.gradients(held, optimizer, self.put)
            self._carried(held)
        self.parameters.before(held, optimizer)

    def _carried(self, held: Held) -> None:
        values = self.order.carried(held)
        if values is None:
            return

        def receive(numbers: list[float]) -> None:
            self.put(("gradient.carried", held.where), numbers[0])
            if numbers[1] == 0:  # cleared by hand
                self.put(("calls.zero_grad", held.where), 1.0)
                self.put(("calls.steps_since_zero", held.where), 0.0)
                held.since_zero = min(held.since_zero, 1)

        self.transfer.add(values, receive)

    def _starts(self) -> None:
        entries, rows = facts.starts(self.models)
        if rows is None:
            return

        def receive(numbers: list[float]) -> None:
            for index, entry in enumerate(entries):
                mean, std, low, high = numbers[4 * index : 4 * index + 4]
                entry.start = {"mean": mean, "std": std, "constant": low == high}

        self.transfer.add(rows, receive)

    def after_step(self, optimizer: Optimizer, closure: bool) -> None:
        """An optimizer has stepped."""
        self.in_step = max(0, self.in_step - 1)
        held = self.order.known(optimizer)
        if held is None:
            return
        if self.deep:
            with torch.no_grad():
                self.guard("parameters", self._after_step, held, optimizer, closure)
        if self.main is None and self._is_main(optimizer):
            self.main = held
        if held is not self.main and self._takes_over(held):
            self.main = held
        if held is self.main:
            self.end_of_interval(optimizer)
        self.order.stepped(held)

    def _takes_over(self, held: Held) -> bool:
        """Does another optimizer move now what the main one moved?"""
        old = self.main.optimizer() if self.main is not None else None
        if old is None:
            return self.main is not None
        mine = {id(p) for p in held.sample()}
        return any(id(p) in mine for group in old.param_groups[:1] for p in group["params"][:1])

    def _after_step(self, held: Held, optimizer: Optimizer, closure: bool) -> None:
        if closure:
            self.parameters.gradients(held, optimizer, self.put)
        if not self.partial and not held.fresh:
            for key, value in self.order.readings(held).items():
                self.put(key, float(value))
        self.parameters.after(held, self.put)
        for number, group in enumerate(optimizer.param_groups[:16]):
            rate = group.get("lr")
            if rate is not None and not isinstance(rate, Tensor):
                self.put(("lr", f"{held.where}.{number}"), float(rate))
                if number == 0 and held.index == 0:
                    self.put(("lr", ""), float(rate))

    def skipped(self, optimizer: Optimizer) -> None:
        """A gradient scaler did not let the optimizer step."""
        held = self.order.of(optimizer)
        held.skipped = True
        self.put(("update.skipped", held.where), 1.0)
        if self.main is None and self._is_main(optimizer):
            self.main = held
        if held is self.main:
            self.end_of_interval(optimizer)
        self.order.stepped(held)

    def _is_main(self, optimizer: Optimizer) -> bool:
        """Does it move the first-seen model? One that moves none of ours is accepted after three steps."""
        root = self.models.main()
        for group in optimizer.param_groups:
            for value in group["params"]:
                entry = self.models.parameter(value)
                if entry is not None and (root is None or entry.root is root):
                    return True
        self.strangers += 1
        return self.strangers >= 3 or len(self.order.held) == 1

    # the end of an interval

    def end_of_interval(self, optimizer: Optimizer) -> None:
        """The main optimizer has stepped: write what was observed, and decide about the next interval."""
        self.step += 1
        self._trained_on_loader()
        if replicas.due(self.step) and replicas.together():
            self.guard("replicas", self._replicas)
        loss = self._loss_of_interval()
        seconds = self.budget.end_of_step(self.step)
        if self.deep:
            self.put(("time.step", ""), seconds)
            self.guard("memory", self._memory)
            self._finish(optimizer)
        elif self.transfer.waiting:
            self.transfer.receive()
        self.batches.end_of_step()
        self._watch_rate(optimizer)
        self._stir(loss)
        self._next_interval()

    def set_deep(self, deep: bool) -> None:
        """Is the next interval observed? The listener puts hooks on modules, or takes them off."""
        self.deep = self.hearing = deep

    # quiet intervals: what is done here is done at every step of a training, so it is next to nothing

    def quiet_loss(self, loss: Any) -> None:
        """backward is about to run."""
        if self.awake:
            self.unmatched = 0
            if self.validation.running:
                self.timed(self.end_of_validation)
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

    def quiet_step(self, optimizer: Optimizer) -> None:
        """An optimizer has stepped."""
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
                    return
                self._safely(self._woken, optimizer, loss)
                return
            losses.append(loss)
        self._safely(self._woken, optimizer, self._loss_of_interval())

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
        self._next_interval()

    def _next_interval(self) -> None:
        """Decide about the interval that begins now."""
        if self.last_step is not None and self.step >= self.last_step:
            self.stop = Stop(f"stopped after {self.step} steps, as was asked for")
        self.forwards, self.pending, self.losses = [], [], []
        self.current, self.host, self.partial = None, {}, False
        self.stack.clear()
        self.transfer.clear()
        deep = self.budget.observe(self.step, self.deep)
        if deep:
            self._begin_deep()
        else:
            self.batches.not_observed()
            self.wake = self.budget.wake if self.last_step is None else min(self.budget.wake, self.last_step)
            self.alarm = 3 * abs(self.level) + 1e-12 if self.level == self.level and self.was_finite else math.inf
        if deep != self.deep or self.hearing != deep:
            self.set_deep(deep)

    def _begin_deep(self) -> None:
        for held in self.order.held:
            held.begin(quiet=not self.deep)
        self.layers.begin()
        self.criteria.begin()
        self.layers.part = self.budget.part
        rare = self.step in FACTS_AT or self.step >= self._rare_at
        if rare:
            self._rare_at = self.step + max(50, self.step // 4)
        self.layers.rare = self.parameters.rare = self.criteria.rare = rare or self.step < 2

    _rare_at = 0

    def _limit_losses(self) -> None:
        """Losses of a long quiet stretch: the record keeps the start whole and then an even sample."""
        every = 1 + self.step // 2000
        if every > 1 and len(self.buffered) > 64:
            newest = self.buffered[-32:]
            self.buffered = [one for one in self.buffered[:-32] if one[0] % every == 0 or not math.isfinite(one[1])]
            self.buffered += newest

    def many_criteria(self) -> None:
        """Criteria in a quiet interval, and no backward: that is a validation pass with gradients on."""
        self.unmatched = 0
        if self.step:
            self.partial = True
            self.forwards, self.pending = [], []
            self._begin_deep()
            self.set_deep(True)

    def listen_closely(self, wanted: bool) -> None:
        """Hear criteria, activations and zero_grad too? The listener does it."""
        self.awake = wanted

    def _loss_of_interval(self) -> float | None:
        if not self.losses:
            return None
        if all(isinstance(one, float) for one in self.losses):
            value = sum(self.losses) / len(self.losses)  # type: ignore[arg-type]
            self.buffered.append((self.step, value))
            return value
        mean = torch.stack([one.double().reshape(()) for one in self.losses if isinstance(one, Tensor)]).mean()
        self.device_losses.append((self.step, mean))
        if len(self.device_losses) >= 4 or self.deep:
            steps = [step for step, _ in self.device_losses]
            values = torch.stack([value for _, value in self.device_losses])
            self.device_losses = []
            self.transfer.add(values, lambda numbers: self.buffered.extend(zip(steps, numbers, strict=True)))
            if not self.deep:
                self.transfer.send(lambda: None)
        return None

    def _replicas(self) -> None:
        step = self.step
        with torch.no_grad():
            modules = [one for one in (ref() for ref in self.replicated) if one is not None]
            value = replicas.spread([p for one in modules for p in one.parameters() if p.requires_grad])
        if value is not None:
            own = {("replicas.spread", ""): float(value)}
            self.recording.append(step, own, self.budget.elapsed)

    def _memory(self) -> None:
        if self.step % 10 and self.step > 5:
            return
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
        self.put(("memory.resident", ""), float(pages * os.sysconf("SC_PAGE_SIZE")))
        if torch.cuda.is_initialized():
            for index in range(torch.cuda.device_count()):
                self.put(("memory.resident", f"cuda:{index}"), float(torch.cuda.memory_allocated(index)))

    def _finish(self, optimizer: Optimizer) -> None:
        step, host, forwards = self.step, self.host, self.forwards
        with torch.no_grad():
            self.guard("unheld", self._unheld)
            trained = [one for one in forwards if one.reached]
            if forwards and not self.partial:
                self.put(("calls.forward", ""), float(len(forwards)))
            modal = [one.modal for one in trained if one.modal[1]]
            if modal:
                self.put(("mode.train", ""), sum(on for on, _ in modal) / sum(n for _, n in modal))
            late = self._unreached([one for one in forwards if not one.reached])
            self.transfer.send(lambda: self._commit(step, host, forwards, late))

    def _unheld(self) -> None:
        held = {id(p) for one in self.order.held if (own := one.optimizer()) is not None
                for group in own.param_groups for p in group["params"]}  # fmt: skip
        self.parameters.unheld(held, self.put)

    def _unreached(self, forwards: list[Forward]) -> dict[Key, float]:
        """Forwards with gradients on that no backward reached, of a model that another one was trained with: validation.

        Of a model without any, a backward may be still to come: several models are trained in turn.
        """
        trained = {id(one.root) for one in self.forwards if one.reached}
        forwards = [one for one in forwards if id(one.root) in trained]
        if not (forwards and self.pending) or self.validation.running:
            return {}
        one = self.validation
        one.begin(None)
        for forward in forwards:
            one.forward(forward.module, forward.inputs, True, forward.modal)
        for pending in self.pending:
            known = self.criteria.of(pending.call, training=False)
            if known is not None:
                one.criterion(known, pending.call)
        self.loops.setdefault("val", self.pending[0].call.source)
        self.recording.add_event(self.step - 1, "val", "", {"examples": one.examples})
        self.urgent = True
        late: dict[Key, float] = {}
        self.guard("validation", one.end, late.__setitem__)
        return late

    def _commit(self, step: int, host: dict[Key, float], forwards: list[Forward], late: dict[Key, float]) -> None:
        """Values have arrived: write them; `late` are those of a validation pass before this step."""
        if late:
            self.recording.append(step - 1, late, self.budget.elapsed)
        readings: dict[Key, float] = {}
        for one in forwards:
            if one.reached:
                readings.update(one.own)
        readings.update(host)
        loss = self.flush_losses(step)
        if loss is not None:
            readings[("loss.train", "")] = loss
            own = readings.get(("loss.criterion", ""))
            if own is not None and math.isclose(own, loss, rel_tol=1e-5, abs_tol=1e-8):
                del readings[("loss.criterion", "")]
        self._nonfinite(step, readings)
        self.models.frozen_names = True
        if step in FACTS_AT or step % 2000 == 0 or self.models.version != self._facts_version:
            self.guard("facts", self.update_facts)
        self.recording.append(step, readings, self.budget.elapsed)
        urgent, self.urgent = self.urgent, False
        self.guard("judging", self.judge.after_commit, step, urgent)
        self.stop = self.stop or self.judge.stop

    _facts_version = -1

    def flush_losses(self, step: int) -> float | None:
        """Write the losses of unobserved steps before `step`; the loss of `step` itself is returned."""
        now = None
        for at, value in self.buffered:
            if at == step:
                now = value
            elif at < step:
                self.recording.append(at, {("loss.train", ""): value}, self.budget.elapsed)
        self.buffered = [(at, value) for at, value in self.buffered if at > step]
        return now

    def _nonfinite(self, step: int, readings: dict[Key, float]) -> None:
        """The first tensor that is not finite: named once, by module or parameter."""
        if not self.was_finite:
            return None
        for site in self.models.called:
            if readings.get(("activation.nonfinite", site.where)):
                return self._first_nonfinite(step, site.where, "activation")
        loss = readings.get(("loss.train", ""), 0.0)
        if not math.isfinite(loss):
            return self._first_nonfinite(step, "", "loss")
        for (what, where), value in readings.items():
            if what in ("batch.nonfinite", "gradient.nonfinite", "weight.nonfinite") and value:
                return self._first_nonfinite(step, where, what.partition(".")[0])
        return None

    def _first_nonfinite(self, step: int, where: str, site: str) -> None:
        self.was_finite = False
        self.recording.add_event(
            step, "nonfinite", where, {"site": site, "op": self.operation if site in ("loss", "activation") else None}
        )
        self.budget.stir()

    def _watch_rate(self, optimizer: Optimizer) -> None:
        rate = optimizer.param_groups[0].get("lr")
        if isinstance(rate, float | int):
            if self.last_lr.get("") and not 0.5 <= rate / self.last_lr[""] <= 2:
                self.budget.stir(3)
            if self.last_lr.get("") != rate and (not self.last_lr.get("") or not 0.9 <= rate / self.last_lr[""] <= 1.1):
                self.last_lr[""] = rate

    def _stir(self, loss: float | None) -> None:
        """Does the loss do something that deserves a closer look?"""
        if loss is None:
            return
        if not math.isfinite(loss):
            if self.was_finite or self.step % 64 == 0:
                self.budget.stir(3)
                self.urgent = True
            if self.was_finite and not self.deep:
                self._first_nonfinite(self.step, "", "loss")
            return
        if not math.isnan(self.level) and loss > 3 * abs(self.level) + 1e-12 and self.step > 3:
            self.budget.stir(3)
        self.level = loss if math.isnan(self.level) else 0.9 * self.level + 0.1 * loss

    begun: tuple[int, int | None] | None = None
    trained_loader: int | None = None
    epochs, epoch_began = 0, 0
    urgent = False
    operation: str | None = None
    stop: BaseException | None = None
    last_step: int | None = None

    # facts

    def update_facts(self) -> None:
        """Write the facts as far as they are known."""
        self._facts_version = self.models.version
        put = self.recording.set_fact
        put("modules", facts.modules(self.models))
        put("parameters", facts.parameters(self.models, self.order))
        put("optimizers", facts.optimizers(self.models, self.order))
        put("criteria", [one.facts for one in self.criteria.known])
        put("linear_pairs", self.structure.linear_pairs())
        put("loops", dict(self.loops))
        task = facts.task(self.criteria)
        if task is not None:
            put("task", task)
        if self.step >= 3 and all(root.module() is not None for root in self.models.roots):
            put("graph_cuts", graph_cuts(self.models, self.parameters.got_gradient))

    def timed(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call one of the methods above: on the watcher's clock, and so that no error of ours gets out."""
        if self.busy or function.__name__ in self.guard.off:
            return None
        began, self.busy = perf_counter(), True
        try:
            return function(*args)
        except Exception as error:
            self.guard(function.__name__, _raise, error)
            return None
        finally:
            self.busy = False
            self.budget.spent += perf_counter() - began


def _raise(error: Exception) -> None:
    raise error


def _tensors(output: Any, depth: int = 0) -> list[Tensor]:
    """Tensors in what a model gives: itself, or in tuples, lists, dicts and dataclasses."""
    if isinstance(output, Tensor):
        return [output]
    if depth > 3:
        return []
    if isinstance(output, dict):
        output = list(output.values())
    elif hasattr(output, "__dataclass_fields__"):
        output = list(vars(output).values())
    if isinstance(output, list | tuple):
        return [x for one in list(output)[:32] for x in _tensors(one, depth + 1)]
    return []
