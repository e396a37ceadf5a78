"""What a collection holds: the files of its folder, then what other packages add.

A collection is a package (`babysit.rules`, say) whose files each make one object of one type.
Other packages add theirs through an entry point group of the same name ("babysit.rules").
Nothing is imported before it is asked for, and nothing here names a member.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points

from .errors import BabysitError, RecipeError, did_you_mean


def file_names(package: str) -> list[str]:
    """The names of a collection's own files, sorted, without importing them."""
    module = importlib.import_module(package)
    found = pkgutil.iter_modules(module.__path__)
    return sorted(info.name for info in found if not info.name.startswith("_"))


def members(package: str, kind: type) -> dict[str, object]:
    """All objects of `kind` that a collection holds, by their `name`, in a stable order.

    Raises:
        BabysitError: two members share a name, or an entry point can't be loaded.
    """
    found: dict[str, object] = {}
    for origin, member in _all(package, kind):
        name = member.name  # type: ignore[attr-defined]
        if name in found and found[name] is not member:
            raise BabysitError(f"two members of {package} are called {name!r}; one comes from {origin}")
        found[name] = member
    return found


def member(package: str, kind: type, name: str) -> object:
    """One member by its name, or a RecipeError that says what there is."""
    found = members(package, kind)
    if name not in found:
        what = package.rsplit(".", 1)[-1]
        raise RecipeError(f"{what} has no {name!r}{did_you_mean(name, found)}")
    return found[name]


def _all(package: str, kind: type) -> Iterator[tuple[str, object]]:
    for file_name in file_names(package):
        module = importlib.import_module(f"{package}.{file_name}")
        for value in vars(module).values():
            if isinstance(value, kind) and _home(value) == module.__name__:
                yield file_name, value
    for point in sorted(entry_points(group=package), key=lambda point: point.name):
        try:
            value = point.load()
        except Exception as error:
            raise BabysitError(f"the plugin {point.name!r} of {package} can't be loaded: {error}") from error
        yield f"the package {point.value}", value


def _home(value: object) -> str | None:
    """The file that made an object: its function's, where it was made of one (its class is of the interface)."""
    return getattr(getattr(value, "function", value), "__module__", None)
