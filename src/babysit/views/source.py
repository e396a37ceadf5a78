"""What lies in a folder: a run, or a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import RecordError
from ..record.store import FILE, read
from ..record.study import Study

STUDY = "study.json"
"""Where a search keeps its study in words."""


def open_record(folder: str | Path) -> tuple[Any, str]:
    """The record in a folder and what it is: "run" or "study".

    Raises:
        RecordError: neither lies there, or it is damaged.
    """
    folder = Path(folder)
    if (folder / STUDY).is_file():
        return read_study(folder), "study"
    if folder.name == STUDY:
        return read_study(folder.parent), "study"
    if not (folder / FILE).is_file() and not folder.is_file():
        raise RecordError(
            f"a run's folder holds {FILE} and a study's {STUDY}, but {folder} {'has neither' if folder.exists() else 'is not there'}"
        )
    return read(folder), "run"


def read_study(folder: Path) -> Study:
    """The study kept in a folder.

    Raises:
        RecordError: it can't be read.
    """
    try:
        study = Study.from_dict(json.loads((folder / STUDY).read_text(encoding="utf-8")))
        study.heard = (folder / STUDY).stat().st_mtime
        return study
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"the study {folder / STUDY} can't be read: {error}") from error
