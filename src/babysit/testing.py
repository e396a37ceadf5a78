"""For the tests of others: keep a model healthy in your own CI, and hold your own plugins to our contracts.

    def test_the_model_is_healthy():
        babysit.testing.assert_healthy(make_model(), nn.CrossEntropyLoss(), loader)

A contract is a function that raises AssertionError with what a member of a collection lacks; ours are held to the same.
"""

from __future__ import annotations

import doctest
import inspect
import json
from collections.abc import Iterable, Mapping
from typing import Any

from .checks import CannotJudge, Check, Outcome
from .record import Finding, Recipe, Run

HEADINGS = ("Why it matters:", "Source:")


def assert_healthy(
    model: Any, criterion: Any, loader: Any, *, fail_on: str = "warning", allow: Iterable[str] = (), **options: Any
) -> None:
    """Ask everything that `babysit.check` asks, and fail the test where something is wrong.

    Args:
        model, criterion, loader, options: as of `babysit.check`.
        fail_on: the least severity that fails: "warning" or "error".
        allow: ids of findings that are meant to be so.

    Raises:
        AssertionError: with every check's line and what to change.

    Examples:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> x = torch.randn(256, 8)
        >>> loader = [(x, (x[:, 0] > 0).long())] * 4
        >>> net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
        >>> assert_healthy(net, torch.nn.CrossEntropyLoss(), loader)
    """
    from .checker.check import check

    __tracebackhide__ = True
    report = check(model, criterion, loader, **options)
    severe = ("error",) if fail_on == "error" else ("error", "warning")
    found = [one for one in report.findings if one.severity in severe and one.id not in set(allow)]
    if found:
        lines = [
            f"{one.id}: {one.message}" + "".join(f"\n    {remedy.title}" for remedy in one.remedies[:1])
            for one in found
        ]
        raise AssertionError("\n".join([f"{report.what} is not healthy:", *lines, "", str(report)]))


def hand_written(**looks: Mapping[Any, Any]) -> Any:
    """A `train` for the tests and examples of checks: what it would see is written down, nothing is trained.

    Args:
        looks: for each look a mapping: "site.statistic" or ("site.statistic", where) is a reading (a number, or one for
            each step), any other name a fact.

    Examples:
        >>> train = hand_written(inputs={"batch.std": 1.0, "inputs": ["numbers"]})
        >>> train.look("inputs").last("batch.std")
        1.0
    """
    return _HandWritten(looks)


class _HandWritten:
    def __init__(self, looks: Mapping[str, Mapping[Any, Any]]) -> None:
        self._looks = looks

    def look(self, name: str) -> Run:
        if name not in self._looks:
            raise CannotJudge(f"{name} was not written down")
        run = Run()
        for key, value in self._looks[name].items():
            what, where = key if isinstance(key, tuple) else (key, "")
            if "." not in what:
                run.set_fact(what, value)
                continue
            for step, one in enumerate(value if isinstance(value, list | tuple) else [value]):
                run.append(step, {(what, where): float(one)})
        return run

    def __call__(self, recipe: Recipe, **options: Any) -> Run:
        raise CannotJudge("nothing is trained here")


# contracts


def check_contract(check: Check) -> None:
    """What must hold of every check: a page whose examples run, and outcomes that are whole.

    Raises:
        AssertionError: what is missing.
    """
    _page(check.name, check.page, check.function)
    assert "can't" not in check.name, f"{check.name}: a check is named after what holds where it passes"
    assert check.cost in (0, 1, 2), f"{check.name}: cost must be 0 (looks), 1 (a few passes) or 2 (trains)"
    outcome = check(Recipe(), hand_written())
    outcome_contract(outcome)
    assert outcome.passed is None, f"{check.name} judges a training that it can't ask"


def outcome_contract(outcome: Outcome) -> None:
    """What must hold of every outcome."""
    name = outcome.id
    assert name, "an outcome must carry its check's id"
    if outcome.passed is None:
        assert outcome.reason, f"{name}: where it can't be judged the reason must be said"
        return
    assert outcome.expected, f"{name}: what was expected must be said"
    assert outcome.measured, f"{name}: what was measured must be said"
    if outcome.passed is False:
        assert outcome.reason, f"{name}: a failed check must say why, and the way out"
        assert outcome.findings, f"{name}: a failed check must give a finding"
    for finding in outcome.findings:
        finding_contract(finding)


def finding_contract(finding: Finding) -> None:
    """What must hold of every finding: an id, a sentence, plain JSON there and back."""
    assert finding.id, "a finding must have an id"
    assert finding.id == finding.id.lower(), f"{finding.id} must be in lower case"
    assert finding.message.strip(), f"{finding.id} must have a message"
    plain = json.loads(json.dumps(finding.to_dict()))
    assert Finding.from_dict(plain).to_dict() == finding.to_dict(), f"{finding.id} must survive JSON"


def rule_contract(rule: Any) -> None:
    """What must hold of every rule: a page whose examples run, and silence on an empty run."""
    _page(rule.name, rule.page, rule.function)
    assert list(rule(Run())) == [], f"{rule.name} must be silent where nothing was read"


def _page(name: str, page: str, function: Any) -> None:
    first, _, rest = page.partition("\n")
    assert first.strip(), f"{name} has no page"
    for heading in HEADINGS:
        assert heading in rest, f"the page of {name} must have the heading {heading!r}"
    module = inspect.getmodule(function)
    examples = doctest.DocTestFinder(recurse=False).find(function, name, module=module, globs=dict(vars(module)))
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    told: list[str] = []
    for example in examples:
        runner.run(example, out=told.append)
    assert not runner.failures, "".join(told)
