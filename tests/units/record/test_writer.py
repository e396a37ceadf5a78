"""Who writes a record: a process is told from one that had its number before, and from one of another machine."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from babysit.record.writer import LIVE, Written, lives, myself, standing


def test_a_process_lives_until_it_has_ended():
    told = "import json; from babysit.record.writer import myself; print(json.dumps(myself()), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", told], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        writer = json.loads(child.stdout.readline())
        assert writer["pid"] == child.pid
        assert lives(writer)
        child.kill()
        while lives(writer):  # not yet waited for: a process that is only an entry of the table is gone too
            time.sleep(0.01)
        child.wait()
        assert lives(writer) is False


def test_a_number_that_is_given_again_is_another_process():
    assert lives({**myself(), "began": myself()["began"] - 1}) is False


def test_a_writer_elsewhere_is_heard_of_or_not():
    elsewhere = {**myself(), "place": "another machine"}
    assert standing(False, Written(elsewhere, time.time())) == "running"
    assert standing(False, Written(elsewhere, time.time() - LIVE - 1)) == "silent"
    assert standing(True, Written(elsewhere, 0.0)) == "ended"
    assert standing(False, Written(None, time.time())) == "stopped"
    assert standing(False, Written(myself(), 0.0)) == "running"
