"""Worker processes that are ended in the middle of what they do."""

from __future__ import annotations

import subprocess
import sys

from babysit.data import load
from babysit.record import Recipe
from babysit.tuner.job import Job
from babysit.tuner.processes import Processes
from babysit.tuner.work import Work

HALF = """
import os, struct, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from babysit.tuner.processes import Processes

def half():
    frame = sys._getframe()
    while "result_queue" not in frame.f_locals:
        frame = frame.f_back
    os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 1000))  # and the rest never comes
    open(sys.argv[1], "w").close()
    time.sleep(600)

if __name__ == "__main__":
    executor = Processes(1)
    executor._pool = ProcessPoolExecutor(1, get_context("fork"))
    executor._pool.submit(half)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.02)
    time.sleep(0.2)
    executor.close()
    print("closed", flush=True)
"""


def test_half_a_result_does_not_keep_the_program_from_ending(tmp_path):
    script = tmp_path / "half.py"
    script.write_text(HALF)
    command = [sys.executable, str(script), str(tmp_path / "written")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "closed\n"
    assert done.returncode == 0, done.stderr


def test_a_state_comes_back_as_long_as_something_goes_on_from_it():
    base = Recipe(data="iris", epochs=4, width=8, depth=1, model="mlp")
    executor = Processes(1)
    jobs = [Job(number, {}, until, 4) for number, until in enumerate((2, 4))]
    done = {outcome.job.trial: outcome for outcome in executor.map(Work(base, load(base)), jobs)}
    executor.close()
    assert done[0].state.epoch == 2
    assert done[1].state is None
    assert len(done[1].scores) == 4
