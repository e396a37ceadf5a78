"""Forwards that nothing is learned from: when a validation pass begins and ends."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..record.run import Key
from .models import Root, unwrapped
from .state import Forward
from .writing import Writing


class Passes(Writing):
    """Knows validation from training."""

    def _validate(self, root: Root, module: nn.Module, inputs: list[tuple[str, Tensor]], *, grad: bool) -> None:
        if not root.trained:
            with torch.no_grad():
                self.guard("standins", self.standins.called, root, unwrapped(module), self.models.roots, self.step)
        if root.trained or not any(one.trained for one in self.models.roots):
            if not self.validation.running:
                self.validation.begin(self.sources.here(3))
                self.comparisons.begin()
                self.hearing = True
            with torch.no_grad():
                self.guard("validation", self.validation.forward, unwrapped(module), inputs, grad)
                if inputs and root is self.models.main():
                    self.guard("turning", self.turning.validated, inputs[0][1])

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
        scored = any(score.rows for _, score in self.validation.scores.values())
        put = None if scored else lambda value: own.__setitem__(("accuracy.val", ""), value)
        with torch.no_grad():
            self.guard("validation", self.validation.end, own.__setitem__)
            self.guard("comparisons", self.comparisons.end, put)
        self.turning.end_of_pass()
        root = self.models.main()
        module = root.module() if root is not None else None
        if module is not None and self.turning.due(step):
            self.guard(
                "turning", self.turning.run, module, step, any(one.startswith(("flip", "rot")) for one in self.turns)
            )
        self.transfer.send(lambda: self._commit_validation(step, own))
        self.budget.stir(2)

    def _commit_validation(self, step: int, own: dict[Key, float]) -> None:
        self.flush_losses(step + 1)
        self.recording.append(step, own, self.budget.elapsed)
        self.update_loops()
        self.guard("judging", self.judge.after_commit, step, True)
        self.stop = self.stop or self.judge.stop

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
