"""Which edits to try, in which order: what the findings propose first, what often helps after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..hosts.edits import fields
from ..record import Finding, Remedy

GENERAL: tuple[Remedy, ...] = (
    Remedy("Lower the learning rate 10 times", {"lr": "*0.1"}),
    Remedy("Raise the learning rate 10 times", {"lr": "*10"}),
    Remedy("Standardize the inputs", {"preprocess": "standardize"}),
    Remedy("Initialize the weights by He", {"init": "he"}),
    Remedy("Clear the gradients before each backward pass", {"zero_grad": True}),
    Remedy("Put batch normalization after each layer", {"norm": "batch"}),
    Remedy("Clip the gradient's norm at the 90th percentile of what was seen", {"clip_norm": "p90"}),
    Remedy("Raise the learning rate 100 times", {"lr": "*100"}),
    Remedy("Lower the learning rate 100 times", {"lr": "*0.01"}),
    Remedy("Use Adam", {"optimizer": "adam", "lr": 1e-3}),
)
"""Tried when nothing is known, or when nothing that was proposed helps."""


@dataclass(frozen=True)
class Candidate:
    """An edit to try, and the finding that it would cure ("" for a general one)."""

    finding: str
    title: str
    edit: Mapping[str, Any]
    code: str | None = None

    @property
    def key(self) -> str:
        """Equal for equal edits."""
        return json.dumps(dict(self.edit), sort_keys=True, default=str)


def candidates(findings: Iterable[Finding]) -> list[Candidate]:
    """The remedies of the findings that can be applied live, root causes first, one for each edit.

    First the first remedy of every finding, then the second ones: a wrong first suspect costs one try.
    """
    known = fields()
    ladders = [
        [
            Candidate(finding.id, remedy.title, remedy.edit, remedy.code)
            for remedy in finding.remedies
            if remedy.edit and all(name in known for name in remedy.edit)
        ]
        for finding in sorted(findings, key=lambda finding: finding.explained_by is not None)
        if finding.severity != "info"
    ]
    return list(_once(_by_turns(ladders)))


def general(tried: Iterable[Candidate]) -> list[Candidate]:
    """What often helps and wasn't tried."""
    seen = {one.key for one in tried}
    rest = [Candidate("", one.title, one.edit or {}, one.code) for one in GENERAL]
    return [one for one in rest if one.key not in seen]


def pairs(best: Candidate, others: Iterable[Candidate], most: int = 3) -> list[Candidate]:
    """The best edit together with each other one that changes something else."""
    found = []
    for other in others:
        if not set(best.edit) & set(other.edit):
            title = f"{best.title}, and {other.title[:1].lower()}{other.title[1:]}"
            code = "\n".join(code for code in (best.code, other.code) if code) or None
            found.append(Candidate(best.finding or other.finding, title, {**best.edit, **other.edit}, code))
    return found[:most]


def _by_turns(ladders: list[list[Candidate]]) -> Iterator[Candidate]:
    for rung in range(max(map(len, ladders), default=0)):
        for ladder in ladders:
            if rung < len(ladder):
                yield ladder[rung]


def _once(found: Iterable[Candidate]) -> Iterator[Candidate]:
    seen: set[str] = set()
    for one in found:
        if one.key not in seen:
            seen.add(one.key)
            yield one
