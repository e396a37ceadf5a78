"""What the lecture says, each statement an experiment that anyone can repeat: one file is one claim.

    claim = find("random-beats-grid")
    verdict = claim(digits(), seeds=5, quick=True)
    verdict.verdict, verdict.effect, verdict.interval

A claim says **before it measures** what would make it hold: its `Criterion` is data, and the verdict follows
from it and from the measured values alone. Nothing of a claim knows how it should come out.

How to add one: a file with one decorated function::

    @claim(ACTIVATIONS, paper=HE_2015, criteria={"": Criterion("share of dead units", low=0.1, share=True)})
    def relu_can_die(data, *, seeds, quick):
        '''ReLU units die when the learning rate is too high.

        Criterion: … in words, with the same numbers.
        '''
        …
        return Measured({"": values}, Panel(…), why="…")

`data` is a `Material`: the examples, split and preprocessed by the package's own parts. `seeds` is a range, at
least five long where a verdict is to count; `quick` asks for the smallest setting that still judges. The tests in
`tests/contracts/test_claims.py` run over every claim. From another package: entry point group `babysit.claims`.
"""

from __future__ import annotations

from ..errors import RecipeError, did_you_mean
from ..registry import members
from ._claim import Claim, claim
from ._lecture import PARTS, Paper, Section
from ._material import Material
from ._verdict import Criterion, Measured, Setting, Verdict

__all__ = [
    "Claim", "Criterion", "Material", "Measured", "Paper", "Section", "Setting", "Verdict", "claim", "claims", "find",
]  # fmt: skip


def claims() -> dict[str, Claim]:
    """All claims by name, in the order of the lecture."""
    found: dict[str, Claim] = members(__name__, Claim)  # type: ignore[assignment]
    places = {part: index for index, part in enumerate(PARTS)}
    return dict(sorted(found.items(), key=lambda item: (places.get(item[1].section.part, 99), item[1].order, item[0])))


def find(name: str) -> Claim:
    """One claim by its name, or by the end of it where only one ends so ("improves-gradient-flow").

    Raises:
        RecipeError: there is no such claim.

    Examples:
        >>> find("allows-higher-rates").name
        'batch-norm-allows-higher-rates'
        >>> find("relu-can-dye")
        Traceback (most recent call last):
        babysit.errors.RecipeError: there is no claim 'relu-can-dye' (did you mean relu-can-die?); `babysit claim` lists all 48
    """
    known = claims()
    name = name.replace("_", "-")
    if name in known:
        return known[name]
    ending = [one for one in known if one.endswith(f"-{name}")]
    if len(ending) == 1:
        return known[ending[0]]
    raise RecipeError(f"there is no claim {name!r}{did_you_mean(name, known, 'babysit claim')}")
