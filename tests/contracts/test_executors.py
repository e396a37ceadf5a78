"""The contract of every executor: each job comes back once, as the serial one gives it, from any state."""

from __future__ import annotations

import pytest

from babysit.data import load
from babysit.record import Recipe
from babysit.tuner.fleet import Fleet
from babysit.tuner.job import Executor, Job, Serial
from babysit.tuner.processes import Processes
from babysit.tuner.work import Work

BASE = Recipe(data="iris", epochs=4, width=8, depth=1, batch=32, optimizer="nesterov", lr=0.05, dropout=0.2)
EDITS = [{"lr": 0.01}, {"lr": 0.1}, {"lr": 0.05, "width": 6}, {"lr": 1e30}, {"weight_decay": 1e-3}]


def ray_executor():
    pytest.importorskip("ray")
    from babysit.tuner.ray import Ray

    return Ray(actors=2)


EXECUTORS = {
    "serial": Serial,
    "fleet": lambda: Fleet(threads=2),
    "processes": lambda: Processes(2),
    "ray": ray_executor,
}
SLOW = {"processes", "ray"}


@pytest.fixture(scope="module")
def work():
    return Work(BASE, load(BASE))


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in EXECUTORS])
def executor(request):
    made = EXECUTORS[request.param]()
    yield made
    made.close()
    made.close()  # safe to call twice


@pytest.mark.filterwarnings("default")
def test_the_contract(executor, work):
    assert isinstance(executor, Executor)
    jobs = [Job(number, edit, 2, 4) for number, edit in enumerate(EDITS)]
    wanted = {outcome.job.key: outcome for outcome in Serial().map(work, jobs)}
    outcomes = list(executor.map(work, jobs))
    assert sorted(outcome.job.key for outcome in outcomes) == sorted(wanted)
    for outcome in outcomes:
        other = wanted[outcome.job.key]
        assert outcome.job.state is None
        assert bool(outcome.broken) == bool(other.broken)
        assert outcome.scores == pytest.approx(other.scores, abs=1e-6)
        assert (outcome.state is None) == (other.state is None)
    alive = [outcome for outcome in outcomes if outcome.state is not None]
    again = [Job(one.job.trial, one.job.params, 4, 4, state=one.state) for one in alive]
    whole = {
        outcome.job.key: outcome for outcome in Serial().map(work, [Job(one.trial, one.params, 4, 4) for one in again])
    }
    for outcome in executor.map(work, again):
        assert len(outcome.scores) == 4
        assert outcome.costs == pytest.approx(whole[outcome.job.key].costs, rel=1e-3)
    assert list(executor.map(work, [])) == []


@pytest.mark.filterwarnings("default")
def test_closing_the_iterator_breaks_off(executor, work):
    outcomes = executor.map(work, [Job(number, {"lr": 0.01 + number * 1e-4}, 4, 4) for number in range(20)])
    next(outcomes)
    outcomes.close()


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_cohort_a_rung(work):
    executor = Processes(2)
    jobs = [Job(number, {"lr": 0.01 + number * 1e-3}, 2, 4) for number in range(6)]
    first = list(executor.map(work, jobs))
    assert executor._pool is not None
    victim = next(iter(executor._pool._processes.values()))
    victim.kill()
    victim.join()
    again = list(executor.map(work, jobs))
    executor.close()
    assert sorted(outcome.job.trial for outcome in again) == sorted(outcome.job.trial for outcome in first)
    assert any("died" in note for note in executor.notes)
