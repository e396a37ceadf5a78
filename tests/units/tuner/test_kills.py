"""Killed outright at random moments, a search loses and repeats nothing: it ends as if nobody had touched it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from babysit.record import Recipe
from babysit.record.study import Study
from babysit.tuner import log, search, uniform
from babysit.tuner.processes import Processes

SEARCH = dict(space={"lr": log(1e-3, 0.5), "dropout": uniform(0, 0.5)}, trials=60, believe=2)
BASE = Recipe(data="iris", epochs=18, width=8, depth=1, batch=32, optimizer="nesterov")

SERVER = """
    import os, signal, sys, time
    import torch
    torch.set_num_threads(1)
    from babysit.record import Recipe
    from babysit.tuner import search, log, uniform
    from babysit.tuner import fleet, ledger, rungs, surrogate
    base = Recipe(data="iris", epochs=18, width=8, depth=1, batch=32, optimizer="nesterov")

    for line in sys.stdin:
        seconds, folder = line.rstrip("\\n").split(" ", 1)
        began = time.monotonic()
        child = os.fork()
        if not child:
            search("iris", recipe=base, space={"lr": log(1e-3, 0.5), "dropout": uniform(0, 0.5)}, trials=60, believe=2,
                   out=folder, engine="batched", workers=1)
            os._exit(0)
        ended = 0
        while not ended and time.monotonic() - began < float(seconds):
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.005)
        if not ended:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), time.monotonic() - began, flush=True)
"""
"""Forks the search for each line "SECONDS FOLDER" and kills it after so long; says its exit code and how long it ran."""


class Server:
    """Python with everything imported, so that a kill costs no start."""

    def __enter__(self):
        command = [sys.executable, "-c", textwrap.dedent(SERVER)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *error):
        self._child.communicate()

    def run(self, folder, seconds=1e6):
        """(exit code, seconds it ran)."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(f"{seconds} {folder}\n")
        self._child.stdin.flush()
        code, ran = self._child.stdout.readline().split()
        return int(code), float(ran)


def read(folder):
    return Study.from_dict(json.loads((folder / "study.json").read_text()))


def same(killed, whole):
    assert [trial.number for trial in killed.trials] == list(range(60))
    assert killed.best.number == whole.best.number
    assert killed.best.score == pytest.approx(whole.best.score, abs=1e-6)
    for one, other in zip(killed.trials, whole.trials, strict=True):
        assert one.params == other.params
        assert one.state == other.state
        assert one.curve == pytest.approx(other.curve, abs=1e-6)


def check_drivers(tmp_path, kills):
    """Search after search, each killed at a random moment until it comes through, till there were so many kills."""
    draw, died, number = random.Random(kills), 0, 0
    with Server() as server:
        code, whole_takes = server.run(tmp_path / "whole")
        assert code == 0
        whole = read(tmp_path / "whole")
        while died < kills:
            folder, code = tmp_path / f"killed-{number}", -9
            while code == -9 and died < kills:
                code, _ = server.run(folder, draw.uniform(0, whole_takes))
                died += code == -9
            if code == -9:
                code, _ = server.run(folder)
            assert code == 0
            same(read(folder), whole)
            number += 1


def test_a_killed_driver_goes_on(tmp_path):
    check_drivers(tmp_path, 2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_drivers_killed_fifty_times(tmp_path):
    check_drivers(tmp_path, 50)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("default")
def test_workers_killed_at_random_moments():
    """Each time some trials came back, a while later; what never gets on is given up, which is another matter."""
    executor, draw, over, came = Processes(2, engine="batched"), random.Random(0), threading.Event(), threading.Event()
    died = []

    def kill():
        while len(died) < 6 and not over.is_set():
            if not came.wait(0.1):
                continue
            over.wait(draw.uniform(0, 3))
            workers = list(executor._pool._processes.values()) if executor._pool is not None else []
            came.clear()
            if workers and not over.is_set():
                draw.choice(workers).kill()
                died.append(time.monotonic())

    killer = threading.Thread(target=kill)
    killer.start()
    base = BASE.edit(epochs=500)
    try:
        killed = search("iris", recipe=base, executor=executor, on_trial=lambda *ended: came.set(), **SEARCH)
    finally:
        over.set()
        killer.join()
    assert died
    assert any("died" in note for note in executor.notes)
    same(killed, search("iris", recipe=base, engine="batched", **SEARCH))
