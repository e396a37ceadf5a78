"""Criteria and backward: which forwards and losses were trained on, and whether weights are moved by hand."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..record.run import Key
from .addends import addends
from .by_hand import ByHand
from .criteria import PAIRED, Called
from .forwards import Forwards
from .gains import BETTER, GAIN, correlation
from .policy import policy_of
from .state import Pending
from .stretched import LEAST, stretched
from .written_out import written_out


class Backwards(Forwards):
    """Hears criteria and backward."""

    def criterion(self, call: Called) -> None:
        """A criterion was computed."""
        if not torch.is_grad_enabled() or not call.value.requires_grad:
            if self.validation.running:
                call.source = self.sources.here(3)
                self.guard("turning", self.turning.scored, call.target)
                one = self.criteria.of(call, training=False) if self.step else self.criteria.lent(call)
                if one is not None:
                    with torch.no_grad():
                        self.guard("validation", self.validation.criterion, one, call)
                        self.guard("comparisons", self.comparisons.labelled, call.target)
            return
        if not self.deep:
            return
        if len(self.pending) >= 16:
            return
        call.source = self.sources.here(3)
        pending = Pending(
            Called(call.name, call.output.detach(), call.target, call.options, call.value.detach(), call.source),
            call.value.grad_fn,
        )

        def arrived(gradient: Tensor) -> None:
            pending.reached = True

        call.value.register_hook(arrived)
        self.pending.append(pending)

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
        if self.deep and loss is not None:
            self.guard("written_out", self._written_out, loss)
            self.guard("dead", self.dead.before_backward, loss)
            self.guard("policy", self._policy, loss)
            self.guard("addends", self._addends, loss)
        if self.deep:
            self.at("train", 3)
            with torch.no_grad():
                self.guard("order", self.order.before_backward, True)

    def _written_out(self, loss: Tensor) -> None:
        """No criterion of PyTorch's was called: is one written out by hand?"""
        if self.pending:
            return
        for forward in self.forwards:
            if forward.output is not None and forward.measured and not forward.reached:
                with torch.no_grad():
                    call = written_out(loss, forward.output, forward.mark)
                    if call is None and forward.output.ndim and len(forward.output) >= LEAST:
                        self.put(("output.broadcast", ""), float(stretched(loss, len(forward.output), forward.mark)))
                if call is not None:
                    call.source = self.sources.here(4)
                    self.pending.append(Pending(call, reached=True))
                    return

    def _policy(self, loss: Tensor) -> None:
        """Is it a policy gradient? Which way it goes, and what the script calls a reward."""
        found = policy_of(loss)
        if found is None:
            return
        frame = self.sources.frame(1)
        gain, cost = self.gains.words(frame)
        if "policy" not in self.recording.run.facts:
            fact = {"reward": gain, "cost": cost, "clipped": found.clipped, "source": self.sources.here(4)}
            self.recording.set_fact("policy", fact)
        self.put(("policy.sign", ""), float(found.sign))
        with torch.no_grad():
            known = self.gains.values(frame, GAIN)
            for name, value in known.items():
                self.transfer.add(value.mean(), partial(self._put_first, ("reward.mean", name)))
            size, device = found.weight.numel(), found.weight.device
            sides = [*known.values(), *self.gains.values(frame, BETTER).values(), *self._better(size)]
            like = [correlation(found.weight, one) for one in sides if one.numel() == size > 1 and one.device == device]
            if like:
                both = torch.stack([torch.stack(like).amin(), torch.stack(like).amax()])
                self.transfer.add(both, lambda values: self._put_likeness(*values))

    def _better(self, size: int) -> list[Tensor]:
        """How much more than a critic expected there was for each of the chosen, where a regression says it."""
        paired = [one.call for one in self.pending if one.call.name in PAIRED and one.call.target is not None]
        return [
            (call.target - call.output).detach().reshape(-1)
            for call in paired
            if call.target is not None and call.target.shape == call.output.shape and call.target.numel() == size
        ]

    def _put_first(self, key: Key, values: list[float]) -> None:
        self.put(key, values[0])

    def _put_likeness(self, least: float, most: float) -> None:
        self.put(("policy.likeness", ""), least if least < -0.5 else most)

    def _addends(self, loss: Tensor) -> None:
        """Was something without a gradient added to the criterion? Then it is the loss less the criterion."""
        nodes, constant = addends(loss)
        self.put(("loss.addends", ""), float(len(nodes)))
        own = next((one for one in self.pending if len(nodes) == 1 and one.node is nodes[0]), None)
        if constant and own is not None and loss.numel() == 1 and own.call.value.numel() == 1:
            rest = loss.detach().float() - own.call.value.float()
            self.transfer.add(rest, lambda values: self.put(("loss.constant", ""), values[0]))
        for one in self.pending:
            one.node = None

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
        """The main model's optimizer hasn't stepped yet: are weights moved without one?"""
        stepped = [own for one in self.order.held if one.steps and (own := one.optimizer()) is not None]
        held = {id(p) for own in stepped for group in own.param_groups for p in group["params"]}
        values = [value for _, value in self.models.trainable() if id(value) not in held]
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
        given: Tensor | None = None  # what was trained on
        for forward in self.forwards:
            if forward.reached and forward.inputs and forward.measured and forward.root is self.models.main():
                given = forward.inputs[0][1]
            if forward.reached and forward.output is not None:
                if not called and not self.light:
                    self.guard("criteria", self.criteria.by_hand, forward.output, self.put)
                forward.output = None
            if forward.reached and forward.inputs and forward.measured:
                for index, x in forward.inputs:
                    where = forward.root.prefix + index
                    self.guard("batches", self.batches.measure, where, x, self.put, not self.light)
                    if index == "0" and forward.root is self.models.main() and not self.light:
                        self.guard("columns", self.columns.batch, x)
                        self.guard("in_the_input", self.in_the_input.batch, x)
                        self.guard("frames", self.frames.batch, x)
                forward.inputs = []
        self.usual = max(self.usual, sum(one.reached for one in self.pending) + 1)
        rest = []
        for one in self.pending:
            if one.reached:
                if given is not None and one.call.target is not None:
                    self.guard("turning", self.turning.trained.add, given, one.call.target)
                self.guard("criteria", self._criterion_trained, one.call)
            else:
                rest.append(one)
        self.pending = rest

    def _criterion_trained(self, call: Called) -> None:
        one = self.criteria.of(call)
        if one is None:
            return
        if one.index == 0:
            self.trials.answer(call.target)
            self.guard("columns", self.columns.answer, call.target)
            self.guard("in_the_input", self.in_the_input.answer, call.target)
        if not one.taken and call.value.numel() == 1:
            where = one.where
            self.transfer.add(call.value.float(), lambda values: self.put(("loss.criterion", where), values[0]))
        if not self.light:
            self.criteria.measure(one, call, self.put)

    def _without_step(self) -> None:
        count = self.order.backwards_without_step
        if count in (3, 6, 10, 20) or count % 100 == 0:
            self.recording.append(0, {("calls.without_step", ""): float(count)}, self.budget.elapsed)
            self.update_facts()
            self.guard("judging", self.judge.after_commit, 0, True)
