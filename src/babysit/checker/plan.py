"""Which edits to try, in which order: what the findings propose first, pairs after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..hosts.edits import fields
from ..record import Finding, Remedy, Run

CHANGES_THE_LOSS = frozenset(
    ("target_scale", "criterion", "criterion_input", "last_activation", "reduction", "loss_sign", "class_weights",
     "target_shape", "dropout", "penalty", "drop_nonfinite")
)  # fmt: skip
"""Fields after which a loss can't be compared with what it was before."""

GENERAL = frozenset(("lr", "warmup", "clip_norm", "optimizer", "norm"))
"""Fields that calm or speed up a training whatever is wrong with it."""


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
    ordered = sorted(findings, key=lambda finding: finding.explained_by is not None)
    ladders = [
        list(
            _further(
                Candidate(finding.id, remedy.title, remedy.edit, remedy.code)
                for remedy in finding.remedies
                if remedy.edit and all(name in known for name in remedy.edit)
            )
        )
        for finding in serious(ordered)
    ]
    wanted = {
        way
        for ladder, one in zip(ladders, serious(ordered), strict=True)
        if not one.explained_by
        for way in _ways(ladder)
    }
    ladders = [
        [one for one in ladder if root.explained_by is None or len(wanted) != 1 or _ways([one]) <= wanted]
        for ladder, root in zip(ladders, serious(ordered), strict=True)
    ]
    return list(_once(_by_turns(ladders, [one.explained_by is not None for one in serious(ordered)])))


def root_of(name: str, findings: Iterable[Finding]) -> str:
    """The id of the finding that is at the root of the one named so."""
    by_id = {finding.id: finding for finding in findings}
    seen: set[str] = set()
    while name in by_id and name not in seen and (above := by_id[name].explained_by) in by_id:
        seen.add(name)
        name = str(above)
    return name


def serious(findings: Iterable[Finding]) -> list[Finding]:
    """Those that are more than good to know."""
    return [finding for finding in findings if finding.severity != "info"]


def _ways(ladder: Iterable[Candidate]) -> set[bool]:
    """Which ways the learning rate is to go: True up, False down. A symptom may ask for the way its root rules out."""
    steps = [str(one.edit["lr"]) for one in ladder if set(one.edit) == {"lr"} and str(one.edit["lr"]).startswith("*")]
    return {float(step[1:]) > 1 for step in steps}


def _further(ladder: Iterable[Candidate]) -> Iterator[Candidate]:
    """A learning rate that is to fall or rise is tried further down or up too: by how much, no symptom tells."""
    for one in ladder:
        yield one
        step = one.edit.get("lr")
        if len(one.edit) == 1 and step in ("*0.1", "*10"):
            lower = step == "*0.1"
            for factor in (100, 1000):
                yield Candidate(one.finding, *_times(1 / factor if lower else float(factor)))


def further(remedies: Iterable[Remedy], tried: Iterable[Candidate]) -> list[Candidate]:
    """Remedies of no finding in particular that weren't tried."""
    seen = {one.key for one in tried}
    rest = [Candidate("", one.title, one.edit or {}, one.code) for one in remedies]
    return [one for one in _once(iter(rest)) if one.key not in seen]


def comparable(plan: Iterable[Candidate], kind: str) -> list[Candidate]:
    """Those whose scores of this kind can be compared with the unedited program's."""
    return [one for one in plan if kind != "loss" or not set(one.edit) & CHANGES_THE_LOSS]


def settled(plan: Iterable[Candidate], run: Run) -> list[Candidate]:
    """To use Adam, where a program uses it already, is to change its learning rate, and said so; or nothing at all.

    Examples:
        >>> run = Run.of({"lr": [1e-5]}, facts={"optimizers": [{"kind": "Adam"}]})
        >>> settled([Candidate("", "Use Adam", {"optimizer": "adam", "lr": 1e-3})], run)[0].title
        'Raise the learning rate 100 times'
    """
    kinds = {one.get("kind") for one in run.fact("optimizers") or []}
    rates = run.series("lr").values
    if kinds - {"Adam", "AdamW"} or not kinds or not len(rates) or not rates[0] > 0:
        return list(plan)
    return list(_once(one for old in plan for one in _other_rate(old, float(rates.max()))))


def _other_rate(one: Candidate, rate: float) -> Iterator[Candidate]:
    if one.edit.get("optimizer") not in ("adam", "adamw") or set(one.edit) != {"optimizer", "lr"}:
        yield one
        return
    times = float(f"{float(one.edit['lr']) / rate:.2g}")
    if not 0.5 <= times <= 2:
        yield Candidate(one.finding, *_times(times))


def _times(times: float) -> tuple[str, dict[str, Any], str]:
    """Title, edit and line of a learning rate so many times what it was."""
    way, factor = ("Raise", times) if times > 1 else ("Lower", float(f"{1 / times:.2g}"))
    return (
        f"{way} the learning rate {factor:,g} times",
        {"lr": f"*{times:g}"},
        f"for group in optimizer.param_groups: group['lr'] *= {times:g}",
    )


def firsts(findings: Iterable[Finding]) -> list[Candidate]:
    """The first remedy of each root cause: with another fault in the way it may have shown nothing by itself."""
    known = fields()
    return [
        Candidate(one.id, one.remedies[0].title, one.remedies[0].edit, one.remedies[0].code)
        for one in serious(findings)
        if one.explained_by is None
        and one.remedies
        and one.remedies[0].edit
        and set(one.remedies[0].edit) <= set(known)
    ]


def together(roots: Sequence[Candidate], most: int = 3) -> list[Candidate]:
    """The first remedies of the two, and of the three, likeliest root causes at once: of two faults each may hide
    what mending the other does.
    """
    found: list[Candidate] = []
    whole: Candidate | None = None
    for one in roots[:most]:
        if whole is None:
            whole = one
        elif joined := pairs(whole, [one]):
            whole = joined[0]
            found.append(whole)
    return found


def pairs(best: Candidate, others: Iterable[Candidate], most: int = 3) -> list[Candidate]:
    """The best edit together with each other one that changes something else."""
    found = []
    for other in others:
        if not set(best.edit) & set(other.edit):
            title = f"{best.title}, and {other.title[:1].lower()}{other.title[1:]}"
            code = "\n".join(code for code in (best.code, other.code) if code) or None
            found.append(Candidate(best.finding or other.finding, title, {**best.edit, **other.edit}, code))
    return list(_once(iter(found)))[:most]


def _by_turns(ladders: list[list[Candidate]], explained: list[bool]) -> Iterator[Candidate]:
    """Rung by rung; of the causes' first remedies those that mend one thing come before those that help against many:
    where both help, the one thing is the cause.
    """
    for rung in range(max(map(len, ladders), default=0)):
        found = [(why, ladder[rung]) for why, ladder in zip(explained, ladders, strict=True) if rung < len(ladder)]
        yield from (one for _, one in sorted(found, key=lambda pair: (pair[0], not rung and _general(pair[1]))))


def _general(one: Candidate) -> bool:
    return bool(set(one.edit) & GENERAL)


def _once(found: Iterable[Candidate]) -> Iterator[Candidate]:
    seen: set[str] = set()
    for one in found:
        if one.key not in seen:
            seen.add(one.key)
            yield one
