"""Two numbers that differ never read the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from babysit.record import Evidence
from babysit.record.apart import apart
from babysit.rules._words import number as rules_number
from babysit.rules._words import percent
from babysit.views.evidence import told
from babysit.views.words import number

NUMBERS = st.floats(1e-9, 1e9)
NEAR = st.sampled_from([0.0, 1e-12, 1e-6, 1e-4, 1e-3, 0.01, 0.5])


@given(NUMBERS, NEAR, st.sampled_from([None, number, rules_number, percent]))
def test_they_read_alike_only_where_they_are_equal(value, more, tell):
    limit = value * (1 + more)
    mine, other = apart(value, limit) if tell is None else apart(value, limit, tell, 2)
    assert (mine == other) == (value == limit) or abs(limit - value) < 1e-13 * value


@given(st.floats(0.01, 100), NEAR)
def test_evidence_reads_apart_from_its_limit(value, more):
    limit = value * (1 + more)
    measured, expected = told(Evidence("a", "", 1, value, f"< {number(limit)}", limit))
    assert measured != expected.removeprefix("< ") or abs(limit - value) < 1e-13 * value
