"""What the doctor says of a stored run, for the verbs that show it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def judge(run: Any) -> Any:
    """A verdict (`status`, `findings`, `reason`): the doctor's."""
    try:
        from ..doctor import diagnose
    except ModuleNotFoundError:
        status = "findings" if run.findings else "unknown"
        return SimpleNamespace(status=status, findings=run.findings, reason="")
    return diagnose(run)
