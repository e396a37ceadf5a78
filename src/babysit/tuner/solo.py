"""One by one: a trial's network in a plain PyTorch loop. The slow twin that a fleet's lanes are held against."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from ..trainer.criterion import criterion, score
from ..trainer.optimizer import optimizer
from ..trainer.schedule import Plateau, factor
from .job import Job, Outcome, broken
from .noise import LaneDropout, Noise, Order, replace_dropout
from .state import NAMES, State

if TYPE_CHECKING:
    from .work import Work


def train(work: Work, job: Job, over: Callable[[], bool] = lambda: False) -> Outcome:
    """Train one job from where it stands to its epoch, or until it is `over`."""
    lane = Solo(work, job)
    began = time.perf_counter()
    outcome = Outcome(job.told())
    while lane.epoch < job.until and not outcome.broken and not over():
        lane.pass_over()
        outcome.broken = broken(lane.costs, lane.first)
    outcome.costs, outcome.losses, outcome.scores, outcome.first = lane.costs, lane.losses, lane.scores, lane.first
    outcome.state = None if outcome.broken else lane.state()
    outcome.seconds = time.perf_counter() - began
    return outcome


class Solo:
    """One training that can be taken up and laid down at the end of any epoch."""

    def __init__(self, work: Work, job: Job) -> None:
        self.recipe, self.task = work.recipe_of(job), work.task
        self.fold = work.fold(self.recipe, job.fold)
        self.model = copy.deepcopy(work.network(job)).to(work.device)
        self.model.requires_grad_(True)
        own = work.own
        self.dropouts = replace_dropout(self.model, None if own else self.recipe.dropout)
        measure(self.model, self.dropouts, self.fold.first(2))
        self.criterion = criterion(self.recipe, work.task)
        self.optimizer = optimizer(self.recipe, self.model)
        self.batch = min(self.recipe.batch, len(self.fold.y))
        self.steps = steps_of(len(self.fold.y), self.batch)
        self.plateau = Plateau(wait=max(2, self.recipe.epochs // 10))
        self.epoch = self.step = 0
        self.costs: list[float] = []
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.first = math.nan
        if job.state is not None:
            self._restore(job.state)

    def pass_over(self) -> None:
        """One epoch, then one validation."""
        self.epoch += 1
        order = Order(self.recipe.seed, len(self.fold.y)).epoch(self.epoch).to(self.fold.y.device)
        noises = [Noise(self.recipe.seed, self.epoch, index) for index in range(len(self.dropouts))]
        state = torch.get_rng_state()
        _seed((self.recipe.seed * 1_000_003 + 5 + self.epoch * 7919) % (1 << 63))
        try:
            self._steps(order, noises)
            self._validate()
        finally:
            torch.set_rng_state(state)

    def _steps(self, order: Tensor, noises: list[Noise]) -> None:
        self.model.train()
        total = self.steps * self.recipe.epochs
        seen: list[Tensor] = []
        batches = self.fold.batches(order, self.batch, self.steps, seed=self.recipe.seed, epoch=self.epoch)
        for x, y in batches:
            for lane, noise in zip(self.dropouts, noises, strict=True):
                lane.numbers = noise.draw(lane.features, len(y)).to(x.device)
            shape = factor(self.recipe.schedule, min((self.step + 0.5) / total, 1.0), self.recipe.warmup)
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.lr * shape * self.plateau.factor
            loss = self.criterion(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            if self.recipe.clip_norm is not None:
                clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
            self.optimizer.step()
            self.step += 1
            seen.append(loss.detach())
        losses = torch.stack(seen)
        if math.isnan(self.first):
            self.first = float(losses[0])
        self.costs.append(float(losses.mean()))

    def _validate(self) -> None:
        self.model.eval()
        with torch.inference_mode():
            outputs = torch.cat([self.model(x) for x, _ in self.fold.val.in_order()])
            self.losses.append(float(self.criterion(outputs, self.fold.val_y)))
            self.scores.append(float(score(outputs, self.fold.val_y, self.task)))
        if self.recipe.schedule == "plateau":
            self.plateau.look(-self.losses[-1] if math.isfinite(self.losses[-1]) else -self.costs[-1])

    def state(self) -> State:
        """Where it stands, for any engine to go on from."""
        tensors = {f"p.{name}": one.detach().clone() for name, one in self.model.named_parameters()}
        tensors |= {f"b.{name}": one.detach().clone() for name, one in kept_buffers(self.model)}
        names = NAMES[self.recipe.optimizer]
        for name, parameter in self.model.named_parameters():
            held = self.optimizer.state.get(parameter, {})
            for slot, theirs in names.items():
                value = held.get(theirs)
                tensors[f"{slot}.{name}"] = torch.zeros_like(parameter) if value is None else value.detach().clone()
        plateau = (self.plateau.factor, self.plateau.best, self.plateau.stale)
        return State(self.epoch, self.step, tensors, [*self.costs], [*self.losses], [*self.scores], self.first, plateau)

    def _restore(self, state: State) -> None:
        self.epoch, self.step, self.first = state.epoch, state.step, state.first
        self.costs, self.losses, self.scores = [*state.costs], [*state.losses], [*state.scores]
        self.plateau.factor, self.plateau.best, self.plateau.stale = state.plateau
        names = NAMES[self.recipe.optimizer]
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(state.tensors[f"p.{name}"])
                held = self.optimizer.state[parameter]
                for slot, theirs in names.items():
                    held[theirs] = state.tensors[f"{slot}.{name}"].to(parameter).clone()
                if self.recipe.optimizer in ("adam", "adamw", "adagrad", "rmsprop"):
                    held["step"] = torch.tensor(float(self.step))
            for name, buffer in kept_buffers(self.model):
                buffer.copy_(state.tensors[f"b.{name}"])


def _seed(value: int) -> None:
    """What `torch.manual_seed` does; that writes tracebacks for each kind of GPU that isn't there, 2 ms in all."""
    if torch.cuda.is_initialized():
        torch.manual_seed(value)
    else:
        torch.default_generator.manual_seed(value)


def warm() -> None:
    """Use an optimizer once: the first use in a process takes a second."""
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    torch.optim.SGD([parameter], lr=0.1).step()


def steps_of(count: int, batch: int) -> int:
    """Optimizer steps of one pass; a last batch of one example is left out, as the trainer does."""
    return max(1, count // batch + (count % batch > 1))


def measure(model: nn.Module, dropouts: list[LaneDropout], x: Tensor) -> None:
    """Let each dropout learn its size, in one forward pass that changes nothing."""
    if not dropouts:
        return
    before = {name: one.clone() for name, one in model.named_buffers()}
    model.train()
    with torch.no_grad():
        model(x)
        for name, one in model.named_buffers():
            if one.shape == before[name].shape:
                one.copy_(before[name])


def kept_buffers(model: nn.Module) -> list[tuple[str, Tensor]]:
    """Buffers that belong to a state: all but the dropouts' own."""
    ours = {f"{name}." if name else "" for name, one in model.named_modules() if isinstance(one, LaneDropout)}
    return [(name, one) for name, one in model.named_buffers() if not any(name.startswith(prefix) for prefix in ours)]
