"""One training in memory, an epoch at a time."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from ...data import Split
from ...record import Event, Recipe
from .. import criterion as losses
from ..optimizer import optimizer as build_optimizer
from ..prepared import Prepared, prepare
from ..schedule import Plateau, factor
from . import state
from .epoch import Epoch, Record
from .inner import LOOK, Position, batch_loop
from .randomness import RandomStates, seed_for


class Training:
    """One training: model, optimizer, schedule, random states and position; `epoch()` goes on.

    Everything random comes from three generators of its own (order, masks, augmentation), so trainings
    that take turns don't disturb one another, nor the caller's random state.

    Args:
        recipe: `epochs` is the length that the schedule is stretched over.
        split: its train and val parts are used, test is not touched.
        prepared: what `prepare` gave for this recipe's preprocessing, to share it between trainings.
        record: gets the readings; without one none are taken but the epochs' own.
        model: trained instead of the one the recipe names.

    Raises:
        RecipeError: a model, loss or device that can't be with this data.

    Attributes:
        body: what is trained; `prepared` holds its inputs.
        model: the whole network, preprocessing and target scale included (buffers).
        history: an `Epoch` for each pass.
        best: the best `Epoch` by validation; `restore_best()` puts its weights back.
        ended: why there is nothing more to do: "epochs", "patience", "not finite", "time" (said from outside), or None.
    """

    def __init__(
        self,
        recipe: Recipe,
        split: Split,
        *,
        device: torch.device | None = None,
        prepared: Prepared | None = None,
        record: Record | None = None,
        model: nn.Module | None = None,
    ) -> None:
        self.recipe, self.task, self.record = recipe, split.task, record
        self.prepared = prepared or prepare(recipe, split, device)
        self.device = self.prepared.device
        self.criterion = losses.criterion(recipe, split.task)
        self.random = RandomStates(recipe.seed, self.device)
        with self.random:
            self.model = self.prepared.network(recipe, model)
        self.body = self.model.network
        self.optimizer = build_optimizer(recipe, self.body)
        self.order = torch.Generator().manual_seed(seed_for(recipe.seed, "order"))
        self.noise = torch.Generator().manual_seed(seed_for(recipe.seed, "augment"))
        self.plateau = Plateau(wait=max(2, recipe.epochs // 10))
        self.batch = min(recipe.batch, len(self.prepared.train))
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self.ended: str | None = None
        self.step = 0
        self.stop = False  # set by a signal handler: the loop ends before its next step
        self.seconds = 0.0
        self.weights = {name: one for name, one in self.body.named_parameters() if one.ndim >= 2 and one.requires_grad}
        self.best_weights: dict[str, Tensor] = {}
        self.position = Position()
        self._loop = batch_loop(self)

    # what it is

    @property
    def epoch_steps(self) -> int:
        """Optimizer steps of one pass. A last batch of one example is left out: batch norm can't use it."""
        count = len(self.prepared.train)
        return max(1, count // self.batch + (count % self.batch > 1))

    @property
    def total_steps(self) -> int:
        """Steps of the whole training: what the schedule is stretched over."""
        return self.epoch_steps * self.recipe.epochs

    @property
    def score(self) -> float:
        """The best validation score so far; minus infinity before the first epoch."""
        return self.best.val_score if self.best else -math.inf

    def lr_at(self, step: int) -> float:
        """The learning rate of a step (counted from 0)."""
        p = (step + 0.5) / self.total_steps
        return self.recipe.lr * factor(self.recipe.schedule, min(p, 1.0), self.recipe.warmup) * self.plateau.factor

    # going on

    def epoch(self, on_look: Callable[[Training], None] | None = None) -> Epoch | None:
        """Train to the end of this pass, then validate.

        Args:
            on_look: called every `LOOK` steps between two steps, where `state()` may be taken.

        Returns:
            The epoch, or None when `stop` was set: the state is then that before the next step.
        """
        began = time.perf_counter()
        with self.random:
            finished = self._train_pass(on_look)
        if not finished:
            self._look(self.position)
            self.position.seconds += time.perf_counter() - began
            return None
        found = self._close(began)
        self.history.append(found)
        self._judge(found)
        self.position = Position()
        return found

    def take_step(self, x: Tensor, y: Tensor, lr: float) -> tuple[Tensor, Tensor]:
        """One step on a batch of one's own at a rate of one's own; gives the loss and the outputs.

        For checks and experiments; it is no part of an epoch.
        """
        self.body.train()
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        outputs = self.body(x)
        loss = self.criterion(outputs, y)
        self.optimizer.zero_grad()
        loss.backward()
        if self.recipe.clip_norm is not None:
            clip_grad_norm_(self.body.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        return loss.detach(), outputs.detach()

    def probe(self, seconds: float = 0.3) -> float:
        """Seconds that a step takes here, by trying some; the training is changed and is to be thrown away."""
        order = torch.randperm(len(self.prepared.train), generator=self.order)
        batches = list(itertools.islice(self.prepared.train.batches(order, self.batch, count=4, noise=self.noise), 4))
        times: list[float] = []
        with self.random:
            began = time.perf_counter()
            while len(times) < 3 or (time.perf_counter() - began < seconds and len(times) < 200):
                now = time.perf_counter()
                loss, _ = self.take_step(*batches[len(times) % len(batches)], self.recipe.lr * 1e-3)
                float(loss)
                times.append(time.perf_counter() - now)
        return sorted(times)[len(times) // 2]

    def evaluate(self, part: str = "val") -> tuple[Tensor, Tensor]:
        """Outputs (in the criterion's units) and targets of "train" or "val", in eval mode."""
        examples = getattr(self.prepared, part)
        self.body.eval()
        with torch.inference_mode():
            outputs = [self.body(x) for x, _ in examples.in_order()]
        return torch.cat(outputs), examples.y

    def restore_best(self) -> None:
        """Put back the weights of the best epoch."""
        if self.best_weights:
            self.body.load_state_dict(self.best_weights)

    # the inside of a pass

    def _train_pass(self, on_look: Callable[[Training], None] | None) -> bool:
        now = self.position
        if now.order is None:
            now.order = self.order.get_state()
        order = torch.Generator()
        order.set_state(now.order)
        permutation = torch.randperm(len(self.prepared.train), generator=order)
        self.body.train()
        batches = self.prepared.train.batches(
            permutation, self.batch, start=now.done, count=self.epoch_steps, noise=self.noise
        )
        with contextlib.closing(batches):
            while now.done < self.epoch_steps:
                until = min(self.epoch_steps, now.done + LOOK - now.done % LOOK)
                if not self._loop(batches, now, until):
                    return False
                if self._look(now) and on_look is not None and now.done < self.epoch_steps:
                    on_look(self)
                if self.ended:
                    break
        self.order = order
        return True

    def _look(self, now: Position) -> bool:
        """Take the newest losses over to the host and write them down; False when they aren't finite."""
        fresh = torch.stack(now.fresh).tolist() if now.fresh else []
        now.fresh = []
        now.losses.extend(fresh)
        if self.record is not None:
            first, seconds = self.step - len(fresh), time.time()
            for index, value in enumerate(fresh):
                readings = {("loss.train", ""): value, ("lr", ""): now.rates[index]}
                if index == len(fresh) - 1:
                    readings |= now.ratios
                self.record.append(first + index + 1, readings, seconds)
            now.ratios = {}
        now.rates = []
        if not all(map(math.isfinite, fresh)):
            self.ended = "not finite"
            if self.record is not None:
                self.record.add_event(Event(self.step, "nonfinite", "", {"site": "loss"}))
        return self.ended is None

    def _close(self, began: float) -> Epoch:
        """Validate and sum up a pass."""
        now = self.position
        score = torch.tensor(math.nan)
        if now.outputs:
            outputs, targets = (torch.cat(parts) for parts in zip(*now.outputs, strict=True))
            score = losses.score(outputs, targets, self.task)
        numbers = [score.double().to(self.device)]
        if len(self.prepared.val):
            outputs, targets = self.evaluate("val")
            numbers += [self.criterion(outputs, targets).double(), losses.score(outputs, targets, self.task).double()]
        train_score, val_loss, val_score = [*torch.stack(numbers).tolist(), math.nan, math.nan][:3]
        seconds = now.seconds + time.perf_counter() - began
        self.seconds += seconds
        mean = sum(now.losses) / max(1, len(now.losses))
        lr = self.optimizer.param_groups[0]["lr"]
        found = Epoch(len(self.history) + 1, self.step, mean, val_loss, train_score, val_score, lr, seconds)
        if self.record is not None:
            self._write(found)
        return found

    def _write(self, epoch: Epoch) -> None:
        assert self.record is not None
        name = "accuracy" if self.task == "classification" else "r2"
        readings = {(f"{name}.train", ""): epoch.score}
        if not math.isnan(epoch.val_score):
            readings |= {("loss.val", ""): epoch.val_loss, (f"{name}.val", ""): epoch.val_score}
        self.record.append(epoch.step, readings, time.time())
        self.record.add_event(Event(epoch.step, "epoch", "", {"number": epoch.number}))
        if not math.isnan(epoch.val_score):
            self.record.add_event(Event(epoch.step, "val", "", {"examples": len(self.prepared.val)}))

    def _judge(self, epoch: Epoch) -> None:
        """Keep the best weights; end when it is time."""
        if self.ended is None and (self.best is None or epoch.rank > self.best.rank):
            self.best = epoch
            self.best_weights = {name: one.detach().clone() for name, one in self.body.state_dict().items()}
        if self.recipe.schedule == "plateau":
            self.plateau.look(-epoch.val_loss if math.isfinite(epoch.val_loss) else -epoch.loss)
        patience = self.recipe.patience
        if self.ended is None and epoch.number >= self.recipe.epochs:
            self.ended = "epochs"
        elif self.ended is None and patience and self.best and epoch.number - self.best.number >= patience:
            self.ended = "patience"

    # stopping and going on

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that decides how it goes on: tensors by name, and plain JSON values."""
        return state.of(self)

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
        """Go back to a state that `state` gave, here or in another process."""
        state.put_back(self, tensors, plain)
