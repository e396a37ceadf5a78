"""The house as drawn in docs/architecture.md: layers, the torch-free half, public names, docstrings."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "babysit"
FILES = sorted(SOURCE.rglob("*.py"))

LAYERS = {
    "errors": 0, "registry": 0,
    "record": 1,
    "data": 2, "nn": 2, "probes": 2, "rules": 2, "checks": 2, "sinks": 2, "views": 2,
    "watcher": 3, "doctor": 3,
    "trainer": 4,
    "checker": 5, "tuner": 5, "hosts": 5, "claims": 5,
    "cli": 6, "testing": 6, "__init__": 6, "__main__": 6,
}  # fmt: skip
TORCH = {"data", "nn", "probes", "hosts", "claims", "watcher", "trainer", "checker", "tuner", "testing"}


def part_of(path: Path) -> str:
    """The entry of the tree that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path, *, at_import_only: bool = False) -> Iterator[str]:
    """Every module a file imports, absolute; those under TYPE_CHECKING left out."""
    package = ["babysit", *path.relative_to(SOURCE).parts[:-1]]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _walk(tree, at_import_only):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def _walk(node: ast.AST, at_import_only: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if at_import_only and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from _walk(child, at_import_only)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down_and_never_sideways(path):
    part = part_of(path)
    assert part in LAYERS, f"{part} has no place in the house; see docs/architecture.md"
    for module in imports(path):
        if not module.startswith("babysit."):
            continue
        other = module.split(".")[1]
        if other == part or other not in LAYERS:
            continue
        below = LAYERS[other] < LAYERS[part]
        beside = LAYERS[other] == LAYERS[part] and LAYERS[part] not in (2,)
        assert below or beside, f"{part} (layer {LAYERS[part]}) imports {module} (layer {LAYERS[other]})"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_reading_half_never_imports_torch(path):
    if part_of(path) in TORCH:
        return
    for module in imports(path, at_import_only=True):
        assert module.split(".")[0] not in ("torch", "torchvision"), f"{path} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_file_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"


def test_importing_babysit_and_its_help_need_no_torch():
    code = (
        "import sys, babysit\n"
        "from babysit.cli import babysit as group\n"
        "import click; group.get_help(click.Context(group))\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'optuna', 'plotly', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_reading_half_works_without_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import babysit.record, babysit.doctor, babysit.rules, babysit.views, babysit.cli.diagnose, babysit.cli.explain\n"
        "from babysit.record import Run\n"
        "babysit.doctor.diagnose(Run.of({'loss.train': [2.3, 2.2, 2.1]}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_public_names_exist_and_are_documented():
    import babysit

    for name in babysit.__all__:
        value = getattr(babysit, name)
        assert value.__doc__, f"babysit.{name} has no docstring"


def test_no_import_cycles():
    graph = {}
    for path in FILES:
        name = ".".join(["babysit", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__")
        graph[name] = {module for module in imports(path, at_import_only=True) if module.startswith("babysit.")}
    names = set(graph)
    graph = {name: {other for other in others if other in names and other != name} for name, others in graph.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            cycle = trail[trail.index(name) :]
            # a package's __init__ may list its own files, which import what it defines before that
            assert len({one.rsplit(".", 1)[0] if "." in one else one for one in cycle}) > 0
            if not all(one.startswith(min(cycle, key=len)) for one in cycle):
                raise AssertionError(" -> ".join([*cycle, name]))
            return
        if name in done:
            return
        for other in graph[name]:
            visit(other, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())
