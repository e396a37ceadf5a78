"""A run's folder: choosing one, and the plan that says what is already decided.

plan.json                what was decided before training; gone when the run is finished
checkpoint.safetensors   where training is; gone when the run is finished
run.sqlite               the record
recipe.toml              what was trained in the end
model.safetensors        the network
report.html              all of it to look at
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..data import Split
from ..errors import OutputError, RecordError
from ..record.folders import missing, numbered, take_away
from . import checkpoint
from .saved import FILE as MODEL

PLAN = "plan.json"
CHECKPOINT = "checkpoint.safetensors"
REPORT = "report.html"
SEARCH = "search"


@dataclass
class Plan:
    """What was decided before training, so that a resumed run decides nothing anew.

    Attributes:
        recipe: as the user gave it; `settled` with what nobody chose fitted to the data; `final`
            as it is trained, once the search has chosen it.
        data: a fingerprint of the split.
        threads: PyTorch's threads, which decide the order of additions.
        seen: facts that the checks before learning saw.
        folds: what they came to, where the set is small.
        seconds: spent before the last stop.
    """

    recipe: dict[str, Any]
    data: str
    threads: int
    settled: dict[str, Any] | None = None
    final: dict[str, Any] | None = None
    checks: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    study: dict[str, Any] | None = None
    folds: dict[str, Any] | None = None
    seconds: float = 0.0
    schema: int = 1

    def write(self, folder: Path) -> None:
        """Put it into the folder, whole or not at all."""
        checkpoint.write(folder / PLAN, json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan of a run that was stopped.

        Raises:
            RecordError: there is none, or it is damaged.
        """
        try:
            return cls(**json.loads((folder / PLAN).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise RecordError(
                f"{folder} must be the folder of a run that was stopped, but it holds no {PLAN}"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise RecordError(f"the plan of {folder} can't be read: {error}") from error


def finished(folder: Path) -> bool:
    """Did this run come to its end?"""
    return (folder / MODEL).is_file() and not (folder / PLAN).exists()


def fingerprint(split: Split) -> str:
    """Twelve hex digits that change when the examples' number, shape, order or targets change."""
    digest = hashlib.sha256(repr((split.shape, split.classes)).encode())
    for part in split.parts.values():
        digest.update(part.index.tobytes())
        digest.update(part.y.cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


@contextmanager
def made(out: str | Path | None, name: str) -> Iterator[Path]:
    """A new folder for a run; taken away again when what follows fails before anything is worth keeping.

    Whoever has something worth keeping calls `Plan.write`: a folder with a plan stays.

    Raises:
        OutputError: it can't be made or written, or holds a run already.
    """
    folder, above = _make(out, name)
    try:
        yield folder
    except Exception:
        if not (folder / PLAN).exists() and not (folder / MODEL).exists():
            take_away(folder, above)
        raise


def _make(out: str | Path | None, name: str) -> tuple[Path, Path | None]:
    """The folder, and the topmost folder that had to be made for it."""
    try:
        if out is not None:
            folder = Path(out)
            if folder.is_file():
                raise OutputError(f"--out must be a folder, but {folder} is a file")
            if folder.is_dir() and any(folder.iterdir()):
                raise OutputError(f"{folder} must be new or empty, but it holds files; choose another, or --resume it")
            above = missing(folder)
            folder.mkdir(parents=True, exist_ok=True)
        else:
            folder, above = numbered(Path("runs"), name)
        checkpoint.write(folder / ".writable", b"")
        (folder / ".writable").unlink()
        return folder, above
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"the folder {out or 'runs'} must be writable, but: {error.strerror or error}") from error
