"""The folders of runs: what a new one is called, and that it leaves nothing behind when nothing came of it."""

from __future__ import annotations

import shutil
from pathlib import Path


def name_for(data: str) -> str:
    """A folder name after the data: "digits", "flowers" for photos/flowers.csv."""
    stem = Path(data.rstrip("/")).name.split(".")[0] or Path(data).stem
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in stem).strip("-")
    return kept or "run"


def numbered(parent: Path, name: str) -> tuple[Path, Path]:
    """Make parent/NAME-N, N the first number that is free.

    Returns:
        The folder, and the topmost one that had to be made for it (`take_away` takes both).

    Raises:
        OSError: it can't be made.
    """
    above = missing(parent)
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / f"{name}-{number}"
        try:
            folder.mkdir()
            return folder, above or folder
        except FileExistsError:
            number += 1


def missing(folder: Path) -> Path | None:
    """The topmost of the folders on the way that aren't there yet."""
    found = [one for one in (folder, *folder.parents) if not one.exists()]
    return found[-1] if found else None


def take_away(folder: Path, above: Path | None) -> None:
    """Remove a folder, and those above it that were made for it, as far up as `above`, unless they hold more by now."""
    shutil.rmtree(folder, ignore_errors=True)
    if above is not None:
        for one in (folder, *folder.parents):
            try:
                one.rmdir()
            except OSError:
                if one.exists():
                    return
            if one == above:
                return
