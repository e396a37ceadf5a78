"""What can be wrong: one file = one rule, named after the disease, a pure function from a run to findings.

To add one: a file here (or an entry point "babysit.rules") with

    @rule("activation.dead")
    def dead_relu(run, *, limit=0.4):
        '''One line: what is wrong. … Why it matters / Usual causes / Told apart from / Args /
        Examples (a sick and a healthy run) / Source.'''
        yield found(severity="warning", where="relu1", message="…", evidence=[…], remedies=[…])

A rule is silent when what it needs was not read. What is known only by statistics is graded by
`_progress.grade`: a run that learns well is never called sick for one odd ratio.

The docstring is the page of `babysit explain dead-relu` and is run as a test. Rules need no torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..record import Finding, Run

found = partial(Finding, "")
"""A finding of the rule that yields it; the rule fills in its id."""


FAMILIES = (
    "data", "forward", "calls", "coverage", "loss", "labels", "init", "rate", "regularization", "generalization", "symptom",
)  # fmt: skip
"""Where a disease sits in the causal order: an earlier family can be the cause of a later one, not the reverse."""


@dataclass(frozen=True)
class Rule:
    """One disease: `rule(run)` yields findings that carry its id.

    Attributes:
        name: the public id of its findings, "dead-relu".
        reads: the readings, facts ("fact:parameters") and events ("event:nonfinite") it rests on, and
            "step" where it counts steps; it is asked again only when one of them has changed.
        explains: ids of the findings that this disease brings about.
        family: one of FAMILIES.
        needs_end: it can only be said once the training is over.
    """

    name: str
    function: Callable[..., Iterator[Finding]]
    reads: tuple[str, ...]
    explains: tuple[str, ...] = ()
    family: str = "symptom"
    needs_end: bool = False

    def __call__(self, run: Run, **limits: Any) -> Iterator[Finding]:
        for finding in self.function(run, **limits):
            explains, extra = tuple(finding.explains) or self.explains, {"why": self.why, **finding.extra}
            yield replace(finding, id=finding.id or self.name, explains=explains, extra=extra)

    @property
    def page(self) -> str:
        """The documentation: the function's docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def why(self) -> str:
        """Why it matters, from the page."""
        text = " ".join(self.page.partition("Why it matters:")[2].partition("\n\n")[0].split())
        return text[:1].upper() + text[1:]

    @property
    def title(self) -> str:
        """The first line of the page."""
        return self.page.partition("\n")[0]


def rule(
    *reads: str, explains: tuple[str, ...] = (), family: str = "symptom", needs_end: bool = False, name: str = ""
) -> Callable[[Callable[..., Iterator[Finding]]], Rule]:
    """Make a rule of a function; its id is the function's name with dashes."""
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, but is {family!r}")

    def make(function: Callable[..., Iterator[Finding]]) -> Rule:
        made = Rule(name or function.__name__.replace("_", "-"), function, reads, explains, family, needs_end)
        object.__setattr__(made, "__doc__", function.__doc__)
        object.__setattr__(made, "__module__", function.__module__)
        return made

    return make
