"""Edits of a training that is somebody else's: one file = one part of a training, one function = one field.

An edit is a dict of fields, `{"lr": "*0.1", "zero_grad": True}`; docs/edits.md lists them with their meaning.
It is applied to an unchanged program while it runs: each field's function is given its value and the
`Stage`, and asks to be called at the moments it needs (a model about to run for the first time, a
criterion called, an optimizer about to step). Everything is taken back when the edit ends.

To add one: in the file of the part that it changes

    @field("clip_norm")
    def clip_norm(stage, value):
        '''One line: what becomes different.'''
        stage.before_step(lambda optimizer: …)

An edit that met nothing to act on says so (`Stage.idle`): a try with it proves nothing.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import RecipeError, did_you_mean
from ...registry import file_names
from .stage import Stage

Apply = Callable[[Stage, Any], None]


@dataclass(frozen=True)
class Field:
    """One field of an edit and what applies it."""

    name: str
    apply: Apply

    @property
    def title(self) -> str:
        """What becomes different, in a line."""
        return (self.apply.__doc__ or "").partition("\n")[0]


def field(name: str) -> Callable[[Apply], Field]:
    """Make a field of a function (stage, value)."""
    return lambda apply: Field(name, apply)


def fields() -> dict[str, Field]:
    """All fields that can be applied to a running program, by name."""
    found = {}
    for file_name in file_names(__name__):
        module = importlib.import_module(f".{file_name}", __name__)
        found.update({value.name: value for value in vars(module).values() if isinstance(value, Field)})
    return found


@contextlib.contextmanager
def applied(edit: Mapping[str, Any]) -> Iterator[Stage]:
    """Apply an edit to whatever trains inside the `with`.

    Raises:
        RecipeError: a field that no host can apply.

    Examples:
        >>> with applied({"clip_norm": 1.0}) as stage:
        ...     pass  # nothing trained here
        >>> stage.idle
        ['clip_norm']
    """
    known = fields()
    for name in edit:
        if name not in known:
            raise RecipeError(f"an edit of a running program has no field {name!r}{did_you_mean(name, known)}")
    with Stage() as stage:
        for name, value in edit.items():
            with stage.of(name):
                known[name].apply(stage, value)
        yield stage
