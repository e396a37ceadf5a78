"""diagnose: a run in, a verdict out. Rules find; the doctor asks what is the cause of what.

A finding is explained by another when the other's rule says that it brings this one about, when it did
not begin after it, and when it lies on the right side of it in the network. What is certain (the order of
calls, shapes, which parameters an optimizer holds) is never explained away by what is only likely.
Needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .record import Finding, Run
from .record.finding import SEVERITIES
from .registry import members
from .rules import FAMILIES, Rule
from .rules._network import order, update_ratios
from .rules._progress import Progress, progress
from .rules._words import number, percent

Status = Literal["healthy", "findings", "unknown"]
CERTAIN = ("data", "calls", "coverage", "loss")
BACKWARD = ("vanishing-gradients", "decay-only-updates", "updates-too-small", "weights-unchanged")
GENERIC = 0.25  # a symptom at or below this confidence says that something is wrong, not what
ENOUGH = 20  # loss readings below which a run is too short to be called healthy


def all_rules() -> list[Rule]:
    """Every rule there is: our own and those of other packages."""
    return list(members("babysit.rules", Rule).values())  # type: ignore[arg-type]


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a run, or that nothing is.

    Attributes:
        status: "findings" where a cause is suspected, "healthy" where the run learns and nothing is wrong,
            "unknown" where it was too short, or does not learn and no rule knows why.
        findings: the likeliest root cause first; those that another one explains come last.
        reason: one sentence: why it is healthy, or why it is unknown and which probe would tell.
        steps: optimizer steps that the run made.
        failed: rules that broke on this run, with the error (they are left out).
    """

    status: Status
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    steps: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The status and its reason, then each root cause in a few lines."""
        head = f"{self.status} after {self.steps} steps{': ' * bool(self.reason)}{self.reason}"
        return "\n".join([head, *map(str, self.roots)])

    @property
    def roots(self) -> tuple[Finding, ...]:
        """The findings that no other one explains."""
        return tuple(one for one in self.findings if one.explained_by is None)

    @property
    def worst(self) -> str | None:
        """The highest severity among the findings, None without any."""
        return max((one.severity for one in self.findings), key=SEVERITIES.index, default=None)

    def fails(self, on: str | None) -> bool:
        """Is there a finding at least as severe as `on` ("error" or "warning")?"""
        return on is not None and self.worst is not None and SEVERITIES.index(self.worst) >= SEVERITIES.index(on)  # type: ignore[arg-type]

    def to_dict(self, seconds: float = 0.0, overhead: float = 0.0) -> dict[str, Any]:
        """The public JSON form, schema 1; a number that is not finite is written as null."""
        return {
            "schema": 1,
            "status": self.status,
            "steps": self.steps,
            "seconds": round(seconds, 3),
            "overhead": round(overhead, 5),
            "findings": [_public(one) for one in self.findings],
        }


def diagnose(run: Run, rules: Iterable[Rule] | None = None, *, allow: Sequence[str] = ()) -> Verdict:
    """Judge a run.

    Args:
        run: a record in memory, or one read from a folder with `babysit.record.store.read`.
        rules: the rules to ask; all by default.
        allow: ids of findings that are known and accepted, and left out.

    Examples:
        >>> verdict = diagnose(Run.of({"loss.train": [2.3, 4.0, 40.0, 400.0, 4e3], "loss.chance": [2.3] * 5}))
        >>> verdict.status, verdict.findings[0].id
        ('findings', 'learning-rate-too-high')
    """
    return Doctor(rules, allow=allow).verdict(run)


class Doctor:
    """Looks at a run again and again while it is written, and says what has become sure.

    A rule is asked again only when something that it reads has changed. A finding is announced once: at
    the first look when it is certain, else when it has lasted for two looks; what vanishes before that
    was never said. `verdict` judges the whole run afresh.
    """

    def __init__(
        self, rules: Iterable[Rule] | None = None, *, allow: Sequence[str] = (), least: str = "warning"
    ) -> None:
        self.failed: dict[str, str] = {}
        self._rules = list(all_rules() if rules is None else rules)
        self._allow = frozenset(allow)
        self._least = SEVERITIES.index(least)  # type: ignore[arg-type]
        self._kept: dict[str, tuple[int, int, tuple[Finding, ...]]] = {}  # by rule: version and step it was asked at
        self._since: dict[str, int] = {}
        self._said: set[str] = set()

    def look(self, run: Run) -> list[Finding]:
        """The findings that have become sure since the last look, likeliest cause first."""
        found = judge(self._ask(run), self._rules, run)
        serious = {one.id: one for one in found if SEVERITIES.index(one.severity) >= self._least}
        self._since = {name: self._since.get(name, run.step) for name in serious}
        new = []
        for one in serious.values():
            lasting = one.stage == "confirmed" or self._since[one.id] < run.step
            folded = one.explained_by in serious or one.explained_by in self._said
            if one.id not in self._said and lasting and not folded:
                self._said.add(one.id)
                new.append(one)
        return new

    def verdict(self, run: Run) -> Verdict:
        """What the whole run comes to."""
        self._kept.clear()
        found = with_proof(judge(self._ask(run), self._rules, run), run)
        status, reason = _status(found, run)
        told = tuple(one.edit(run=run) for one in found)
        return Verdict(status, told, reason, run.step, dict(self.failed))

    def _ask(self, run: Run) -> list[Finding]:
        now, over = run.version, bool(run.events_of("end"))
        found: list[Finding] = []
        for rule in self._rules:
            if rule.name in self.failed or rule.name in self._allow or (rule.needs_end and not over):
                continue
            asked, at, kept = self._kept.get(rule.name, (-1, -1, ()))
            moved = run.step > at and "step" in rule.reads
            if asked < 0 or moved or any(run.changed(name) > asked for name in rule.reads):
                kept = self._answer(rule, run)
                self._kept[rule.name] = (now, run.step, kept)
            found.extend(kept)
        return [one for one in found if one.id not in self._allow]

    def _answer(self, rule: Rule, run: Run) -> tuple[Finding, ...]:
        try:
            with np.errstate(all="ignore"):
                return tuple(rule(run))
        except Exception as error:  # a rule that breaks must not end a training: it is left out, and said
            self.failed[rule.name] = f"{type(error).__name__}: {error}"
            return ()


def judge(found: Sequence[Finding], rules: Sequence[Rule], run: Run) -> list[Finding]:
    """The findings with their causes filled in, the likeliest root cause first."""
    family = {rule.name: FAMILIES.index(rule.family) for rule in rules}
    now = progress(run)
    found = [_protected(one, now) for one in found]
    found = sorted(found, key=lambda one: (family.get(one.id, len(FAMILIES)), -one.confidence))
    causes: dict[int, int] = {}
    for effect in reversed(range(len(found))):  # the latest in the causal order first: a ring opens at its earliest
        one = found[effect]
        able = [cause for cause, other in enumerate(found) if _explains(other, one, family, run)]
        for cause in sorted(able, key=lambda index: (-_likelihood(found[index]), index)):
            if not _leads_back(causes, cause, effect):
                causes[effect] = cause
                break
    judged = [
        one.edit(explained_by=found[causes[index]].id if index in causes else None) for index, one in enumerate(found)
    ]
    return sorted(judged, key=lambda one: (one.explained_by is not None, -_likelihood(one)))


def with_proof(found: list[Finding], run: Run) -> list[Finding]:
    """The cause that a cure of this run has proven stands first, confirmed, with the proof."""
    cure = run.facts.get("cure") or {}
    cause, proof = cure.get("cause"), {"proof": list(cure.get("proof", ()))}
    if not cause:
        return found
    kept = [Finding.from_dict(one) for one in cure.get("findings", ()) if one["id"] == cause]
    mine = [one for one in found if one.id == cause] or kept
    confirmed = [one.edit(stage="confirmed", explained_by=None, extra={**one.extra, **proof}) for one in mine]
    return [*confirmed, *(one for one in found if one.id != cause)]


def _protected(one: Finding, now: Progress) -> Finding:
    """A run that learns well is never called useless on statistics alone."""
    return one.edit(severity="warning") if now.winning and one.severity == "error" and one.stage != "confirmed" else one


def _likelihood(one: Finding) -> float:
    """How likely this is what should be mended first."""
    return one.confidence * {"error": 1.0, "warning": 0.95, "info": 0.4}[one.severity]


def _explains(cause: Finding, effect: Finding, family: Mapping[str, int], run: Run) -> bool:
    if cause.id == effect.id or effect.id not in cause.explains:
        return False
    if cause.severity == "info" and effect.severity != "info":
        return False
    if cause.confidence < 0.3 or cause.confidence < 0.4 * effect.confidence:
        return False
    if _certain(effect, family) and not _certain(cause, family):
        return False
    if cause.id in effect.explains and (family.get(effect.id, 0), -effect.confidence) < (
        family.get(cause.id, 0),
        -cause.confidence,
    ):
        return False
    before = _certain(cause, family) or cause.step <= effect.step + max(
        20, run.step // 10
    )  # a fact was so before it was seen
    return before and _upstream(cause, effect, run)


def _certain(one: Finding, family: Mapping[str, int]) -> bool:
    index = family.get(one.id)
    return one.stage == "confirmed" and index is not None and FAMILIES[index] in CERTAIN


def _upstream(cause: Finding, effect: Finding, run: Run) -> bool:
    """Does the cause lie where it can act on the effect: before it, or, for gradients, behind it?"""
    place = order(run)
    mine, other = place.get(cause.where or ""), place.get(effect.where or "")
    if effect.id not in BACKWARD or mine is None or other is None:
        return True
    return other <= mine or mine == 0


def _leads_back(causes: Mapping[int, int], start: int, goal: int) -> bool:
    """Would taking `start` as the cause of `goal` close a ring?"""
    at: int | None = start
    while at is not None:
        if at == goal:
            return True
        at = causes.get(at)
    return False


def _status(found: Sequence[Finding], run: Run) -> tuple[Status, str]:
    now = progress(run)
    serious = [one for one in found if one.severity != "info" and one.explained_by is None]
    known = [one for one in serious if one.stage != "symptom" or one.confidence > GENERIC]
    if known:
        return "findings", ""
    if serious:
        return "unknown", f"The run does not learn ({_course(run, now)}), and no rule knows why. {_probe(run)}"
    if now.readings == 0:
        return "unknown", "No loss was seen: backward was never called on a loss, or not in a watched part."
    if now.readings < ENOUGH and not now.winning:
        return "unknown", f"Only {now.readings} steps with a loss were seen: too few to judge (at least {ENOUGH})."
    if now.learning or not now.comparable:
        return "healthy", f"{', '.join(_signs(run, now))}."
    return (
        "unknown",
        f"Nothing wrong was found, but the run does not show that it learns ({_course(run, now)}). {_probe(run)}",
    )


def _course(run: Run, now: Progress) -> str:
    chance = f", chance is {number(now.chance)}" if now.chance == now.chance else ""
    return f"loss {number(now.first)} → {number(now.last)}{chance}{''.join(f', {one}' for one in _scores(run, now))}"


def _scores(run: Run, now: Progress) -> Iterator[str]:
    """The newest score of training and of validation, each with its step where that isn't the run's newest."""
    kind = now.score_name.partition(".")[0]
    for what, words in ((f"{kind}.train", kind), (f"{kind}.val", f"{kind} on validation")):
        series = run.series(what)
        if len(series) and math.isfinite(series.last):
            late = f" at step {series.steps[-1]}" if series.steps[-1] < run.step else ""
            yield f"{words} {number(series.last)}{late}"


def _signs(run: Run, now: Progress) -> Iterator[str]:
    """Why a run is healthy, in numbers."""
    yield (
        _course(run, now)
        if now.comparable
        else f"loss {number(now.last)} (it can't be compared from step to step here)"
    )
    ratios = list(update_ratios(run).values())
    if ratios:
        yield f"a step changes the weights by {number(float(np.median(ratios)))} of their size"
    dead = [series.last for _, series in run.each("activation.dead") if len(series)]
    if dead:
        yield "no dead units" if max(dead) < 0.01 else f"at most {percent(max(dead))} of a layer's units dead"
    yield f"{run.step} steps"


def _probe(run: Run) -> str:
    """The probe that would tell the causes apart, and what it costs."""
    times = run.series("time.step").values
    times = times[np.isfinite(times)]
    cost = f", about {max(1, math.ceil(200 * float(np.median(times))))} s" if len(times) else ""
    return f"What would tell: whether it can learn 20 examples by heart with the regularization off (`babysit check`{cost})."


def _public(one: Finding) -> dict[str, Any]:
    plain = one.to_dict()
    plain["evidence"] = [
        {name: value for name, value in evidence.items() if name != "limit"} for evidence in plain["evidence"]
    ]
    return _finite(plain)


def _finite(value: Any) -> Any:
    """Plain JSON: numbers of numpy made Python's, what is not finite made null."""
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
