"""Weights, their gradients as the optimizer sees them, and their real updates: before and after a step.

All at once by `torch._foreach_*`. An update is measured on at most 4,096 elements of a parameter, in evenly
spaced runs of 16, so that watching needs hardly any memory; that a parameter didn't move at all is only said
of every element.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..probes import Probe
from ..record.run import Key
from .guard import Guard
from .models import Models, Parameter
from .order import Held, spread
from .transfer import Transfer

MOST = 64
ELEMENTS = 4096
RUN = 16
"""Elements of a sample that lie side by side: memory is read in lines."""

Put = Callable[[Key, float], None]


@dataclass(eq=False)
class _Before:
    """What is known of one optimizer's parameters before its step."""

    entries: list[Parameter]
    values: list[Tensor]
    samples: list[Tensor]
    versions: list[int]
    whole: list[bool]


@dataclass(eq=False)
class Parameters:
    """Measures what optimizers hold, and trainable parameters that none holds."""

    models: Models
    transfer: Transfer
    probes: list[Probe]
    guard: Guard
    suspects: set[str] = field(default_factory=set)  # not seen to move: all elements are compared next time
    got_gradient: set[str] = field(default_factory=set)
    rare: bool = True
    _befores: dict[int, _Before] = field(default_factory=dict)

    def selected(self, optimizer: Optimizer) -> list[tuple[Parameter, Tensor]]:
        """The parameters to look at: an optimizer's trainable ones, at most 64 spread through depth."""
        found = []
        for group in optimizer.param_groups:
            for value in group["params"]:
                entry = self.models.parameter(value)
                if entry is not None and value.requires_grad and value.is_floating_point() and value.numel():
                    found.append((entry, value))
        return spread(found, MOST)

    def gradients(self, held: Held, optimizer: Optimizer, put: Put) -> None:
        """Read the gradients as the step sees them."""
        everything = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        with_grad = [p for p in everything if p.grad is not None]
        put(("gradient.missing", held.where), 1 - len(with_grad) / max(1, len(everything)))
        chosen = self.selected(optimizer)
        names: dict[int, Parameter] = {}
        for entry, value in chosen:
            if value.grad is None:
                put(("gradient.norm", entry.where), -1.0)
            else:
                names[id(value)] = entry
        totals = _Totals(len(everything), held, put)
        self._measure("gradient", [(names.get(id(p)), _dense(p.grad)) for p in with_grad], put, totals)

    def unheld(self, held_ids: set[int], put: Put) -> None:
        """Gradients of trainable parameters that no optimizer holds: those are never moved by a step."""
        loose = [(e, v) for e, v in self.models.trainable() if id(v) not in held_ids and v.grad is not None]
        loose = spread(loose, MOST)
        self._measure("gradient", [(entry, _dense(value.grad)) for entry, value in loose], put)
        for entry, _ in loose:
            self.got_gradient.add(entry.where)

    def before(self, held: Held, optimizer: Optimizer) -> None:
        """Remember samples of the weights before a step."""
        chosen = self.selected(optimizer)
        whole = [value.numel() <= ELEMENTS or entry.where in self.suspects for entry, value in chosen]
        samples = [_thin(value, full).clone() for (_, value), full in zip(chosen, whole, strict=True)]
        values = [value for _, value in chosen]
        versions = [value._version for value in values]
        self._befores[held.index] = _Before([entry for entry, _ in chosen], values, samples, versions, whole)

    def after(self, held: Held, put: Put) -> None:
        """Read what the step really changed, and the weights."""
        known = self._befores.pop(held.index, None)
        if known is None or not known.entries:
            return
        samples = [_thin(value, full) for value, full in zip(known.values, known.whole, strict=True)]
        rows = list(zip(known.entries, known.values, known.samples, samples, known.versions, known.whole, strict=True))
        for own in _rows_by_device(rows):
            self._updates(own, put)
        chosen = list(zip(known.entries, (value.detach() for value in known.values), strict=True))
        self._measure("weight", chosen, put)

    def _updates(self, rows: list[Any], put: Put) -> None:
        for one in self.probes:
            if one.site == "update":
                values = self.guard(one.name, one, [row[2] for row in rows], [row[3] for row in rows])
                self._receive(one, [row[0] for row in rows], values, put, rows)

    def _measure(
        self, site: str, chosen: list[tuple[Parameter | None, Tensor]], put: Put, totals: _Totals | None = None
    ) -> None:
        if not chosen:
            return
        by_device: dict[torch.device, list[tuple[Parameter | None, Tensor]]] = {}
        for row in chosen:
            by_device.setdefault(row[1].device, []).append(row)
        for own in by_device.values():
            for one in self.probes:
                if one.site == site and (self.rare or not one.rare):
                    values = self.guard(one.name, one, [value for _, value in own])
                    self._receive(one, [entry for entry, _ in own], values, put, totals=totals)

    def _receive(
        self,
        one: Probe,
        entries: list[Parameter | None],
        values: Tensor | None,
        put: Put,
        rows: list[Any] | None = None,
        totals: _Totals | None = None,
    ) -> None:
        if values is None:
            return
        count = len(entries)

        def receive(numbers: list[float]) -> None:
            for reading, what in enumerate(one.gives):
                if totals is not None and what == "gradient.norm":
                    totals.add(numbers[reading * count : (reading + 1) * count])
                for index, entry in enumerate(entries):
                    if entry is None:
                        continue
                    value = numbers[reading * count + index]
                    if what == "update.norm" and rows is not None:  # of a sample
                        value *= (rows[index][1].numel() / max(1, rows[index][2].numel())) ** 0.5
                    if value == value or what in _NAN_TELLS:
                        put((what, entry.where), value)
                    if what == "update.norm" and rows is not None:
                        self._zero(entry, value, rows[index], put)
                    elif what == "gradient.norm":
                        self.got_gradient.add(entry.where)
                    if what in _FINITE:
                        put((_FINITE[what], entry.where), 0.0 if abs(value) != float("inf") and value == value else 1.0)

        self.transfer.add(values, receive)

    def _zero(self, entry: Parameter, norm: float, row: Any, put: Put) -> None:
        """Did nothing change? Sure when every element was compared, or when nothing was written."""
        _, value, _, _, version, whole = row
        if norm != 0:
            put(("update.zero", entry.where), 0.0)
            self.suspects.discard(entry.where)
        elif whole or value._version == version:
            put(("update.zero", entry.where), 1.0)
        else:
            self.suspects.add(entry.where)


@dataclass(eq=False)
class _Totals:
    """What the norms of all gradients of one optimizer come to."""

    count: int
    held: Held
    put: Put
    squares: float = 0.0
    zeros: int = 0

    def add(self, norms: list[float]) -> None:
        """The norms of its gradients on one device."""
        self.squares += sum(norm * norm for norm in norms)
        self.zeros += sum(norm == 0 for norm in norms)
        self.put(("gradient.total", "" if self.held.index == 0 else self.held.where), math.sqrt(self.squares))
        self.put(("gradient.zero", self.held.where), self.zeros / max(1, self.count))


_NAN_TELLS = ("gradient.norm", "weight.norm", "update.norm", "gradient.rms", "weight.rms")
_FINITE = {"weight.norm": "weight.nonfinite", "gradient.norm": "gradient.nonfinite"}


def _dense(grad: Tensor) -> Tensor:
    return grad.detach()._values() if grad.is_sparse else grad.detach()


def _thin(value: Tensor, whole: bool) -> Tensor:
    flat = value.detach()
    if whole or flat.numel() <= ELEMENTS:
        return flat.reshape(-1)
    if not flat.is_contiguous():
        return flat.reshape(-1)[:: -(-flat.numel() // ELEMENTS)]
    runs = flat.numel() // RUN
    apart = -(-runs // (ELEMENTS // RUN)) | 1  # odd: runs don't stand below one another in the columns of a matrix
    return flat.as_strided((-(-runs // apart), RUN), (apart * RUN, 1), flat.storage_offset())


def _rows_by_device(rows: list[Any]) -> list[list[Any]]:
    found: dict[torch.device, list[Any]] = {}
    for row in rows:
        found.setdefault(row[1].device, []).append(row)
    return list(found.values())
