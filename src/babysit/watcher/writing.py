"""What a step came to, written: losses, facts, events; and what deserves a closer look."""

from __future__ import annotations

import math
import os
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.data import default_collate

from ..record.run import Key
from . import facts, replicas
from .blame import first_operation
from .state import FACTS_AT, Forward, State
from .structure import graph_cuts


class Writing(State):
    """Writes what a step came to."""

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

    def _limit_losses(self) -> None:
        """Losses of a long quiet stretch: the record keeps the start whole and then an even sample."""
        every = 1 + self.step // 2000
        if every > 1 and len(self.buffered) > 64:
            newest = self.buffered[-32:]
            self.buffered = [one for one in self.buffered[:-32] if one[0] % every == 0 or not math.isfinite(one[1])]
            self.buffered += newest

    def flush_losses(self, step: int) -> float | None:
        """Write the losses of unobserved steps before `step`; the loss of `step` itself is returned."""
        before = [one for one in self.buffered if one[0] < step]
        if before:
            steps, values = (list(one) for one in zip(*before, strict=True))
            self.recording.extend(("loss.train", ""), steps, values, self.budget.elapsed)  # type: ignore[arg-type]
        now = next((value for at, value in reversed(self.buffered) if at == step), None)
        self.buffered = [one for one in self.buffered if one[0] > step]
        return now

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

    def _memory(self) -> None:
        if self.step % 10 and self.step > 5:
            return
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
        self.put(("memory.resident", ""), float(pages * os.sysconf("SC_PAGE_SIZE")))
        if torch.cuda.is_initialized():
            for index in range(torch.cuda.device_count()):
                self.put(("memory.resident", f"cuda:{index}"), float(torch.cuda.memory_allocated(index)))

    def _replicas(self) -> None:
        step = self.step
        with torch.no_grad():
            modules = [one for one in (ref() for ref in self.replicated) if one is not None]
            value = replicas.spread([p for one in modules for p in one.parameters() if p.requires_grad])
        if value is not None:
            own = {("replicas.spread", ""): float(value)}
            self.recording.append(step, own, self.budget.elapsed)

    def loader(self, loader: Any) -> None:
        """A data loader begins a pass; the one whose batches are trained on tells the epochs."""
        try:
            length = len(loader)
        except TypeError:
            length = None
        plain = loader.collate_fn is default_collate  # one of the user's may put time first
        self.begun = (id(loader), {"length": length, "batch_size": loader.batch_size if plain else None})
        if self.begun[0] == self.trained_loader and self.step - self.epoch_began >= max(1, (length or 1) // 2):
            self.epochs += 1
            self.recording.add_event(self.step, "epoch", "", {"number": self.epochs})
            if length is None:
                self.recording.set_fact("epochs", {**self.begun[1], "length": self.step - self.epoch_began})
            self.epoch_began = self.step

    def _trained_on_loader(self) -> None:
        """A step was made with what the newest loader gave."""
        if self.begun is not None and self.trained_loader is None:
            self.trained_loader, known = self.begun
            self.recording.set_fact("epochs", known)

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
