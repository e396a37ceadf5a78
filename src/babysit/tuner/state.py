"""Where a trial stands between two rungs: plain tensors and numbers, the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

SLOTS: dict[str, tuple[str, ...]] = {
    "sgd": (), "momentum": ("m",), "nesterov": ("m",), "rmsprop": ("v", "m"), "adagrad": ("v",),
    "adam": ("m", "v"), "adamw": ("m", "v"),
}  # fmt: skip
"""What each update rule keeps of a parameter: a running mean (m), a running square (v)."""
NAMES = {
    "momentum": {"m": "momentum_buffer"}, "nesterov": {"m": "momentum_buffer"}, "sgd": {},
    "rmsprop": {"v": "square_avg", "m": "momentum_buffer"}, "adagrad": {"v": "sum"},
    "adam": {"m": "exp_avg", "v": "exp_avg_sq"}, "adamw": {"m": "exp_avg", "v": "exp_avg_sq"},
}  # fmt: skip
"""PyTorch's names for them."""


@dataclass
class State:
    """One lane.

    Attributes:
        epoch: passes that are over; `step` the optimizer steps.
        tensors: "p.NAME" parameters, "m.NAME" and "v.NAME" of the update rule, "b.NAME" buffers.
        plateau: (factor, best, stale) of schedule=plateau.
    """

    epoch: int
    step: int
    tensors: dict[str, Tensor]
    costs: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    first: float = float("nan")
    plateau: tuple[float, float, int] = (1.0, float("-inf"), 0)
