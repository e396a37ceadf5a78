"""The journal: Optuna reads it, a kill cuts it clean, one process has it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import optuna
import pytest

from babysit.tuner import storage
from babysit.tuner.storage import BufferedBackend


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def fill(path, count=5):
    backend = BufferedBackend(path)
    study = optuna.create_study(storage=optuna.storages.JournalStorage(backend), study_name="s")
    for number in range(count):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.report(0.5, 1)
        study.tell(trial, number)
    return backend, study


def test_optunas_own_backend_reads_what_was_written(tmp_path):
    backend, study = fill(tmp_path / "j")
    backend.close()
    theirs = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "j")))
    read = optuna.load_study(study_name="s", storage=theirs)
    assert [trial.value for trial in read.trials] == [trial.value for trial in study.trials] == [0, 1, 2, 3, 4]


def test_writes_are_grouped(tmp_path):
    backend, _ = fill(tmp_path / "j", 50)
    assert (tmp_path / "j").read_bytes().count(b"\n") < 250
    backend.commit()
    assert (tmp_path / "j").read_bytes().count(b"\n") == len(list(backend.read_logs(0)))
    backend.close()
    backend.close()


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path):
    backend, _ = fill(tmp_path / "j")
    backend.close()
    whole = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(whole[:-7])
    again = BufferedBackend(tmp_path / "j")
    assert len(list(again.read_logs(0))) == whole.count(b"\n") - 1
    again.append_logs([{"op_code": 99, "worker_id": "x"}])
    again.close()
    assert (tmp_path / "j").read_bytes().endswith(b"}\n")


def test_what_was_written_and_read_is_let_go_of_and_can_still_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr("babysit.tuner.storage.KEPT", 50)
    backend, study = fill(tmp_path / "j", 300)
    backend.commit()
    study.ask()
    study.ask()
    assert len(backend._logs) < 100
    values = [trial.value for trial in study.trials]
    backend.append_logs([])
    other = optuna.load_study(study_name="s", storage=optuna.storages.JournalStorage(backend))  # from the beginning
    assert [trial.value for trial in other.trials] == values == [*range(300), None, None]
    backend.close()
    again = BufferedBackend(tmp_path / "j")
    assert len(list(again.read_logs(0))) == (tmp_path / "j").read_bytes().count(b"\n") > 300 * 3
    again.close()


@pytest.mark.parametrize("value", [0.5, np.float64(0.1), 1e-300, -3.0, 1, float("nan"), None])
def test_a_value_that_is_spelled_out_is_what_json_says(value):
    log = {"op_code": storage._REPORT, "worker_id": 'a "b"', "trial_id": 3, "step": 2, "intermediate_value": value}
    assert storage._line(log) == json.dumps(log, separators=(",", ":")) + "\n"


def test_one_process_has_the_file(tmp_path):
    backend, _ = fill(tmp_path / "j")
    with pytest.raises(BlockingIOError, match="another process"):
        BufferedBackend(tmp_path / "j")
    backend.close()
    BufferedBackend(tmp_path / "j").close()


def test_a_killed_process_loses_half_a_second_at_most_and_lets_go(tmp_path):
    code = f"""
        import time, sys
        from babysit.tuner.storage import BufferedBackend
        backend = BufferedBackend({str(tmp_path / "j")!r})
        backend.append_logs([{{"op_code": 1, "n": n}} for n in range(100)])
        backend.commit()
        print("there", flush=True)
        backend.append_logs([{{"op_code": 1, "n": n}} for n in range(100)])
        time.sleep(60)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    again = BufferedBackend(tmp_path / "j")
    assert len(list(again.read_logs(0))) >= 100
    again.close()
