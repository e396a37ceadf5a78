"""Narrow terminals: nothing runs over the edge, no word is broken, names and last numbers stay, code goes on further in."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from babysit.checks import Outcome
from babysit.cli._tell import Teller
from babysit.record import Finding, Remedy
from babysit.views.terminal import verdict_text
from babysit.views.terminal.asked import outcome_text
from babysit.views.terminal.cured import cure_text
from babysit.views.terminal.whole import run_text

from .make import full_run

CODE = "scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=steps // 20)"
FAILED = Outcome(
    id="validation-prepared-alike", passed=False, measured="mean off by 0.0424 standard deviations, spread x 0.996",
    expected="the same mean and spread as in training", seconds=0.33,
    reason="prepare validation inputs exactly as those of training, by the same fitted statistics",
    findings=(Finding("train-val-mismatch", "They differ.", remedies=(Remedy("Prepare validation inputs exactly as training inputs", None, CODE),)),),
)  # fmt: skip


def printed(parts, width: int, *, terminal: bool = True) -> list[str]:
    out = Console(
        file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, markup=False, highlight=False
    )
    out.soft_wrap = not terminal
    for part in parts:
        out.print(part)
    return out.file.getvalue().splitlines()


def words(lines) -> list[str]:
    return " ".join(lines).split()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_an_outcome_wraps_beside_its_name_or_below_it(width):
    lines = printed(outcome_text(FAILED, width), width)
    assert max(map(len, lines)) <= width
    for text in (FAILED.measured, FAILED.expected, FAILED.reason, CODE):
        whole = " ".join(words(lines))
        assert " ".join(text.split()) in whole, "all words, unbroken and in order"
    assert len({len(one) - len(one.lstrip()) for one in lines}) <= 5, "what goes on stands where something began"


def test_what_is_no_terminal_gets_a_line_for_each_thing():
    lines = printed(outcome_text(FAILED, None), 80, terminal=False)
    assert len(lines) == 4
    assert lines[0].endswith(f"expected {FAILED.expected}   0.33 s")
    assert lines[-1].strip() == CODE


def test_where_time_is_of_no_account_it_is_left_out():
    assert "0.33 s" in " ".join(printed(outcome_text(FAILED, 120), 120))
    assert "0.33 s" not in " ".join(printed(outcome_text(FAILED, 120, timed=False), 120))


@pytest.mark.parametrize("width", [44, 60, 80])
def test_a_run_keeps_its_names_and_its_last_numbers(width):
    run = full_run(sick=True, depth=3)
    verdict = SimpleNamespace(status="findings", findings=run.findings, reason="")
    lines = printed(run_text(run, verdict), width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    for name in ("loss", "val accuracy", "learning rate", "layers.0", "layers.2"):
        assert any(one.startswith(name) for one in lines), name
    assert "update ratio" in " ".join(lines)


def test_a_wrapped_line_of_code_goes_on_further_in():
    finding = Finding("a", "b", remedies=(Remedy("c", None, f"if late:\n    {CODE}"),))
    lines = printed(verdict_text(SimpleNamespace(status="findings", findings=[finding], reason="")), 60)
    at = [len(one) - len(one.lstrip()) for one in lines[lines.index("      if late:") :]]
    assert at == [6, 10, 14, 14]


def test_a_cure_wraps_between_words_and_its_change_keeps_its_signs():
    def tried(title: str, score: float) -> SimpleNamespace:
        candidate = SimpleNamespace(title=title, finding="dead-relu", code=CODE)
        return SimpleNamespace(candidate=candidate, scores={0: score}, screened=SimpleNamespace(idle=()), words=lambda kind: f"{kind} 0.1 → 0.9 in 5 of 5 seeds")  # fmt: skip

    best = tried("Initialize the weights by He, and lower the learning rate a hundred times", 0.9)
    others = [
        best,
        tried("Use batch normalization after each layer, before its nonlinearity", 0.6),
        tried("Clip the gradient's norm", 0.1),
    ]
    cure = SimpleNamespace(status="cured", best=best, findings=[Finding("dead-relu", "Many units give zero, for each of the examples.")],
                           kind="validation accuracy", diff=f"@@ -1 +1,2 @@\n-{CODE}\n+    {CODE}\n", tries=others, baseline={0: 0.1}, notes=["b " * 40])  # fmt: skip
    lines = printed([cure_text(cure)], 60)
    assert max(map(len, lines)) <= 60
    whole = " ".join(words(lines))
    for text in (
        best.candidate.title,
        "Many units give zero, for each of the examples.",
        others[1].candidate.title,
        CODE,
    ):
        assert text in whole
    at = next(index for index, one in enumerate(lines) if one.startswith("+"))
    assert lines[at].startswith("+    scheduler")
    assert lines[at + 1].startswith(" " * 13 + "torch.optim")
    assert f"+    {CODE}" in printed([cure_text(cure)], 60, terminal=False)


def test_at_the_end_of_a_training_a_note_is_a_note():
    found = (Finding("dead-relu", "x", remedies=(Remedy("Do it", None, "it()"),)), Finding("outliers", "y", "info", remedies=(Remedy("Look", None, "l()"),)))  # fmt: skip
    teller = Teller(Console(file=io.StringIO(), width=80))
    teller.verdict(SimpleNamespace(status="findings", reason="", roots=found))
    told = teller.console.file.getvalue()
    assert "▲ dead-relu" in told
    assert "it()" in told
    assert "● outliers   a note" in told
    assert "l()" not in told
    assert "!" not in told
