"""Validation passes: forwards that nothing is learned from, from one training step to the next."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..record.run import Key
from . import confusion
from .batches import Batches, Moments, features
from .criteria import Called, Criterion
from .layers import is_plain, sampled
from .targets import score_rows, total_score
from .transfer import Transfer

LOOKED_AT = 8
HASHED = 20_000
TRAINED_ON, NEW = 0.2, 0.02
"""Share of a forward's examples known from training above which they are the training set's, and below which they are new."""

Put = Callable[[Key, float], None]
_Part = tuple[int, bool]
"""A criterion, and whether of examples that were trained on."""


@dataclass(eq=False)
class _Score:
    """One criterion over one pass."""

    values: list[tuple[Tensor, int]] = field(default_factory=list)
    rows: list[Tensor] = field(default_factory=list)
    table: Tensor | None = None  # (3, K, K) labels against answers (`confusion.counts`)
    total: bool = False  # values are sums over the batch

    def add(self, other: _Score) -> None:
        """Another part of the same pass."""
        self.values += other.values
        self.rows += other.rows
        self.total = self.total or other.total
        same = self.table is not None and other.table is not None and self.table.shape == other.table.shape
        self.table = self.table + other.table if same else self.table if other.table is None else other.table  # type: ignore[operator]


@dataclass(eq=False)
class Validation:
    """Gathers one pass; `end` turns it into readings."""

    batches: Batches
    transfer: Transfer
    running: bool = False
    source: str | None = None
    forwards: int = 0
    examples: int = 0
    modal: list[tuple[int, int]] = field(default_factory=list)  # (in training mode, all) of a forward's modal modules
    grad: bool = False
    scores: dict[_Part, tuple[Criterion, _Score]] = field(default_factory=dict)
    moments: Moments = field(default_factory=Moments)
    codes: list[Tensor] = field(default_factory=list)
    hashed: int = 0
    counters: list[tuple[nn.Module, Tensor]] = field(default_factory=list)
    where: str = "0"
    newest: int = 0  # examples in the newest forward
    known: list[tuple[float, int]] = field(default_factory=list)  # of each forward: share that was trained on, examples

    def begin(self, source: str | None) -> None:
        """A pass begins."""
        self.running, self.source = True, source
        self.forwards = self.examples = self.hashed = 0
        self.modal, self.codes, self.counters = [], [], []
        self.grad = False
        self.scores, self.moments, self.known = {}, Moments(), []

    def forward(
        self, module: nn.Module, inputs: list[tuple[str, Tensor]], grad: bool, modal: tuple[int, int] | None = None
    ) -> None:
        """A forward of a model that is trained, in this pass; `modal` where its modes were looked at before."""
        self.forwards += 1
        self.grad = self.grad or grad
        if inputs and inputs[0][1].ndim:
            self.newest = len(inputs[0][1])
            self.examples += self.newest
        if self.forwards <= LOOKED_AT:
            self.modal.append(modes(module) if modal is None else modal)
            if self.forwards == 1 and modal is None:
                self.counters = [(one, one.num_batches_tracked.clone()) for one in running_norms(module)]
        if inputs:
            self._batch(inputs[0][0], inputs[0][1])

    def _batch(self, where: str, x: Tensor) -> None:
        self.where = where
        if self.hashed < HASHED:
            code = self.batches.hashes(x)
            if code is not None:
                self.codes.append(code)
                self.hashed += len(code)
                if code.is_cpu and self.batches.remembered:
                    self.known.append((self.batches.known(code.tolist()) / len(code), len(code)))
        if self.forwards <= LOOKED_AT and x.is_floating_point() and x.numel() and x.ndim >= 2:
            flat = features(sampled(x.detach()))
            if flat is not None:
                self.moments.add(flat)

    def criterion(self, one: Criterion, call: Called) -> None:
        """A criterion computed in this pass."""
        trained_on = bool(self.known) and self.known[-1][0] > TRAINED_ON
        _, score = self.scores.setdefault((one.index, trained_on), (one, _Score()))
        count = max(1, len(call.output)) if call.output.ndim else 1
        if call.value.numel() == 1:
            score.values.append((call.value.detach(), count))
            score.total = call.options.get("reduction") == "sum"
        elif call.value.numel():
            score.values.append((call.value.detach().float().mean(), count))
        if call.target is not None and is_plain(call.output):
            rows = score_rows(call.name, call.output.detach(), call.target.detach(), call.options)
            if rows is not None:
                score.rows.append(rows)
            if len(call.output) == self.newest:  # an answer for each example
                table = confusion.counts(call.name, call.output.detach(), call.target.detach(), call.options)
                if table is not None:
                    same = score.table is not None and score.table.shape == table.shape
                    score.table = score.table + table if same else table  # type: ignore[operator]

    def end(self, put: Put) -> None:
        """The pass is over: its readings."""
        self.running = False
        if self.modal and sum(all_of for _, all_of in self.modal):
            put(("mode.val", ""), sum(on for on, _ in self.modal) / sum(all_of for _, all_of in self.modal))
        if self.forwards:
            put(("mode.grad_val", ""), float(self.grad))
        both = self._both_sets()
        merged: dict[int, tuple[Criterion, _Score]] = {}
        for (index, trained_on), (one, score) in self.scores.items():
            if not (both and trained_on):
                merged.setdefault(index, (one, _Score()))[1].add(score)
        for one, score in merged.values():
            self._score(one, score, put)
        self._inputs(put, both)
        if self.counters:
            moved = torch.stack([(one.num_batches_tracked != old).any() for one, old in self.counters]).any().double()
            self.transfer.add(moved, lambda values: put(("norm.moved_in_val", ""), values[0]))
        self.scores, self.codes, self.counters, self.moments = {}, [], [], Moments()

    def _both_sets(self) -> bool:
        """Is it two passes in one: over the training set itself, and over examples that were not trained on?

        The one comes whole before or after the other, and has all examples that were trained on: some of them are a leak.
        """
        marks = [share > TRAINED_ON for share, _ in self.known]
        between = any(NEW < share <= TRAINED_ON for share, _ in self.known)
        turns = sum(a != b for a, b in itertools.pairwise(marks))
        own = sum(count for share, count in self.known if share > TRAINED_ON)
        whole = own >= 0.9 * self.batches.remembered
        return len(marks) == len(self.codes) and turns == 1 and not between and whole

    def _score(self, one: Criterion, score: _Score, put: Put) -> None:
        where = one.where
        if score.values:
            values = torch.stack([value.double().reshape(()) for value, _ in score.values])
            if score.total and one.facts.get("reduction") == "sum":
                mean = values.mean()
            elif score.total:  # sums here, means in training: what an example costs
                mean = values.sum() / sum(count for _, count in score.values)
            else:
                weights = values.new_tensor([count for _, count in score.values])
                mean = (values * weights).sum() / weights.sum()
            self.transfer.add(mean, lambda numbers: put(("loss.val", where), numbers[0]))
        if score.rows:
            width = len(score.rows[0])

            def receive(numbers: list[float]) -> None:
                name, value = total_score([tuple(numbers)])
                if name and len(numbers) == width:
                    put((f"{name}.val", where), value)

            self.transfer.add(torch.stack(score.rows).sum(0), receive)
        if score.table is not None:
            both = torch.cat([confusion.readings(score.table[0]), confusion.poured(score.table)])
            self.transfer.add(both, lambda numbers: _put_known(numbers, where, put))

    def _inputs(self, put: Put, both: bool) -> None:
        own, train = self.moments, self.batches.trained.get(self.where)
        if train is not None and train.count and own.count and own.mean is not None and train.mean is not None:
            if own.mean.shape == train.mean.shape:
                self._shift(own, train, put)
        if self.codes:
            codes = self.codes
            if both:
                codes = [code for code, (share, _) in zip(codes, self.known, strict=True) if share <= TRAINED_ON]
            known = (
                [row for row in self.known if not (both and row[0] > TRAINED_ON)]
                if len(self.known) == len(self.codes)
                else []
            )
            self.transfer.add(torch.cat(codes), lambda numbers: self._overlap(numbers, known, put))

    def _shift(self, own: Moments, train: Moments, put: Put) -> None:
        assert own.mean is not None
        assert train.mean is not None
        std = train.std
        floor = 1e-6 * (std.amax() + train.mean.abs().amax()).clamp_min(1e-30)
        shift = (own.mean - train.mean).abs() / std.clamp_min(floor)
        shift = torch.where(std > floor, shift, torch.zeros_like(shift)).amax()
        scale = own.std.square().mean().sqrt() / std.square().mean().sqrt().clamp_min(1e-30)
        values = torch.stack([own.mean.mean(), own.std.mean(), shift, scale])
        names = ("batch_val.mean", "batch_val.std", "batch_val.shift", "batch_val.scale")
        where = self.where

        def receive(numbers: list[float]) -> None:
            for name, value in zip(names, numbers, strict=True):
                put((name, where), value)

        self.transfer.add(values, receive)

    def _overlap(self, numbers: list[float], known: list[tuple[float, int]], put: Put) -> None:
        put(("batch_val.repeats", self.where), 1 - len(set(numbers)) / len(numbers))
        if self.batches.remembered:
            found = sum(share * count for share, count in known) if known else self.batches.known(numbers)
            put(("batch_val.overlap", self.where), found / len(numbers))


def _put_known(numbers: list[float], where: str, put: Put) -> None:
    for what, value in zip((*confusion.READINGS, *confusion.POURED), numbers, strict=True):
        if math.isfinite(value):
            put((what, where), value)


def modes(module: nn.Module) -> tuple[int, int]:
    """(how many of the mode-dependent modules are in training mode, how many there are)."""
    own = [one for one in module.modules() if is_modal(one)]
    return sum(one.training for one in own), len(own)


def is_modal(module: nn.Module) -> bool:
    """Does it behave differently in training and evaluation?"""
    name = type(module).__name__.lower()
    if "dropout" in name or "droppath" in name:
        return getattr(module, "p", 1.0) != 0
    if module._buffers.get("running_mean") is not None:  # as an attribute, what isn't there costs a microsecond
        return True
    return isinstance(module, nn.RNNBase | nn.MultiheadAttention) and bool(module.dropout)


def running_norms(module: nn.Module) -> list[Any]:
    """Modules that count the batches their running statistics were made of."""
    return [one for one in module.modules() if isinstance(getattr(one, "num_batches_tracked", None), Tensor)]
