"""Batches as the model gets them: scale, features, and whether examples come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..probes import Probe
from ..probes._moments import moments
from ..record.run import Key
from .guard import Guard
from .layers import is_plain, sampled
from .transfer import Transfer

EXAMPLES = 512
MOST_FEATURES = 1 << 16
MOST_HASHED = 1 << 22
KEPT = 200_000
MERGE = 4096
_MASK = (1 << 52) - 1

Put = Callable[[Key, float], None]


@dataclass(eq=False)
class Moments:
    """Mean and variance of features over many batches, merged on the device (Chan et al. 1979)."""

    count: int = 0
    mean: Tensor | None = None
    squares: Tensor | None = None
    first: Tensor | None = None
    varies: Tensor | None = None

    def add(self, x: Tensor) -> None:
        """One more batch, (N, D)."""
        n = len(x)
        mean, var = moments(x, (0,))
        if self.mean is None or self.mean.shape != mean.shape:
            self.count, self.mean, self.squares = n, mean, var * n
            self.first, self.varies = x[0].clone(), (x != x[0]).any(0)
            return
        assert self.squares is not None
        assert self.varies is not None
        assert self.first is not None
        both = self.count + n
        shift = mean - self.mean
        self.mean = self.mean + shift * (n / both)
        self.squares = self.squares + var * n + shift.square() * (self.count * n / both)
        self.varies = self.varies | (x != self.first).any(0)
        self.count = both

    @property
    def std(self) -> Tensor:
        assert self.squares is not None
        return (self.squares / max(1, self.count)).sqrt()


@dataclass(eq=False)
class Batches:
    """What goes into the models; examples are known again by a hash of their bytes."""

    transfer: Transfer
    probes: list[Probe]
    guard: Guard
    trained: dict[str, Moments] = field(default_factory=dict)
    _sorted: np.ndarray = field(default_factory=lambda: np.empty(0))
    _recent: set[float] = field(default_factory=set)
    _previous: set[float] | None = None
    _current: set[float] = field(default_factory=set)
    _keys: dict[tuple[int, torch.device], Tensor] = field(default_factory=dict)

    def measure(self, where: str, x: Tensor, put: Put, features: bool = True) -> None:
        """One input of a training forward, at an observed step; without `features` only which examples are in it."""
        if not x.numel() or x.ndim < 1:
            return
        put(("batch.size", where), float(len(x)))
        if features and x.is_floating_point() and x.ndim >= 2:
            few = sampled(x)
            for one in self.probes:
                if one.site == "batch":
                    values = self.guard(one.name, one, few)
                    if values is not None:
                        self._send(one, values, where, put)
            self._constant(where, few, put)
        if features and x.ndim == (3 if x.is_floating_point() else 2) and x.dtype != torch.bool and x.shape[1] >= 4:
            self.transfer.add(padding(x), lambda values: put(("batch.padding", where), values[0]))
        if where == "0" or where.endswith("/0"):
            code = self.hashes(x)
            if code is not None:
                self.transfer.add(code, lambda values: self._seen(values, where, put))

    def _send(self, one: Probe, values: Tensor, where: str, put: Put) -> None:
        def receive(numbers: list[float]) -> None:
            for what, value in zip(one.gives, numbers, strict=True):
                if value == value:
                    put((what, where), value)

        self.transfer.add(values, receive)

    def _constant(self, where: str, x: Tensor, put: Put) -> None:
        flat = features(x)
        if flat is None:
            return
        moments = self.trained.setdefault(where, Moments())
        if moments.count < 1 << 20:
            moments.add(flat)
        if moments.count >= EXAMPLES and moments.varies is not None:
            share = 1 - moments.varies.float().mean()
            self.transfer.add(share, lambda values: put(("batch.constant_features", where), values[0]))

    # examples known again

    def hashes(self, x: Tensor) -> Tensor | None:
        """(N,) 52-bit hashes of examples, as float64: sums of their bytes times fixed numbers, exact in any order."""
        if not is_plain(x) or x.ndim < 1 or not len(x) or not x.numel():
            return None
        x = x.detach()
        if x.is_complex():
            x = torch.view_as_real(x)
        flat = x.reshape(len(x), -1)
        if flat.numel() > MOST_HASHED:
            flat = flat[:, :: -(-flat.numel() // MOST_HASHED)]
        flat = flat.contiguous()
        if flat.is_floating_point():
            flat = flat + 0.0  # −0 and 0 are the same value
            flat = flat.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[flat.element_size()])
        key = self._key(flat.shape[1], flat.device)
        code = (flat.to(torch.int64) * key).sum(1)
        return ((code ^ (code >> 17)) & _MASK).double()

    def _key(self, size: int, device: torch.device) -> Tensor:
        key = self._keys.get((size, device))
        if key is None:
            numbers = np.random.Generator(np.random.PCG64(20231)).integers(1, 1 << 62, size, dtype=np.int64) | 1
            key = self._keys[size, device] = torch.from_numpy(numbers).to(device)
            if len(self._keys) > 8:
                self._keys.pop(next(iter(self._keys)))
        return key

    def _seen(self, values: list[float], where: str, put: Put) -> None:
        now = set(values)
        count = len(values)
        put(("batch.repeats_within", where), 1 - len(now) / count)
        if self._previous is not None:
            put(("batch.repeats", where), sum(one in self._previous for one in values) / count)
            put(("batch.seen_before", where), self.known(values) / count)
        self._current |= now

    def end_of_step(self) -> None:
        """An observed step is over: what it showed is the past now."""
        self._previous, self._current = self._current, set()
        if len(self._sorted) + len(self._recent) < KEPT:
            self._recent |= self._previous
        if len(self._recent) > MERGE:
            new = np.fromiter(self._recent, np.float64, len(self._recent))
            self._sorted = np.union1d(self._sorted, new)
            self._recent = set()

    def not_observed(self) -> None:
        """A step went by unseen: nothing is known of the step before the next."""
        self._previous = None

    def known(self, codes: list[float]) -> int:
        """How many of these examples were in a training batch of an observed step before."""
        new = sum(one in self._recent for one in codes)
        rest = np.array([one for one in codes if one not in self._recent])
        if not len(rest) or not len(self._sorted):
            return new
        at = np.minimum(np.searchsorted(self._sorted, rest), len(self._sorted) - 1)
        return new + int((self._sorted[at] == rest).sum())

    @property
    def remembered(self) -> int:
        """How many different training examples are known by their hashes."""
        return len(self._sorted) + len(self._recent)


def padding(x: Tensor) -> Tensor:
    """Share of a batch's positions that are padding, (): one value to the end of rows that end at different places.

    `x` is (N, T) ids or (N, T, F) numbers (padded with zeros); 0 where rows don't end alike, or all at one place (then it is a column of the data).

    Examples:
        >>> padding(torch.tensor([[5, 3, 0, 0], [2, 8, 1, 0], [7, 0, 0, 0]]))
        tensor(0.5000)
        >>> padding(torch.tensor([[5, 3, 1], [2, 8, 7]]))
        tensor(0.)
    """
    same = x == x[:, -1].mode().values if x.ndim == 2 else (x == 0).all(2)
    runs = same.flip(1).cumprod(1).sum(1).float()
    runs = torch.where(runs == x.shape[1], torch.zeros_like(runs), runs)  # an empty row tells nothing
    most = (runs > 0).float().mean() > 0.5
    return torch.where(most & (runs.amax() > runs.amin()), runs.mean() / x.shape[1], torch.zeros_like(runs[0]))


def features(x: Tensor) -> Tensor | None:
    """(rows, D): columns of a table, channels of images; None where there is no such thing."""
    if x.ndim >= 4:
        return x.movedim(1, -1).reshape(-1, x.shape[1])
    if x.ndim == 3:
        return x.reshape(-1, x.shape[-1])
    return x if x.ndim == 2 and x.shape[1] <= MOST_FEATURES else None


def inputs_of(args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> list[tuple[str, Tensor]]:
    """(index, tensor) of a model's tensor inputs, at most four; a keyword's name is its index."""
    found = [(str(index), one) for index, one in enumerate(args) if is_plain(one)]
    found += [(name, one) for name, one in (kwargs or {}).items() if is_plain(one)]
    if not found and args and isinstance(args[0], dict):
        found = [(str(name), one) for name, one in args[0].items() if is_plain(one)]
    if found and found[0][0] != "0":  # the first input is called "0", whatever its name
        found[0] = ("0", found[0][1])
    return found[:4]
