"""What shows itself in a notebook: a run, a study, a finding."""

from __future__ import annotations

import importlib
from typing import Any


class Shown:
    """Asks `babysit.views.notebook` for its display, by name: a record knows that it can be shown, not how."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return importlib.import_module("babysit.views.notebook").bundle(self)
