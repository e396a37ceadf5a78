"""The criteria of the trainer for many lanes at once: value and gradient, written out, one smoothing per lane."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class Targets:
    """Targets of some examples, for all lanes: y (G, n) by group, `of` (L,) the group of each lane.

    Args:
        loss: "cross_entropy", "hinge" or "mse".
        smoothing: (L,) label smoothing of each lane.
    """

    def __init__(self, loss: str, y: Tensor, of: Tensor, smoothing: Tensor, classes: int) -> None:
        self.loss, self.count = loss, y.shape[1]
        one = len(y) == 1
        if loss == "mse":
            self.y = y.unsqueeze(1) if one else y.unsqueeze(1)[of]
            return
        hot = F.one_hot(y, classes).float().transpose(1, 2).contiguous()
        self.hot = hot if one else hot[of]
        self.weights = self.hot
        if loss == "cross_entropy" and bool((smoothing > 0).any()):
            part = smoothing.view(-1, 1, 1)
            self.weights = self.hot * (1 - part) + part / classes
        self.ids = y if one else y[of]

    def part(self, where: slice) -> Targets:
        """The targets of some of the examples."""
        found = object.__new__(Targets)
        found.loss = self.loss
        if self.loss == "mse":
            found.y = self.y[..., where]
            found.count = found.y.shape[-1]
            return found
        found.hot, found.ids = self.hot[..., where], self.ids[..., where]
        found.weights = found.hot if self.weights is self.hot else self.weights[..., where]
        found.count = found.ids.shape[-1]
        return found

    def value(self, outputs: Tensor) -> Tensor:
        """Mean loss of each lane (L,) from outputs (L, K, n)."""
        if self.loss == "mse":
            return (outputs - self.y).square_().mean((1, 2))
        if self.loss == "hinge":
            return self._margins(outputs).sum((1, 2)) / self.count
        return -(torch.log_softmax(outputs, 1) * self.weights).sum((1, 2)) / self.count

    def both(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss of each lane (L,), and its gradient (L, K, n); the outputs may be written over."""
        if self.loss == "mse":
            difference = outputs.sub_(self.y)
            return difference.square().mean((1, 2)), difference.mul_(2 / self.count)
        if self.loss == "hinge":
            margins = self._margins(outputs)
            gradient = (margins > 0).float()
            gradient -= gradient.sum(1, keepdim=True) * self.hot
            return margins.sum((1, 2)) / self.count, gradient.div_(self.count)
        logs = torch.log_softmax(outputs, 1)
        value = torch.mul(logs, self.weights, out=outputs).sum((1, 2)).div_(-self.count)
        return value, logs.exp_().sub_(self.weights).div_(self.count)

    def right(self, outputs: Tensor) -> Tensor:
        """How many are right (L,); for mse the residual sum of squares, float64."""
        if self.loss == "mse":
            return (outputs.double() - self.y).square().sum((1, 2))
        return (outputs.max(1).indices == self.ids).sum(1)  # the first of equals, as argmax, in a tenth of its time

    def _margins(self, outputs: Tensor) -> Tensor:
        own = (outputs * self.hot).sum(1, keepdim=True)
        return (outputs - own + 1).clamp_(min=0) * (1 - self.hot)
