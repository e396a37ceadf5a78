"""What a cure runs: a script with its arguments, a module, or a function that trains."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import os
import runpy
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RecipeError

_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "venv", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache"
)


@dataclass(frozen=True)
class Script:
    """A script as `python SCRIPT ARGS…` (or `python -m MODULE ARGS…`) would run it.

    With `sandbox` it runs in a copy of the working folder that is thrown away afterwards.

    Raises:
        RecipeError: no such file, or it is not Python.
    """

    path: str
    arguments: Sequence[str] = ()
    module: bool = False
    sandbox: bool = False

    def check(self) -> None:
        """Is it there, and is it Python?"""
        if self.module:
            return
        path = Path(self.path)
        if not path.is_file():
            raise RecipeError(
                f"a script to run must be a file, but {self.path} is {'a folder' if path.is_dir() else 'missing'}"
            )
        try:
            ast.parse(path.read_bytes(), self.path)
        except (SyntaxError, ValueError) as error:
            raise RecipeError(f"{self.path} is not Python: {error}") from error

    def warm(self) -> None:
        """Import the installed packages that the script imports, once, so that no try has to.

        Only packages from site-packages and the standard library: the user's own modules may do things on import.
        """
        if self.module:
            return
        for name in _imports(ast.parse(Path(self.path).read_bytes())):
            with contextlib.suppress(Exception):
                spec = importlib.util.find_spec(name.partition(".")[0])
                if spec and spec.origin and ("site-packages" in spec.origin or "dist-packages" in spec.origin):
                    importlib.import_module(name)

    def __call__(self, rewrite: Callable[[Any], Any] | None = None) -> None:
        """Run it here, as `__main__`."""
        if self.sandbox:
            with tempfile.TemporaryDirectory(prefix="babysit-sandbox-", ignore_cleanup_errors=True) as folder:
                shutil.copytree(".", folder, symlinks=True, dirs_exist_ok=True, ignore=_LEFT_OUT)
                os.chdir(folder)
                self._run(rewrite)
        else:
            self._run(rewrite)

    def _run(self, rewrite: Callable[[Any], Any] | None) -> None:
        sys.argv = [self.path, *self.arguments]
        if self.module:
            sys.path.insert(0, os.getcwd())
            runpy.run_module(self.path, run_name="__main__", alter_sys=True)
            return
        path = Path(self.path)
        sys.path.insert(0, str(path.resolve().parent))
        tree = ast.parse(path.read_bytes(), str(path))
        if rewrite is not None:
            tree = rewrite(tree)
        main = type(sys)("__main__")
        main.__dict__.update(__file__=str(path), __builtins__=__builtins__, __cached__=None)
        sys.modules["__main__"] = main
        exec(compile(tree, str(path), "exec"), main.__dict__)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
