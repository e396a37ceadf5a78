"""The command line, run in this process."""

from __future__ import annotations

import pytest

from babysit.cli import main


def cli(*args: object) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in args])
    return int(ended.value.code or 0)
