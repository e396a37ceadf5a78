"""babysit: the software that raises neural networks.

A recipe goes in, a run comes out, rules read the run.

The verbs and nouns below are the public names; each is imported when it is first used, so that
`import babysit` costs nothing and the reading half never loads torch.
"""

from __future__ import annotations

import importlib
import random
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "Recipe": "record",
    "Run": "record",
    "Finding": "record",
    "BabysitError": "errors",
    "train": "trainer",
    "watch": "checker.live",
    "diagnose": "doctor",
    "report": "views.page",
    "fit": "trainer",
    "predict": "trainer",
    "load_model": "trainer",
    "check": "checker.check",
    "cure": "checker.cure",
    **dict.fromkeys(("search", "log", "uniform", "choice", "integers"), "tuner"),
}
_PACKAGES = ("nn", "data", "record", "errors", "testing")

if TYPE_CHECKING:
    from .errors import BabysitError
    from .record import Finding, Recipe, Run

__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        state = random.getstate()  # a package that is imported here draws a number as it is
        try:
            value = getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
        finally:
            random.setstate(state)
        globals()[name] = value
        return value
    if name in _PACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_PUBLIC, *_PACKAGES, "__version__"])
