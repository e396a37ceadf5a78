"""The whole network as it is saved: preprocessing, the trained network, the targets' scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CENTRING = ("center", "mean-image", "channel-mean")
"""Preprocessings that leave the input's scale as it was."""


class Network(nn.Module):
    """From raw examples (N, *shape) to scores (N, K) or, for a regression, targets (N,).

    Everything it needs at test time lies in its `state_dict`.

    Attributes:
        preprocess: the fitted first layer.
        unit: one number that centred images are divided by, the rms of all training pixels, so that a
            learning rate means the same for bytes as for floats; 1 for everything else.
        network: what is trained.
        target_mean, target_std: of the training targets of a regression; the network itself learns
            targets of mean 0 and standard deviation 1.
    """

    unit: Tensor
    target_mean: Tensor
    target_std: Tensor

    def __init__(self, preprocess: nn.Module, network: nn.Module, *, regression: bool) -> None:
        super().__init__()
        self.preprocess, self.network, self.regression = preprocess, network, regression
        self.register_buffer("unit", torch.ones(()))
        if regression:
            self.register_buffer("target_mean", torch.zeros(()))
            self.register_buffer("target_std", torch.ones(()))

    def inputs(self, x: Tensor) -> Tensor:
        """Raw examples as the trained part gets them."""
        return self.preprocess(x) / self.unit

    def forward(self, x: Tensor) -> Tensor:
        outputs = self.network(self.inputs(x))
        return outputs.squeeze(1) * self.target_std + self.target_mean if self.regression else outputs
