"""JSON lines: a file or pipe that any program can read while it grows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from ..errors import OutputError
from . import Writer, sink


@sink("FILE")
def lines(target: str, title: str) -> Writer:
    """One JSON object for each observed step, `{"step": 3, "loss.train": 2.1, …}`; what isn't finite is null.

    FILE is `TITLE.jsonl` by default; lines are added to a file that is there.

    Raises:
        OutputError: the file can't be written.
    """
    return Lines(Path(target or f"{title}.jsonl"))


class Lines:
    """The open file."""

    def __init__(self, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = file.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise OutputError(f"readings must be written to {file}, but: {error.strerror or error}") from error

    def write(self, step: int, readings: Mapping[str, float]) -> None:
        """One line."""
        finite = {name: value if math.isfinite(value) else None for name, value in readings.items()}
        self._file.write(json.dumps({"step": step, **finite}, allow_nan=False) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
