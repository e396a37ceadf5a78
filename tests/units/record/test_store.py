"""The store: what is written comes back, while it is written, and after kill -9."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit.errors import OutputError, RecordError
from babysit.record import Event, Finding, Store
from babysit.record.store import FILE, Reader, on_network, read

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)
KEYS = st.tuples(st.text(max_size=8), st.text(max_size=8))
ROWS = st.lists(st.dictionaries(KEYS, NUMBERS, min_size=1, max_size=5), max_size=8)


@given(ROWS)
def test_readings_come_back_exactly(rows):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        for step, row in enumerate(rows):
            store.append(step, row)
        store.close()
        run = read(folder)
        for key in {key for row in rows for key in row}:
            wanted = [(step, row[key]) for step, row in enumerate(rows) if key in row]
            series = run.series(*key)
            assert series.steps.tolist() == [step for step, _ in wanted]
            np.testing.assert_array_equal(series.values, [value for _, value in wanted])


def test_facts_events_vectors_and_findings_come_back(tmp_path):
    store = Store(tmp_path)
    store.set_fact("task", {"kind": "classes", "classes": np.int64(3)})
    store.add_event(Event(4, "epoch", "", {"number": 1}))
    store.add_vector(4, "confusion", "", np.eye(3))
    store.set_findings([Finding("dead-relu", "x", explains=("loss-flat",))])
    store.close()
    run = read(tmp_path)
    assert run.fact("task") == {"kind": "classes", "classes": 3}
    assert run.events == [Event(4, "epoch", "", {"number": 1})]
    step, values = run.vectors("confusion")[0]
    assert step == 4
    np.testing.assert_array_equal(values, np.eye(3))
    assert run.findings[0].explains == ["loss-flat"]


def test_a_reader_follows_a_writer_without_locking_it_out(tmp_path):
    store = Store(tmp_path)
    store.append(0, {("x", ""): 0.0})
    store.flush()
    reader = Reader(tmp_path)
    held = sqlite3.connect(f"{(tmp_path / FILE).as_uri()}?mode=ro", uri=True)
    held.execute("BEGIN")
    held.execute("SELECT count(*) FROM rows").fetchone()  # a reader in the middle of a look
    for step in range(1, 100):
        store.append(step, {("x", ""): float(step)})
    store.flush()
    assert store.failed is None
    assert reader.refresh().series("x").last == 99.0
    assert reader.refresh().series("x").steps.tolist() == list(range(100))
    held.close()
    store.close()


def test_a_million_readings_take_less_than_100_mb(tmp_path):
    store = Store(tmp_path)
    keys = [("update.ratio", f"layers.{index}.weight") for index in range(500)]
    for step in range(2000):
        store.append(step, dict.fromkeys(keys, step * 0.1))
    store.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 100e6


def test_killed_outright_it_keeps_all_but_the_last_second(tmp_path):
    code = (
        "import sys, time\n"
        "from babysit.record import Store\n"
        "store = Store(sys.argv[1])\n"
        "step = 0\n"
        "while True:\n"
        "    store.append(step, {('time', ''): time.time()}); step += 1; time.sleep(0.002)\n"
        "    if step == 200: print('on', flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    writer.stdout.readline()
    time.sleep(0.9)
    os.kill(writer.pid, signal.SIGKILL)
    killed = time.time()
    writer.wait()
    writer.stdout.close()
    run = read(tmp_path)
    assert run.series("time").last > killed - 1.5  # a second, and slack for a busy machine
    assert np.array_equal(run.series("time").steps, np.arange(len(run.series("time"))))


def test_a_second_writer_goes_on_where_the_first_ended(tmp_path):
    store = Store(tmp_path)
    for step in range(10):
        store.append(step, {("x", ""): float(step)})
    store.close()
    store = Store(tmp_path, resume=6)
    store.append(7, {("x", ""): 70.0, ("y", ""): 1.0})
    store.close()
    assert read(tmp_path).series("x").values.tolist() == [0, 1, 2, 3, 4, 5, 6, 70]


def test_many_threads_may_write(tmp_path):
    store = Store(tmp_path)

    def write(place):
        for step in range(200):
            store.append(step, {("x", place): float(step)})

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    run = read(tmp_path)
    assert all(len(run.series("x", str(number))) == 200 for number in range(4))


def test_a_full_or_locked_disk_loses_nothing_that_still_waits(tmp_path):
    store = Store(tmp_path)
    store.append(0, {("x", ""): 0.0})
    store.flush()
    locker = sqlite3.connect(tmp_path / FILE, timeout=0)
    locker.execute("BEGIN IMMEDIATE")
    store._db.execute("PRAGMA busy_timeout=50")
    store.append(1, {("x", ""): 1.0})
    store.flush()
    assert store.failed is not None
    locker.rollback()
    locker.close()
    store.close()
    assert read(tmp_path).series("x").values.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\x00" + b"\x00" * 500])
def test_a_damaged_record_is_a_clear_error(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(RecordError, match="can't be read"):
        read(tmp_path)


def test_no_record_is_a_clear_error(tmp_path):
    with pytest.raises(RecordError, match="has none"):
        read(tmp_path)
    with pytest.raises(RecordError, match="nosuch is not there"):
        read(tmp_path / "nosuch")


def test_a_record_of_a_later_version_is_refused(tmp_path):
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE meta SET value = '99'")
    db.close()
    with pytest.raises(RecordError, match="schema 99"):
        read(tmp_path)


def test_a_folder_that_cant_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="must be writable"):
        Store(tmp_path / "file" / "run")


def test_local_disks_are_not_network_file_systems(tmp_path):
    assert not on_network(tmp_path / FILE)
