"""A model by its place, `file.py:factory`, looked up without running the file: a wrong name is said before anything is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ..errors import RecipeError, did_you_mean


def look_up(model: str) -> None:
    """A RecipeError where `file.py:factory` names a file that isn't there, or nothing in it.

    What can't be told from the source alone (a module's name, a file that can't be parsed, names that come with
    `from … import *`) is left to be found out by importing it.

    Examples:
        >>> look_up("mlp"), look_up("package.module:factory")
        (None, None)
    """
    place, colon, name = model.rpartition(":")
    path = Path(place)
    if not colon or path.suffix != ".py":
        return
    if not path.is_file():
        raise RecipeError(f"there is no file {place!r}")
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    made = list(_made(tree.body))
    known = {*made, *_bound(tree)}
    if name not in known and "*" not in known and "__getattr__" not in known:
        raise RecipeError(no_such(place, name, made))


def no_such(place: str, name: str, made: list[str]) -> str:
    """That a file or module has nothing of that name, and which functions and classes it has."""
    public = [one for one in made if not one.startswith("_")]
    has = f"it has {', '.join(public)}" if public else "it has no function and no class"
    close = did_you_mean(name, public) if public else ""
    return f"{place} has no {name!r}" + (close if "did you mean" in close else "") + f": {has}"


def _made(body: list[ast.stmt]) -> Iterator[str]:
    """The functions and classes at the top, also within `if` and `try`."""
    for one in body:
        if isinstance(one, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield one.name
        for inner in ("body", "orelse", "finalbody"):
            if isinstance(one, ast.If | ast.Try | ast.With):
                yield from _made(getattr(one, inner, []))
        if isinstance(one, ast.Try):
            for handler in one.handlers:
                yield from _made(handler.body)


def _bound(tree: ast.Module) -> Iterator[str]:
    """Every other name that the file may bind at its top: by assignment, by import."""
    for one in ast.walk(tree):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id
        elif isinstance(one, ast.alias):
            yield one.asname or one.name.partition(".")[0]
