"""Reading a stored run by columns gives what adding its rows one by one gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from babysit.record import Run, Store
from babysit.record.store import read

KEYS = [("loss.train", ""), ("lr", ""), ("update.ratio", "a"), ("update.ratio", "b")]
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), st.floats(), min_size=1), min_size=1, max_size=40)


@given(ROWS)
def test_rows_of_mixed_layouts_come_back_in_their_order(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("run")
    store, slow = Store(folder), Run()
    for step, row in enumerate(rows):
        store.append(step, row, seconds=100.0 + step)
        slow.append(step, row, seconds=100.0 + step)
    store.close()
    fast = read(folder)
    assert (fast.step, fast.seconds, fast.begun) == (slow.step, slow.seconds, slow.begun)
    assert fast.whats() == slow.whats()
    for what in slow.whats():
        assert fast.places(what) == slow.places(what)
        for where, series in slow.each(what):
            np.testing.assert_array_equal(fast.series(what, where).steps, series.steps)
            np.testing.assert_array_equal(fast.series(what, where).values, series.values)


def test_extending_a_run_that_thins_keeps_it_bounded():
    run = Run(keep=64)
    run.extend(("loss.train", ""), np.arange(1000), np.arange(1000.0))
    series = run.series("loss.train")
    assert len(series) <= 64
    assert (series.first, series.last) == (0.0, 999.0)
