"""Every check keeps the contract that other packages' checks are held to as well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from babysit.checks import Check, Outcome, check, gates
from babysit.record import Recipe, Run
from babysit.registry import file_names, members
from babysit.testing import check_contract, hand_written, outcome_contract

CHECKS: dict[str, Check] = members("babysit.checks", Check)  # type: ignore[assignment]


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_contract(name):
    check_contract(CHECKS[name])


def test_the_page_lists_every_check_with_its_question():
    page = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
    for one in CHECKS.values():
        assert f"| `{one.name}` | {one.page.partition(chr(10))[0]} |" in page


def test_a_file_is_one_check_of_its_name():
    assert {name.replace("_", "-") for name in file_names("babysit.checks")} == set(CHECKS)


def test_gates_are_the_lectures_in_their_order():
    assert [one.name for one in gates(CHECKS)] == [
        "initial-loss",
        "regularization-wired",
        "overfits-tiny-subset",
        "learning-rate-range",
    ]


def test_the_contract_refuses_a_check_without_a_page():
    @check
    def nothing_said(recipe, train):
        return Outcome(None, "", "", reason="no")

    with pytest.raises(AssertionError, match="no page"):
        check_contract(nothing_said)


def test_the_contract_refuses_a_failure_that_finds_nothing():
    with pytest.raises(AssertionError, match="must give a finding"):
        outcome_contract(Outcome(False, "2.3", "9.1", reason="too large", id="initial-loss"))


def test_a_check_that_judges_blindly_is_refused():
    @check
    def always_fine(recipe: Recipe, train) -> Outcome:
        """Is it fine?

        Why it matters: it doesn't.

        Source:
            None.
        """
        return Outcome(True, "fine", "fine")

    with pytest.raises(AssertionError, match="can't ask"):
        check_contract(always_fine)


def test_hand_written_readings_and_facts():
    run = hand_written(layers={("weight.clones", "0.weight"): [0.1, 0.2], "modules": []}).look("layers")
    assert isinstance(run, Run)
    assert run.series("weight.clones", "0.weight").values.tolist() == [0.1, 0.2]
    assert run.fact("modules") == []


def test_checks_need_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from babysit.checks import Check\nfrom babysit.registry import members\n"
        "assert len(members('babysit.checks', Check)) > 20"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
