"""What a policy's training is for, in the script's own words: variables that are called rewards, or costs.

Numbers alone can't tell: to make a cost small is the same as to make a reward small. The names can, and the values of what they
name say whether it gets better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .layers import is_plain
from .source import Sources

GAIN = frozenset(("reward", "rewards", "rew", "rews", "return", "returns", "ret", "rets"))
BETTER = frozenset(("advantage", "advantages", "adv", "advs", "gae"))
COST = frozenset(
    ("cost", "costs", "energy", "energies", "tour", "tours", "makespan", "regret", "delay", "latency", "elbo")
)
FRAMES, NAMES, MOST = 6, 4, 1 << 20
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Gains:
    """The words and the values around a backward."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._words: dict[CodeType, tuple[bool, bool]] = {}

    def words(self, frame: FrameType | None) -> tuple[bool, bool]:
        """(is something called a reward, is something called a cost) in the functions of the script that run."""
        gain = cost = False
        for one in self._frames(frame):
            code = one.f_code
            if code not in self._words:
                named = {
                    word for name in (*code.co_names, *code.co_varnames, *code.co_freevars) for word in words(name)
                }
                self._words[code] = bool(named & GAIN), bool(named & COST)
            gain, cost = gain or self._words[code][0], cost or self._words[code][1]
        return gain, cost

    def values(self, frame: FrameType | None, called: frozenset[str]) -> dict[str, Tensor]:
        """Variables that are called so and hold numbers: (N,), by name."""
        found: dict[str, Tensor] = {}
        for one in self._frames(frame):
            own = one.f_locals.get("self")
            for name, value in [*one.f_locals.items(), *(vars(own).items() if hasattr(own, "__dict__") else ())]:
                if len(found) < NAMES and name not in found and words(name) & called:
                    flat = numbers(value)
                    if flat is not None:
                        found[name] = flat
        return found

    def _frames(self, frame: FrameType | None) -> Iterator[FrameType]:
        count = 0
        while frame is not None and count < FRAMES:
            if self.sources.is_users(frame.f_code) and "site-packages" not in frame.f_code.co_filename:
                count += 1
                yield frame
            frame = frame.f_back


def words(name: str) -> set[str]:
    """The words that a variable's name is made of.

    Examples:
        >>> sorted(words("batch_rewards")), sorted(words("runningReward")), sorted(words("R"))
        (['batch', 'rewards'], ['reward', 'running'], ['r'])
    """
    return {word.lower() for word in _WORD.findall(name)}


def numbers(value: Any) -> Tensor | None:
    """The numbers of an array, a tensor or a list of them, (N,); None where it isn't one."""
    if isinstance(value, list | tuple) and 0 < len(value) <= 4096:
        if all(isinstance(one, int | float | np.floating) for one in value):
            return torch.tensor([float(one) for one in value])
        if not all(isinstance(one, Tensor) and is_plain(one) for one in value):
            return None
        if len({one.shape for one in value}) != 1 or len({one.device for one in value}) != 1:
            return None
        value = torch.stack([one.detach() for one in value])
    elif isinstance(value, np.ndarray) and value.dtype.kind in "fi":
        value = torch.from_numpy(np.array(value, np.float32))
    if not isinstance(value, Tensor) or not is_plain(value) or not 0 < value.numel() <= MOST or value.requires_grad:
        return None
    return value.detach().reshape(-1).float() if value.is_floating_point() else None


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Of two vectors of one length, (); 0 where one of them is constant."""
    a, b = a.double() - a.double().mean(), b.double() - b.double().mean()
    return (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt().clamp_min(1e-300)
