"""What a page draws and no rule reads: histograms over time, and a first layer's weights as images. Now and then only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..probes._pictures import histogram, images
from .layers import is_plain
from .models import Parameter
from .order import spread
from .transfer import Transfer

LAYERS = 4
"""Of so many layers, spread through depth; of three times as many where watching may cost what it likes."""
PIXELS = 16_384

Add = Callable[[int, str, str, np.ndarray], None]


@dataclass(eq=False)
class Frames:
    """Takes frames at steps 1, 9, 17 … and then each a third further on: about 25 in ten thousand steps."""

    transfer: Transfer
    add: Add
    layers: int = LAYERS
    shape: tuple[int, ...] | None = None  # of one example, where the main model takes images
    _next: int = 1
    _pictured: int = 1
    _names: frozenset[str] | None = None  # of the modules whose outputs are taken
    _sites: tuple[str, ...] = ()

    def due(self, step: int) -> bool:
        """Is a frame taken at this step?"""
        return step >= self._next

    def batch(self, x: Tensor) -> None:
        """The main model's first input."""
        if self.shape is None and is_plain(x):
            self.shape = tuple(x.shape[1:]) if x.ndim == 4 else ()

    def output(self, step: int, where: str, x: Tensor) -> None:
        """A layer's output at a step that is due, a sample of it."""
        if self._names is None:
            self._sites = (*self._sites, where)
        elif where in self._names:
            self._send(step, "activation.histogram", where, histogram(x))

    def parameters(self, step: int, chosen: Sequence[tuple[Parameter, Tensor]]) -> None:
        """What the main optimizer holds, just after the step that ends the frame."""
        self._next = step + max(8, step // 3)
        if self._names is None and self._sites:  # known from the first frame on, which has no outputs therefore
            self._names = frozenset(spread(list(dict.fromkeys(self._sites)), self.layers))
        weights = [(entry, value) for entry, value in chosen if value.ndim >= 2 and is_plain(value)]
        for entry, value in spread(weights, self.layers):
            self._send(step, "weight.histogram", entry.where, histogram(value))
            if value.grad is not None and is_plain(value.grad):
                self._send(step, "gradient.histogram", entry.where, histogram(value.grad))
        if weights and self.shape and step >= self._pictured:
            self._pictured = 2 * step
            self._images(step, *weights[0])

    def _images(self, step: int, entry: Parameter, value: Tensor) -> None:
        per_unit = max(1, value[:1].numel())
        seen = images(value[: max(1, PIXELS // per_unit)], self.shape)
        if seen is not None:
            self._send(step, "weight.images", entry.where, seen)

    def _send(self, step: int, what: str, where: str, values: Tensor) -> None:
        shape = tuple(values.shape)

        def receive(numbers: list[float]) -> None:
            self.add(step, what, where, np.array(numbers, np.float32).reshape(shape))

        self.transfer.add(values.to(torch.float32), receive)
