"""The examples of one fold, as every engine takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..trainer.loop.randomness import seed_for
from ..trainer.prepared import Examples


@dataclass(frozen=True)
class Fold:
    """Examples of one fold, ready for the loop.

    Attributes:
        train, val: in memory as one tensor, or made ready batch by batch.
        changes: the recipe's `augment`.
    """

    train: Examples
    val: Examples
    changes: str = "none"

    @property
    def whole(self) -> bool:
        """Are all examples tensors, the same in every epoch? Only then can many networks share a batch."""
        return isinstance(self.train.x, Tensor) and isinstance(self.val.x, Tensor)

    @property
    def why_not(self) -> str:
        """Why it isn't whole, as a part of a sentence."""
        if self.changes != "none":
            return f"augment={self.changes} changes the images anew for every batch"
        return "the examples are too many to hold them ready in memory"

    @property
    def x(self) -> Tensor:
        """Training inputs (N, …) float32; of a whole fold."""
        assert isinstance(self.train.x, Tensor)
        return self.train.x

    @property
    def val_x(self) -> Tensor:
        """Validation inputs (N, …) float32; of a whole fold."""
        assert isinstance(self.val.x, Tensor)
        return self.val.x

    @property
    def y(self) -> Tensor:
        """Training targets (N,)."""
        return self.train.y

    @property
    def val_y(self) -> Tensor:
        """Validation targets (N,)."""
        return self.val.y

    def first(self, count: int) -> Tensor:
        """Inputs (n, …) of the first so many training examples, never augmented."""
        return self.train.first(torch.arange(min(count, len(self.train))))[0]

    def batches(
        self, order: Tensor, size: int, count: int, *, seed: int, epoch: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The first `count` batches of an order (N,); seed and epoch alone decide how images are changed."""
        noise = torch.Generator().manual_seed((seed_for(seed, "augment") + epoch * 7919) % (1 << 63))
        yield from self.train.batches(order, size, count=count, noise=noise)
