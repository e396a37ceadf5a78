"""A finding: something wrong, on what evidence, and what may cure it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .shown import Shown

Severity = Literal["info", "warning", "error"]
Stage = Literal["symptom", "suspect", "confirmed"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")


@dataclass(frozen=True)
class Evidence:
    """One reading that a finding rests on, beside what was to be expected.

    `what` and `where` name a series of the run, so that every view can draw it;
    `limit` is the number to draw into it, where there is one.
    """

    what: str
    where: str | None = None
    step: int | None = None
    value: float | str | None = None
    expected: str | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Remedy:
    """A named edit that may cure a finding, with the source change in words.

    `edit` uses a recipe's field names ({"lr": "*0.1"}); None where no host can apply it live.
    `code` is the line or lines a user would write.
    """

    title: str
    edit: Mapping[str, Any] | None = None
    code: str | None = None


@dataclass(frozen=True)
class Finding(Shown):
    """Something wrong.

    Attributes:
        id: the public, stable name of the disease, such as "learning-rate-too-high".
        severity: "error" makes the run useless, "warning" harms it, "info" is good to know.
        stage: "symptom" is measured, "suspect" explains symptoms, "confirmed" was separated
            from its look-alikes by an exact event, a closed form, a probe or a forked run.
        confidence: 0..1, how sure it is that this is a root cause here.
        where: layer or parameter, by PyTorch's own name.
        source: "file:line" of the user's code, where known.
        explains: ids of findings that this one is the cause of.
        explained_by: id of the finding that is the cause of this one (set by the doctor).
        run: the run that it was found in, so that it can be shown with its readings; goes no further than this process.
    """

    id: str
    message: str
    severity: Severity = "warning"
    stage: Stage = "symptom"
    confidence: float = 0.5
    step: int = 0
    where: str | None = None
    source: str | None = None
    evidence: Sequence[Evidence] = ()
    remedies: Sequence[Remedy] = ()
    explains: Sequence[str] = ()
    explained_by: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    run: Any = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        """In a line; `str` tells it in a few.

        >>> Finding("dead-relu", "relu1: 92 % of the units are dead.", where="relu1", step=20)
        <Finding dead-relu of relu1: warning, symptom, 50 % sure, step 20>
        """
        where, sure = f" of {self.where}" if self.where else "", f"{100 * self.confidence:.0f} % sure"
        return f"<Finding {self.id}{where}: {self.severity}, {self.stage}, {sure}, step {self.step}>"

    def __str__(self) -> str:
        """The finding, its message, and what may cure it, a line each."""
        cures = "".join(f"\n  → {one.title}{f': {one.code}' * bool(one.code)}" for one in self.remedies)
        return f"{repr(self)[9:-1]}\n  {self.message}{cures}"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "run": None}

    def to_dict(self) -> dict[str, Any]:
        """The public JSON form (schema 1)."""
        return {
            "id": self.id,
            "severity": self.severity,
            "stage": self.stage,
            "confidence": round(self.confidence, 3),
            "step": self.step,
            "where": self.where,
            "source": self.source,
            "message": self.message,
            "evidence": [
                {"what": one.what, "where": one.where, "step": one.step, "value": one.value,
                 "expected": one.expected, "limit": one.limit}
                for one in self.evidence
            ],
            "explained_by": self.explained_by,
            "remedies": [
                {"title": one.title, "edit": dict(one.edit) if one.edit is not None else None, "code": one.code}
                for one in self.remedies
            ],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """The inverse of `to_dict`."""
        plain = dict(values)
        plain["evidence"] = tuple(Evidence(**one) for one in plain.get("evidence", ()))
        plain["remedies"] = tuple(Remedy(**one) for one in plain.get("remedies", ()))
        return cls(**plain)

    def edit(self, **changes: Any) -> Finding:
        """A changed copy."""
        return replace(self, **changes)
