"""axe-core, the accessibility checker, fetched once by npm into the user's cache; tests only."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

VERSION = "4.10.3"


def source() -> str:
    """The checker's script, or a skip that says why there is none."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "babysit-tests" / f"axe-{VERSION}"
    file = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not file.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("the accessibility tests need npm, to fetch axe-core")
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            npm,
            "install",
            "--prefix",
            str(folder),
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            f"axe-core@{VERSION}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if not file.is_file():
            pytest.skip(f"axe-core could not be fetched: {done.stderr.strip()[-200:]}")
    return file.read_text(encoding="utf-8")


def violations(page) -> list[str]:
    """What axe finds wrong on a page, as "rule: element"."""
    page.evaluate(source())  # through the debugger's channel, which the page's own policy doesn't bind
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]
