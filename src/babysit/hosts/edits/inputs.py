"""What goes into the model and the criterion: scale and shape of inputs and targets.

Statistics are gathered over the training batches as they come (Chan's merging, float64), so that
the first batch is judged by itself, and after some batches by nearly the whole set, in training and
in validation alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from . import field
from .stage import Call, Forward, Stage, original


@dataclass
class _Moments:
    """Mean and variance over the examples seen, one pair a feature (or channel)."""

    count: float = 0.0
    mean: Tensor | None = None
    squares: Tensor | None = None

    def add(self, x: Tensor) -> None:
        x = x.detach().double()
        axes = tuple(axis for axis in range(x.ndim) if axis != (1 if x.ndim in (2, 4) else x.ndim - 1))
        axes = axes if x.ndim > 1 else (0,)
        count = x.numel() / max(1, x.mean(axes).numel())
        mean = x.mean(axes, keepdim=True)
        squares = ((x - mean) ** 2).sum(axes, keepdim=True)
        if self.mean is None or self.squares is None or self.mean.shape != mean.shape:
            self.count, self.mean, self.squares = count, mean, squares
            return
        total = self.count + count
        delta = mean - self.mean
        self.mean = self.mean + delta * (count / total)
        self.squares = self.squares + squares + delta**2 * (self.count * count / total)
        self.count = total

    def scale(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of one column, as scalars."""
        assert self.mean is not None
        assert self.squares is not None
        std = (self.squares / max(1.0, self.count)).sqrt().reshape(())
        return self.mean.reshape(()), torch.where(std > 0, std, torch.ones_like(std))

    def standardize(self, x: Tensor) -> Tensor:
        if self.mean is None or self.squares is None or self.mean.ndim != x.ndim:
            return x
        std = (self.squares / max(1.0, self.count)).sqrt()
        scale = torch.where(std > 1e-8 * std.max().clamp_min(1e-300), std, torch.ones_like(std))
        return ((x - self.mean.to(x.device)) / scale.to(x.device)).to(x.dtype)


@field("preprocess")
def preprocess(stage: Stage, value: Any) -> None:
    """Floating-point inputs are standardized per feature (channel for images) by the training batches."""
    moments: dict[tuple[int, int], _Moments] = {}

    def standardize(forward: Forward) -> None:
        inputs = list(forward.inputs)
        for index, x in enumerate(inputs):
            if isinstance(x, Tensor) and x.is_floating_point() and x.ndim >= 2 and not x.requires_grad:
                own = moments.setdefault((id(forward.model), index), _Moments())
                if forward.training:
                    own.add(torch.where(torch.isfinite(x), x, torch.zeros_like(x)))
                inputs[index] = own.standardize(x)
                stage.did()
        forward.inputs = tuple(inputs)

    stage.before_forward(standardize)


@field("val_preprocess")
def val_preprocess(stage: Stage, value: Any) -> None:
    """Validation inputs are shifted and scaled to the moments of the training inputs ("as_train")."""
    train: dict[tuple[int, int], _Moments] = {}
    val: dict[tuple[int, int], _Moments] = {}

    def match(forward: Forward) -> None:
        inputs = list(forward.inputs)
        for index, x in enumerate(inputs):
            if not (isinstance(x, Tensor) and x.is_floating_point() and x.ndim >= 2):
                continue
            place = (id(forward.model), index)
            seen = train.setdefault(place, _Moments())
            if forward.training:
                seen.add(x)
            elif seen.mean is not None and seen.squares is not None:
                other = val.setdefault(place, _Moments())
                other.add(x)
                std = (seen.squares / max(1.0, seen.count)).sqrt()
                inputs[index] = (other.standardize(x) * std + seen.mean).to(x.dtype)
                stage.did()
        forward.inputs = tuple(inputs)

    stage.before_forward(match)


@field("target_scale")
def target_scale(stage: Stage, value: Any) -> None:
    """Regression is learned in standardized units, by the training targets seen so far.

    The model still answers in the targets' own units, in training and afterwards: its output is scaled back,
    and only the gradient is that of both standardized. The loss that the program reads stays in its units.
    """
    moments = _Moments()
    used: list[tuple[Tensor, Tensor]] = []  # mean and std that the newest output was scaled back with

    def scale_back(model: Any, output: Tensor) -> Tensor:
        used.clear()
        if moments.mean is None or not output.is_floating_point():
            return output
        used.append(moments.scale())
        mean, std = used[0]
        return (output * std + mean).to(output.dtype)

    def standardize(call: Call) -> None:
        if call.name not in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
            return
        if not call.target.is_floating_point():
            return
        seen = call.target
        if call.training:
            with torch.no_grad():
                call.shown = original(call.name)(call.output, seen, *call.arguments, **call.options)
        if call.training and not used:  # the first batch: its output was still in the network's own units
            moments.add(seen.reshape(-1, 1))
            mean, std = moments.scale()
            call.target = ((seen - mean) / std).to(seen.dtype)
        elif used and call.training:
            mean, std = used[0]
            call.output = ((call.output - mean) / std).to(call.output.dtype)
            call.target = ((seen - mean) / std).to(seen.dtype)
            moments.add(seen.reshape(-1, 1))
        stage.did()

    stage.on_output(scale_back)
    stage.on_criterion(standardize)


@field("drop_nonfinite")
def drop_nonfinite(stage: Stage, value: Any) -> None:
    """Examples with NaN or infinity count for nothing: their inputs are zeroed and their losses left out."""
    bad: list[Tensor] = []

    def find(forward: Forward) -> None:
        bad.clear()
        inputs = list(forward.inputs)
        for index, x in enumerate(inputs):
            if isinstance(x, Tensor) and x.is_floating_point() and x.ndim >= 2:
                broken = ~torch.isfinite(x).flatten(1).all(1)
                if broken.any():
                    inputs[index] = torch.where(torch.isfinite(x), x, torch.zeros_like(x))
                    bad.append(broken)
                    stage.did()
        forward.inputs = tuple(inputs)

    def leave_out(call: Call) -> None:
        keep = torch.ones(call.output.shape[:1], dtype=torch.bool, device=call.output.device)
        for broken in bad:
            if broken.shape == keep.shape:
                keep &= ~broken
        if call.target.is_floating_point() and call.target.shape[:1] == keep.shape:
            keep &= torch.isfinite(call.target).reshape(len(keep), -1).all(1)
        if not keep.all() and keep.any() and call.target.shape[:1] == keep.shape:
            call.output, call.target = call.output[keep], call.target[keep]
            stage.did()

    stage.before_forward(find)
    stage.on_criterion(leave_out)
