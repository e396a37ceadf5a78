"""What is random in a lane: order and masks, each a pure function of the recipe's seed.

Nothing here knows of neighbours, so a trial is the same alone and among hundreds. Trials of equal seed see
the same batches and the same noise under their masks (common random numbers): their differences are then due to
what was searched and not to luck, and a fleet draws the noise once for all.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Order:
    """The permutations of a seed, epoch by epoch; the trainer's own order for the same seed."""

    def __init__(self, seed: int, count: int) -> None:
        self._generator = torch.Generator().manual_seed((seed * 1_000_003 + 1) % (1 << 63))
        self._count = count
        self._next = 1
        self._kept: dict[int, Tensor] = {}
        self._seed = seed

    def epoch(self, number: int) -> Tensor:
        """The order (N,) of epoch `number`, counted from 1."""
        if number in self._kept:
            return self._kept[number]
        if number < self._next:
            self.__init__(self._seed, self._count)
        while self._next <= number:
            order = torch.randperm(self._count, generator=self._generator)
            self._next += 1
        self._kept = {**{n: o for n, o in self._kept.items() if n >= number - 2}, number: order}
        return order


class Noise:
    """Uniform numbers under the masks: for a seed, epoch and layer, a block per step.

    A unit is dropped where its number is below the lane's rate.
    """

    def __init__(self, seed: int, epoch: int, layer: int, device: torch.device | None = None) -> None:
        self.key = (seed, epoch, layer)
        mixed = (seed * 1_000_003 + 4) % (1 << 40)
        self._generator = torch.Generator().manual_seed((mixed * 1009 + epoch) * 257 + layer)
        self._device = device

    def draw(self, features: int, examples: int) -> Tensor:
        """The next step's numbers (features, examples)."""
        drawn = torch.rand(features, examples, generator=self._generator)
        return drawn if self._device is None else drawn.to(self._device)


class LaneDropout(nn.Module):
    """Dropout whose mask comes from a `Noise`: what `nn.Dropout` is replaced by.

    Attributes:
        rate: a tensor (), so that it may differ by lane under vmap.
        numbers: (features, N) of this step, set before each step in training.
    """

    rate: Tensor
    numbers: Tensor

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.register_buffer("rate", torch.tensor(rate), persistent=False)
        self.register_buffer("numbers", torch.empty(0), persistent=False)
        self.features = 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if not self.features:  # a dry run, to learn the size
            self.features = x[0].numel()
            return x
        kept = (self.numbers.T.reshape(x.shape) >= self.rate).to(x.dtype)
        return x * kept / (1 - self.rate)


def replace_dropout(module: nn.Module, rate: float | None = None) -> list[LaneDropout]:
    """Put a `LaneDropout` in the place of every `nn.Dropout`, in order of registration."""
    found: list[LaneDropout] = []
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Dropout:
                lane = LaneDropout(child.p if rate is None else rate)
                setattr(parent, name, lane)
                found.append(lane)
    return found
