"""zero_grad and step: what an optimizer saw and did, and the end of an interval."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from . import facts, replicas
from .backwards import Backwards
from .order import Held
from .state import Forward


class Steps(Backwards):
    """Hears zero_grad and step."""

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
            self.at("zero_grad", 3)

    def zeroed_module(self, module: nn.Module) -> None:
        """zero_grad of a module was called."""
        self.hand_over()
        self.order.zeroed_module({id(p) for p in module.parameters()})
        if self.deep:
            self.at("zero_grad", 3)

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
        self.at("step", 3)
        with torch.no_grad():
            self.guard("parameters", self._before_step, held, optimizer, closure)

    def _before_step(self, held: Held, optimizer: Optimizer, closure: bool) -> None:
        if held.steps == 0 or held.groups != len(optimizer.param_groups):
            self.guard("starts", self._starts)
        if not closure:
            self._carried(held)
        if not self.light:
            if not closure:
                self.parameters.gradients(held, optimizer, self.put)
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
        if closure and not self.light:
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

    def _finish(self, optimizer: Optimizer) -> None:
        step, host, forwards = self.step, self.host, self.forwards
        with torch.no_grad():
            if not self.light:
                self.guard("unheld", self._unheld)
            trained = [one for one in forwards if one.reached]
            if forwards and not self.partial:
                self.put(("calls.forward", ""), float(len(forwards)))
            modal = [one.modal for one in trained if one.modal[1]]
            if modal:
                self.put(("mode.train", ""), sum(on for on, _ in modal) / sum(n for _, n in modal))
                self.put(("mode.model", ""), float(any(one.training for one in trained if one.modal[1])))
            self._kept(forwards)
            self.guard("comparisons", self.comparisons.end)
            self.guard("trials", self.trials.run, self._time_first())
            if self.frames.due(step) and not self.light:
                self.guard("frames", self._framed, step, optimizer)
            late = self._unreached([one for one in forwards if not one.reached])
            self.transfer.send(lambda: self._commit(step, host, forwards, late))

    def _framed(self, step: int, optimizer: Optimizer) -> None:
        self.frames.parameters(step, self.parameters.selected(optimizer))

    def _kept(self, forwards: list[Forward]) -> None:
        for kept, what, reached in ((self.kept, "loss.graphs", True), (self.kept_aside, "loss.graphs_aside", False)):
            for one in forwards:
                if one.reached == reached:
                    kept.add(self.step, one.mark)
            if self.light:
                continue
            alive, of = kept.count(self.step)
            if of >= 3:
                self.put((what, ""), float(alive))
                self.put((f"{what}_marked", ""), float(of))

    def _time_first(self) -> bool:
        """Does a module take axis 1 for the batch?"""
        return any(facts.batch_axis(one.facts, one.module() if one.module else None) == 1 for one in self.models.called)

    def _unheld(self) -> None:
        held = {id(p) for one in self.order.held if (own := one.optimizer()) is not None
                for group in own.param_groups for p in group["params"]}  # fmt: skip
        self.parameters.unheld(held, self.put)
