"""Every error babysit raises on purpose, as a tree.

    BabysitError            exit code
    ├── RecipeError         2   a field, option or combination that can't be
    ├── OutputError         2   the place to write to can't be written
    ├── MissingExtra        2   an optional package is needed and absent
    ├── DataError           3   the data can't be read or can't be learned from
    ├── RecordError         3   a stored run or model can't be read
    └── TrainingError       1   a gate before training failed, or the training broke down

A message says what must hold, what was got, and the way out. Inner code raises the bare
fact; the verb at the border adds which recipe, file, line or layer with `add_note`.
What is wrong with a *network* is never an error: it is a finding.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BabysitError(Exception):
    """The root: anything the user can mend."""

    exit_code = 2


class RecipeError(BabysitError, ValueError):
    """A field, option or combination that can't be."""


class OutputError(BabysitError, OSError):
    """The place to write to can't be written."""


class MissingExtra(BabysitError, ImportError):
    """An optional package is needed and absent."""

    def __init__(self, package: str, extra: str, what: str = "this") -> None:
        super().__init__(f"{what} needs {package}: pip install 'babysit[{extra}]'")


class DataError(BabysitError, ValueError):
    """The data can't be read or can't be learned from."""

    exit_code = 3


class RecordError(BabysitError, ValueError):
    """A stored run or model can't be read."""

    exit_code = 3


class TrainingError(BabysitError, RuntimeError):
    """A gate before training failed, or the training broke down."""

    exit_code = 1


def did_you_mean(word: str, known: Iterable[str], lists: str = "") -> str:
    """The way out for a misspelt name: the nearest ones, or the list of what there is.

    Args:
        lists: the command that lists them, where they are too many for a message.

    Examples:
        >>> did_you_mean("rleu", ["relu", "tanh"]), did_you_mean("swish", ["relu", "tanh"])
        (' (did you mean relu?)', ' (there are: relu, tanh)')
        >>> did_you_mean("relu", ["dead-relu", "tanh"], "babysit layers"), did_you_mean("x", ["relu", "tanh"], "babysit layers")
        (' (did you mean dead-relu?); `babysit layers` lists all 2', '; `babysit layers` lists all 2')
    """
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    close = [*close, *(one for one in known if len(word) > 2 and word in one and one not in close)][:3]
    near = " or ".join(one for one in (", ".join(close[:-1]), *close[-1:]) if one)
    all_of_them = (
        f"; `{lists}` lists all {len(known)}" if lists else "" if close else f" (there are: {', '.join(known)})"
    )
    return f" (did you mean {near}?)" * bool(close) + all_of_them
