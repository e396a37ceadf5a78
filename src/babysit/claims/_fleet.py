"""Many small networks trained side by side as one batched program: a claim's seeds, arms and rates at once.

Lanes differ in initial weights, seed, rate and decay and share everything else. A lane is trained on the same batches
in whatever company it is: order and masks come from its own seed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

EVALUATE = 512


@dataclass
class Curves:
    """What was seen on the way: step numbers (T,), loss and accuracy of the newest batches (T, L), and `seen`."""

    steps: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    seen: list[Any]


class Fleet:
    """L networks of one architecture.

    Args:
        networks: L modules, each with its own initial weights; they are copied.
        seeds: (L,) of the order of examples.
        lr, decay: one for all or one a lane; decay is L2, as half its square on weights, not biases.
        optimizer: "sgd" (with `momentum`) or "adam".
    """

    def __init__(
        self, networks: Sequence[nn.Module], *, seeds: Sequence[int], lr: float | Sequence[float] | np.ndarray, momentum: float = 0.9,
        decay: float | Sequence[float] | np.ndarray = 0.0, optimizer: str = "sgd",
    ) -> None:  # fmt: skip
        self.lanes, self.seeds, self.momentum, self.kind = len(networks), list(seeds), momentum, optimizer
        self.base = copy.deepcopy(networks[0]).train()
        parameters, buffers = stack_module_state(list(networks))
        self.parameters: dict[str, Tensor] = {
            name: one.detach().clone().requires_grad_() for name, one in parameters.items()
        }
        self.buffers: dict[str, Tensor] = {name: one.clone() for name, one in buffers.items()}
        self.lr, self.decay = self._numbers(lr), self._numbers(decay)
        self.first = {name: torch.zeros_like(one) for name, one in self.parameters.items()}
        self.second = (
            {name: torch.zeros_like(one) for name, one in self.parameters.items()} if optimizer == "adam" else {}
        )
        self.done = 0
        self._convolves = any(isinstance(one, nn.Conv2d) for one in self.base.modules())
        self._draws = [np.random.default_rng([seed, 0x0DE2]) for seed in self.seeds]
        self._left: list[np.ndarray] = [np.empty(0, np.int64)] * self.lanes

    def _numbers(self, values: float | Sequence[float] | np.ndarray) -> Tensor:
        array = np.broadcast_to(np.asarray(values, np.float32), (self.lanes,))
        return torch.from_numpy(array.copy())

    def forward(self, x: Tensor, *, shared: bool = False) -> Tensor:
        """Outputs (L, N, K) of inputs (L, N, …), or (N, …) where they are shared."""
        if self._convolves:  # grouped convolutions are slower than one after the other
            parts = {name: one.unbind(0) for name, one in self.parameters.items()}
            held = {name: one.unbind(0) for name, one in self.buffers.items()}
            made = []
            for lane in range(self.lanes):
                state = {name: one[lane] for name, one in parts.items()} | {
                    name: one[lane] for name, one in held.items()
                }
                made.append(functional_call(self.base, state, (x if shared else x[lane],)))
            return torch.stack(made)
        call = lambda p, b, one: functional_call(self.base, {**p, **b}, (one,))  # noqa: E731
        return vmap(call, in_dims=(0, 0, None if shared else 0), randomness="different")(
            self.parameters, self.buffers, x
        )

    def train(
        self, x: Tensor, y: Tensor, steps: int, *, batch: int = 64, every: int = 10,
        see: Callable[[Fleet], Any] | None = None,
    ) -> Curves:  # fmt: skip
        """So many steps more.

        Args:
            x, y: examples (N, …) and classes (N,) for all lanes, or (L, N, …) and (L, N) for each its own.
            every: steps between two looks, and what a look's loss is the mean of (the first is of step 1 alone).
            see: called at each look, before the step.
        """
        own = y.dim() == 2
        count, batch = y.shape[-1], min(batch, y.shape[-1])
        lanes = torch.arange(self.lanes)[:, None]
        at, losses, scores, seen = [], [], [], []
        held: list[Tensor] = []
        held_scores: list[Tensor] = []
        self.base.train()
        for step in range(steps + 1):
            if step in (1, steps) or step % every == 0:
                if held:
                    at.append(0 if self.done == 1 else self.done)
                    losses.append(torch.stack(held).mean(0))
                    scores.append(torch.stack(held_scores).mean(0))
                    held, held_scores = [], []
                if see is not None and step != 1:
                    seen.append(see(self))
            if step == steps:
                break
            index = torch.from_numpy(np.stack([self._next(lane, count, batch) for lane in range(self.lanes)]))
            xs, ys = (x[lanes, index], y[lanes, index]) if own else (x[index], y[index])
            outputs = self.forward(xs)
            loss = self._losses(outputs, ys)
            held.append(loss.detach())
            held_scores.append((outputs.detach().argmax(-1) == ys).float().mean(-1))
            self._step(torch.autograd.grad(loss.sum(), list(self.parameters.values())))
        return Curves(np.array(at), _array(losses), _array(scores), seen)

    def gradients(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The gradient of each lane's mean loss over all of x (N, …), by parameter (L, …)."""
        loss = self._losses(self.forward(x, shared=True), y.expand(self.lanes, -1))
        found = torch.autograd.grad(loss.sum(), list(self.parameters.values()))
        return dict(zip(self.parameters, found))

    @torch.no_grad()
    def outputs(self, x: Tensor, *, shared: bool = True) -> Tensor:
        """Outputs (L, N, K) in evaluation of inputs (N, …) for all lanes, or (L, N, …), each its own."""
        self.base.eval()
        try:
            parts = x.split(EVALUATE, 0 if shared else 1)
            return torch.cat([self.forward(part, shared=shared) for part in parts], 1)
        finally:
            self.base.train()

    def accuracy(self, x: Tensor, y: Tensor) -> np.ndarray:
        """Share right (L,) of y (N,), or (L, N) with each its own x; a lane that is not finite is right by chance alone."""
        return (self.outputs(x, shared=y.dim() == 1).argmax(-1) == y).double().mean(-1).numpy()

    def loss(self, x: Tensor, y: Tensor) -> np.ndarray:
        """Mean cross-entropy (L,)."""
        return self._losses(self.outputs(x), y.expand(self.lanes, -1)).double().numpy()

    def network(self, lane: int) -> nn.Module:
        """One lane as a module of its own."""
        made = copy.deepcopy(self.base)
        state = {**self.parameters, **self.buffers}
        made.load_state_dict({name: one[lane].detach().clone() for name, one in state.items()})
        return made.eval()

    def penalty(self) -> Tensor:
        """Half the decay times the squared weights (L,): what is added to the loss."""
        squares = [one.detach().square().flatten(1).sum(1) for one in self.parameters.values() if one.dim() >= 3]
        return 0.5 * self.decay * torch.stack(squares).sum(0)

    def weights(self) -> dict[str, Tensor]:
        """Copies of the parameters that are weights (L, …)."""
        return {name: one.detach().clone() for name, one in self.parameters.items() if one.dim() >= 3}

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        flat = F.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="none")
        return flat.view(outputs.shape[:2]).mean(1)

    def _next(self, lane: int, count: int, batch: int) -> np.ndarray:
        if len(self._left[lane]) < batch:
            self._left[lane] = self._draws[lane].permutation(count)
        taken, self._left[lane] = self._left[lane][:batch], self._left[lane][batch:]
        return taken

    @torch.no_grad()
    def _step(self, gradients: Sequence[Tensor]) -> None:
        self.done += 1
        for (name, p), g in zip(self.parameters.items(), gradients):
            shape = (-1, *[1] * (p.dim() - 1))
            lr = self.lr.view(shape)
            if p.dim() >= 3 and bool((self.decay > 0).any()):
                g = g + self.decay.view(shape) * p
            if self.kind == "adam":
                m = self.first[name].lerp_(g, 1 - self.momentum)
                v = self.second[name].mul_(0.999).addcmul_(g, g, value=0.001)
                root = (v / (1 - 0.999**self.done)).sqrt_().add_(1e-8)
                p.sub_(lr * (m / (1 - self.momentum**self.done)) / root)
            else:
                m = self.first[name].mul_(self.momentum).add_(g) if self.momentum else g
                p.sub_(lr * m)


def _array(values: list[Tensor]) -> np.ndarray:
    return torch.stack(values).double().numpy() if values else np.empty((0, 0))


def generator(seed: int) -> torch.Generator:
    """Random numbers of a seed."""
    return torch.Generator().manual_seed(1_000_003 * seed + 17)
