"""The ward is consistent: every script listed and runnable in form, every cure applies, every cause in both halves."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

import pytest

from tests.ward.catalogue import HOME, Program, programs, read_score

WARD = programs()
SICK = [p for p in WARD if p.sick]
HARMS = {None, "validation", "metric", "memory", "mode", "confidence", "start"}


def by_name(program: Program) -> str:
    return program.name


def test_every_script_is_listed_once():
    assert len({p.name for p in WARD}) == len(WARD)
    listed = [p.path.name for p in WARD]
    assert sorted(listed) == sorted(path.name for path in (HOME / "programs").glob("*.py"))


def test_the_ward_is_large_enough():
    assert len(SICK) >= 80
    assert len(WARD) - len(SICK) >= 50


def test_every_cause_is_in_both_halves_and_in_two_settings():
    halves, settings = defaultdict(set), defaultdict(set)
    for p in SICK:
        halves[p.cause].add(p.half)
        settings[p.cause].add((p.path.stem, p.setting))
    assert {cause for cause, seen in halves.items() if seen != {"a", "b"}} == set()
    assert {cause for cause, seen in settings.items() if len(seen) < 2} == set()


@pytest.mark.parametrize("program", WARD, ids=by_name)
def test_script_stands_alone(program: Program):
    tree = ast.parse(program.text)
    imported = {alias.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    imported |= {n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
    assert imported.isdisjoint({"babysit", "tests", "urllib", "requests", "torchvision"})
    assert "torch" in imported
    assert '"--seed"' in program.text
    assert '"--epochs"' in program.text
    assert re.search(r'print\(\s*f"score \{', program.text)


@pytest.mark.parametrize("program", WARD, ids=by_name)
def test_truth_is_well_formed(program: Program):
    assert program.half in {"a", "b"}
    assert program.setting
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", cause) for cause in program.causes)
    assert len(set(program.causes)) == len(program.causes)
    assert program.harm in HARMS
    assert program.sick == (program.cause != "healthy") == bool(program.twin)


@pytest.mark.parametrize("program", SICK, ids=by_name)
def test_cure_applies_once_and_gives_another_program(program: Program):
    cured = program.cured()
    assert ast.dump(ast.parse(cured)) != ast.dump(ast.parse(program.text))
    assert "if False" not in cured
    assert program.line is not None
    assert 1 <= program.line <= program.text.count("\n")


def test_a_healthy_program_has_no_twin():
    healthy = next(p for p in WARD if not p.sick)
    with pytest.raises(ValueError, match="no twin"):
        healthy.cured()
    assert healthy.line is None


def test_a_replacement_must_occur_exactly_once(tmp_path):
    script = tmp_path / "twice.py"
    script.write_text("a = 1\na = 1\n")
    sick = Program("twice", script, True, "loss-summed", (), ("mlp",), "a", twin=(("a = 1", "a = 2"),))
    with pytest.raises(ValueError, match="occurs 2 times"):
        sick.cured()


def test_line_is_where_the_text_first_differs(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("x = 0\nfor i in range(3):\n    go()\n    step()\n")
    twin = (("    go()\n    step()\n", "    go()\n    zero()\n    step()\n"),)
    assert Program("script", script, True, "gradients-accumulate", (), ("mlp",), "a", twin=twin).line == 4


@pytest.mark.parametrize(
    ("output", "score"),
    [("score 0.5\n", 0.5), ("score 0.1\nscore -3.0", -3.0), ("score nan\n", float("-inf")), ("", float("-inf"))],
)
def test_score_is_the_last_one_printed(output: str, score: float):
    assert read_score(output) == score
