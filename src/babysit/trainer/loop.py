"""The loop: one training in memory, an epoch at a time, that can stop anywhere and go on bit-equal.

Small data live on the device as tensors; a pass gathers them in a seeded order by blocks and cuts
batches as views. The numbers that decide nothing stay on the device until `LOOK` steps are over, so
that a step costs what a step by hand costs (`bench/training.py` holds it to that).
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from ..data import Split
from ..record import Event, Recipe
from . import criterion as losses
from .optimizer import optimizer as build_optimizer
from .prepared import Prepared, prepare
from .schedule import Plateau, factor

LOOK = 100
"""Steps between two looks at the losses: one transfer, and the check that they are finite."""
NEWEST = 512
"""Training accuracy is over at least so many of the newest examples."""


class Record(Protocol):
    """Where readings go: a `Run` in memory, a `Store` on disk."""

    def append(self, step: int, readings: dict[tuple[str, str], float], seconds: float | None = None) -> None: ...

    def add_event(self, event: Event) -> None: ...


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training examples came to.

    Attributes:
        number: counted from 1.
        step: optimizer steps so far.
        loss: mean training loss over the pass; `val_loss` of one validation pass after it.
        score: share right (R² for a regression) over the newest training examples, in training mode.
        val_score: the same over the validation examples; NaN when there are none.
        lr: of the last step.
        seconds: of this pass.
    """

    number: int
    step: int
    loss: float
    val_loss: float
    score: float
    val_score: float
    lr: float
    seconds: float

    @property
    def rank(self) -> tuple[float, float]:
        """Compares epochs: validation score, then (minus) validation loss; the training loss without validation."""
        if math.isnan(self.val_score):
            return (-math.inf, -self.loss if math.isfinite(self.loss) else -math.inf)
        return (self.val_score, -self.val_loss if math.isfinite(self.val_loss) else -math.inf)


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
        ended: why there is nothing more to do: "epochs", "patience", "not finite", or None.
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
        self.order = torch.Generator().manual_seed(_seed(recipe.seed, "order"))
        self.noise = torch.Generator().manual_seed(_seed(recipe.seed, "augment"))
        self.plateau = Plateau(wait=max(2, recipe.epochs // 10))
        self.batch = min(recipe.batch, len(self.prepared.train))
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self.ended: str | None = None
        self.step = 0
        self.stop = False  # set by a signal handler: the loop ends before its next step
        self.seconds = 0.0
        self.weights = {name: one for name, one in self.body.named_parameters() if one.ndim >= 2 and one.requires_grad}
        self._best: dict[str, Tensor] = {}
        self._pass = _Pass()
        self._loop = _batch_loop(self)

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
            self._look(self._pass)
            self._pass.seconds += time.perf_counter() - began
            return None
        found = self._close(began)
        self.history.append(found)
        self._judge(found)
        self._pass = _Pass()
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
        if self._best:
            self.body.load_state_dict(self._best)

    # the inside of a pass

    def _train_pass(self, on_look: Callable[[Training], None] | None) -> bool:
        now = self._pass
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

    def _look(self, now: _Pass) -> bool:
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
        now = self._pass
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
            self._best = {name: one.detach().clone() for name, one in self.body.state_dict().items()}
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
        now = self._pass
        tensors = {f"model.{name}": one.detach().clone() for name, one in self.body.state_dict().items()}
        tensors |= {f"best.{name}": one for name, one in self._best.items()}
        for index, held in self.optimizer.state_dict()["state"].items():
            for name, value in held.items():
                if value is not None:
                    tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value).detach().clone()
        tensors |= {f"random.{name}": one for name, one in self.random.state().items()}
        tensors |= {"random.order": self.order.get_state(), "random.noise": self.noise.get_state()}
        if now.order is not None:
            tensors["pass.order"] = now.order
        fresh = torch.stack(now.fresh).tolist() if now.fresh else []
        plain = {
            "step": self.step,
            "seconds": self.seconds,
            "ended": self.ended,
            "history": [asdict(one) for one in self.history],
            "best": self.best.number if self.best else None,
            "plateau": asdict(self.plateau),
            "pass": {"done": now.done, "losses": [*now.losses, *fresh]},
        }
        return tensors, plain

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
        """Go back to a state that `state` gave, here or in another process."""
        self.body.load_state_dict(_under(tensors, "model"))
        self._best = _under(tensors, "best")
        held: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, "optimizer").items():
            index, field = name.split(".", 1)
            held.setdefault(int(index), {})[field] = value.clone()
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": held})
        self.random.restore(_under(tensors, "random"))
        self.order.set_state(tensors["random.order"].cpu())
        self.noise.set_state(tensors["random.noise"].cpu())
        self.step, self.seconds, self.ended = plain["step"], plain["seconds"], plain["ended"]
        self.history = [Epoch(**one) for one in plain["history"]]
        self.best = self.history[plain["best"] - 1] if plain["best"] else None
        self.plateau = Plateau(**plain["plateau"])
        self._pass = _Pass(order=tensors.get("pass.order"), done=plain["pass"]["done"], losses=plain["pass"]["losses"])


def fit(
    recipe: Recipe,
    split: Split,
    *,
    until: int | None = None,
    training: Training | None = None,
    on_epoch: Callable[[Training], bool | None] | None = None,
    record: Record | None = None,
    prepared: Prepared | None = None,
    device: torch.device | None = None,
) -> Training:
    """Train in memory and write nothing: what search, checks and claims are made of.

    Args:
        until: the epoch to stop after (a rung); the schedule still spans `recipe.epochs`.
        training: go on with this one (a longer rung); `recipe` and `split` are then its own.
        on_epoch: called after each epoch; True breaks the training off.
        record: a `Run` to take readings into.
        prepared: shared by trainings with equal preprocessing.

    Examples:
        >>> from babysit.data import load
        >>> recipe = Recipe(data="iris", epochs=20, lr=0.01, batch=16)
        >>> training = fit(recipe, load(recipe), until=5)
        >>> len(training.history), training.ended
        (5, None)
        >>> fit(recipe, load(recipe), training=training).ended
        'epochs'
    """
    if training is None:
        training = Training(recipe, split, device=device, prepared=prepared, record=record)
    until = training.recipe.epochs if until is None else until
    while training.ended is None and not training.stop and len(training.history) < until:
        if training.epoch() is not None and on_epoch is not None and on_epoch(training):
            break
    return training


class _Pass:
    """Where a pass is: the order's seed state, batches done, what was seen."""

    def __init__(self, order: Tensor | None = None, done: int = 0, losses: list[float] | None = None) -> None:
        self.order, self.done = order, done
        self.losses: list[float] = list(losses or ())
        self.fresh: list[Tensor] = []
        self.rates: list[float] = []
        self.ratios: dict[tuple[str, str], float] = {}
        self.outputs: list[tuple[Tensor, Tensor]] = []
        self.seconds = 0.0


def _batch_loop(training: Training) -> Callable[[Iterator[tuple[Tensor, Tensor]], _Pass, int], bool]:
    """The innermost loop, with everything it needs at hand."""
    body, criterion, optimizer = training.body, training.criterion, training.optimizer
    clip, parameters = training.recipe.clip_norm, list(training.body.parameters())
    keep = -(-NEWEST // training.batch)
    names = list(training.weights)
    weights = list(training.weights.values())

    def loop(batches: Iterator[tuple[Tensor, Tensor]], now: _Pass, until: int) -> bool:
        newest = training.epoch_steps - keep
        watched = until - 1 if training.record is not None else -1
        while now.done < until:
            if training.stop:
                return False
            x, y = next(batches)
            rate = training.lr_at(training.step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            outputs = body(x)
            loss = criterion(outputs, y)
            optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                clip_grad_norm_(parameters, clip)
            before = [weight.detach().clone() for weight in weights] if now.done == watched else ()
            optimizer.step()
            now.fresh.append(loss.detach())
            now.rates.append(rate)
            if now.done >= newest:
                now.outputs.append((outputs.detach(), y))
            if before:
                now.ratios = _ratios(names, before, weights)
            now.done += 1
            training.step += 1
        return True

    return loop


def _ratios(names: Sequence[str], before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[tuple[str, str], float]:
    """rms(Δw) / rms(w) of each weight matrix, in one transfer."""
    with torch.no_grad():
        values = [(new - old).norm() / old.norm().clamp_min(1e-12) for old, new in zip(before, after, strict=True)]
    return {
        ("update.ratio", f"network.{name}"): value
        for name, value in zip(names, torch.stack(values).tolist(), strict=True)
    }


class RandomStates:
    """PyTorch's global random state, the training's own while inside `with`, the caller's outside."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device, self.inside = device, False
        generator = torch.Generator().manual_seed(_seed(seed, "masks"))
        self._own = {"cpu": generator.get_state()}
        if device.type == "cuda":
            self._own["cuda"] = torch.Generator(device).manual_seed(_seed(seed, "masks")).get_state()
        self._theirs: dict[str, Tensor] = {}

    def __enter__(self) -> None:
        self._theirs, self.inside = self._get(), True
        self._set(self._own)

    def __exit__(self, *error: object) -> None:
        self._own, self.inside = self._get(), False
        self._set(self._theirs)

    def state(self) -> dict[str, Tensor]:
        return self._get() if self.inside else dict(self._own)

    def restore(self, state: dict[str, Tensor]) -> None:
        self._own = {name: state[name].cpu() for name in self._own}

    def _get(self) -> dict[str, Tensor]:
        found = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            found["cuda"] = torch.cuda.get_rng_state(self.device)
        return found

    def _set(self, state: dict[str, Tensor]) -> None:
        torch.set_rng_state(state["cpu"])
        if "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)


def _seed(seed: int, use: str) -> int:
    """A seed of its own for each use, so that one's draws don't shift another's."""
    return (seed * 1_000_003 + {"order": 1, "masks": 2, "augment": 3}[use]) % (1 << 63)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors named `prefix.…`, without the prefix."""
    return {name.removeprefix(f"{prefix}."): one for name, one in tensors.items() if name.startswith(f"{prefix}.")}
