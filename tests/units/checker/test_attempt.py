"""Tries in forks: what comes back, what stays apart, and how they end."""

from __future__ import annotations

import os
import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from babysit.checker.attempt import Order, loses, run_all
from babysit.checker.cure import cure
from babysit.checker.program import Script
from babysit.errors import RecipeError


def training(steps=40, lr=0.5, sleep=0.0, forever=False):
    def program(rewrite):
        torch.manual_seed(1)
        x = torch.randn(64, 4)
        y = (x.sum(1) > 0).long()
        model = nn.Linear(4, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        step = 0
        while forever or step < steps:
            step += 1
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            time.sleep(sleep)

    return program


def one(program, order=None):
    return next(found for _, found in run_all(program, [order or Order()], jobs=1))


def test_a_try_is_measured():
    found = one(training())
    assert found.usable
    assert found.steps == 40
    assert found.score > 0.9
    assert found.ended == "end"


def test_the_same_seed_gives_the_same_score_and_another_another():
    same = [one(training(steps=3), Order(seed=0)).score for _ in range(2)]
    others = {one(training(steps=3), Order(seed=seed)).score for seed in range(1, 5)}
    assert same[0] == same[1]
    assert len(others) > 1


def test_an_edit_is_applied_there_and_not_here():
    found = one(training(lr=1e-6), Order({"lr": "*1e6"}))
    assert found.score > one(training(lr=1e-6)).score
    assert one(training(), Order({"dropout": 0.0})).idle == ["dropout"]


def test_budgets_end_a_program_that_never_ends():
    assert one(training(forever=True), Order(steps=25)).steps == 25
    by_time = one(training(forever=True), Order(seconds=1.0))
    assert by_time.ended == "time"
    assert by_time.steps > 0


def test_a_program_that_cant_be_reached_is_ended_from_outside():
    def stuck(rewrite):
        import signal

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        while True:
            time.sleep(0.1)

    assert "ended from outside" in one(stuck, Order(seconds=0.5)).failed


def test_a_program_that_fails_keeps_its_own_traceback():
    def broken(rewrite):
        raise ValueError("mine")

    found = one(broken)
    assert found.failed.startswith("ValueError: mine")
    assert "broken" in found.traceback
    assert "checker/attempt.py" not in found.traceback


def test_nobody_answers_a_question(capfd):
    def asks(rewrite):
        print("hello")
        input("name?")

    assert "EOFError" in one(asks).failed
    assert capfd.readouterr().out == ""


def test_a_process_that_dies_is_told():
    def dies(rewrite):
        os._exit(9)

    assert one(dies).failed


def test_tries_run_side_by_side_and_each_comes_back_once():
    orders = [Order(seed=seed) for seed in range(5)]
    found = list(run_all(training(), orders, jobs=3))
    assert sorted(order.seed for order, _ in found) == [0, 1, 2, 3, 4]


def test_none_is_begun_after_the_time_is_over():
    assert list(run_all(training(), [Order()], until=time.monotonic() - 1)) == []


def test_one_that_is_running_then_ends_with_what_it_has():
    order = Order(seconds=60)
    found = next(one for _, one in run_all(training(forever=True), [order], jobs=1, until=time.monotonic() + 2))
    assert found.ended == "time"
    assert found.steps
    assert found.score > 0.5


def test_tries_of_a_program_that_never_ends_are_as_long_as_the_run_they_are_compared_with():
    program = training(forever=True, lr=1e-7, sleep=0.02)
    found = cure(lambda: program(None), time=24, jobs=1)
    steps = {one.screened.steps for one in found.tries if one.screened.ended == "steps"}
    assert len(steps) == 1
    assert steps.pop() < 24 / 4 / 0.02


def test_what_it_writes_is_noted(tmp_path):
    # a folder outside the temporary one, as a user's would be
    target = os.path.join(os.getcwd(), f".babysit-test-{os.getpid()}")

    def writes(rewrite):
        with open(target, "w") as file:
            file.write("x")
        training(steps=1)(rewrite)

    try:
        assert target in one(writes).wrote
    finally:
        os.unlink(target)


def test_losing_is_judged_past_half_time():
    beat = ((20, 0.5), (40, 0.8), (60, 0.9))
    assert not loses(20, 0.1, beat)
    assert loses(40, 0.7, beat)
    assert not loses(40, 0.76, beat)


def test_a_script_runs_as_python_runs_it(tmp_path):
    (tmp_path / "mine.py").write_text("VALUE = 3\n")
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, torch, mine\nassert __name__ == '__main__' and mine.VALUE == 3 and sys.argv[1:] == ['--n', '2']\n"
        "model = torch.nn.Linear(2, 2); optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for epoch in range(int(sys.argv[2])):\n"
        "    loss = torch.nn.functional.cross_entropy(model(torch.ones(4, 2)), torch.zeros(4).long())\n"
        "    loss.backward(); optimizer.step()\n"
    )
    program = Script(str(script), ("--n", "2"))
    program.check()
    assert one(program).steps == 2
    assert one(program, Order({"epochs": "*3"})).steps == 6


@pytest.mark.parametrize(
    ("content", "says"), [(None, "missing"), (b"a b c", "is not Python"), (b"\x00\x01", "is not Python")]
)
def test_what_is_no_script_is_refused(tmp_path, content, says):
    path = tmp_path / "x.py"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=says):
        Script(str(path)).check()


def test_a_sandbox_keeps_the_folder_clean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.txt").write_text("5")
    (tmp_path / "train.py").write_text(
        "import torch\nassert open('data.txt').read() == '5'\nopen('out.txt', 'w').write('x')\n"
        "p = torch.nn.Parameter(torch.ones(1)); o = torch.optim.SGD([p], lr=0.1); p.sum().backward(); o.step()\n"
    )
    assert one(Script("train.py", sandbox=True)).steps == 1
    assert not (tmp_path / "out.txt").exists()
