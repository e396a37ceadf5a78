"""What the doctor says of a stored run, for the verbs that show it."""

from __future__ import annotations

from typing import Any


def judge(run: Any) -> Any:
    """A verdict (`status`, `findings`, `reason`): the doctor's."""
    from ..doctor import diagnose

    return diagnose(run)
