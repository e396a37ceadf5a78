"""Pictures aren't wanted here."""

from __future__ import annotations

from typing import Any


def save_image(*args: Any, **more: Any) -> None:
    """Save nothing."""


def make_grid(x: Any, *args: Any, **more: Any) -> Any:
    """The first picture."""
    return x[0]
