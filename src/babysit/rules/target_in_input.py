"""The answer is in the input."""

from __future__ import annotations

from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._words import number

SHIFT = advice("Let the target be what comes next", "x, y = tokens[:, :-1], tokens[:, 1:]")
DROP = advice(
    "Leave the column out, and ask where it comes from: is it known when the answer is not?",
    "x = np.delete(x, column, axis=1)",
)

AHEAD = advice("Let the window end before the value to be predicted", "x, y = series[i : i + width], series[i + width]")


@rule(
    "fact:dependency",
    "fact:columns",
    "fact:in_the_input",
    family="data",
    explains=("validation-leak", "initial-loss-off", "suspicious-labels"),
)
def target_in_input(run: Run, *, limit: float = 0.999, rest: float = 0.9) -> Iterator[Finding]:
    """What is to be predicted is handed in: the network copies it, and is worth nothing where it is not known.

    Why it matters: loss and score look perfect, on validation too, since the answer is there as well. When the network
    is used it is not.

    Usual causes: a column that was made from the target (a fee, a sum, a status set afterwards), a window of a series that
    ends with the value to be predicted (off by one), targets of a language model that were not shifted by one, a missing causal mask (then an output depends on the future).

    Told apart from: a feature that is merely strong (here one column alone gives the target, and the next best does not
    come near), lagged values of a slow series (all of them are alike,
    and none is equal), periods and levels that come back (few different targets), autoencoders (their output rests on the whole
    input, that of a model that copies on one position).

    Args:
        run: reads the fact `columns`: how much of the target's variance one column explains by itself, the best and the
            next best; `in_the_input`: a place of the input that was equal to every target (or that alone gave it but for rounding); and the fact `dependency`: every target is the input at its own place, which the output sees.
        limit: share of the variance (R²) that the best column must explain.
        rest: share that the next best must stay below.

    Examples:
        >>> fee = {"best": 7, "r2": 0.99998, "next": 0.61, "columns": 8, "examples": 640}
        >>> [finding.message for finding in target_in_input(Run.of(facts={"columns": fee}))]
        ['Column 7 of the input alone gives the target (R² 1 over 640 examples, the next best column 0.61): it was made from the answer.']
        >>> window = {"place": "[:, -1, 0]", "examples": 512}
        >>> [finding.message for finding in target_in_input(Run.of(facts={"in_the_input": window}))]
        ['The input holds the target: its value at [:, -1, 0] is equal to the target in all 512 examples.']
        >>> list(target_in_input(Run.of(facts={"columns": {**fee, "r2": 0.93}})))
        []

    Source:
        Kaufman et al. 2012, Leakage in data mining. R² is exact; the limits are proposals.
    """
    if (run.fact("dependency") or {}).get("copied"):
        yield found(
            severity="error",
            stage="confirmed",
            confidence=0.95,
            message="Every target is the input at its own position, and the output there sees it: the model learns to copy, not to predict.",
            evidence=[Evidence("fact:dependency", "copied", value="targets equal inputs", expected="the next value")],
            remedies=[SHIFT],
        )
    same = run.fact("in_the_input") or {}
    if same.get("place"):
        yield found(
            severity="error",
            stage="confirmed",
            confidence=0.95,
            message=f"The input holds the target: its value at {same['place']} is "
            + ("equal to the target" if same.get("equal", True) else "the target on another scale, exactly,")
            + f" in all {same['examples']} examples.",
            evidence=[Evidence("fact:in_the_input", "place", value=same["place"], expected="nowhere")],
            remedies=[DROP if same["place"].count(",") == 1 else AHEAD],
        )
        return
    known = run.fact("columns") or {}
    best, other = known.get("r2"), known.get("next")
    if isinstance(best, float) and isinstance(other, float) and best > limit and other < rest and known["columns"] >= 3:
        yield found(
            severity="warning",
            stage="suspect",
            confidence=0.8,
            where=None,
            message=f"Column {known['best']} of the input alone gives the target (R² {number(best)} over {known['examples']} examples, "
            f"the next best column {number(other)}): it was made from the answer.",
            evidence=[
                Evidence("fact:columns", str(known["best"]), value=best, expected=f"below {number(limit)}", limit=limit)
            ],
            remedies=[DROP],
        )
