"""The reader of pickles without the power to run code."""

from __future__ import annotations

import contextlib
import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit.data.plainpickle import loads
from babysit.errors import DataError

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.binary(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(value=plain, protocol=st.integers(1, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back(value, protocol):
    assert loads(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("protocol", range(1, pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_bytes_come_back(protocol, order):
    array = np.asarray(np.arange(24, dtype=np.uint8).reshape(4, 6), order=order)
    assert (loads(pickle.dumps({b"data": array}, protocol))[b"data"] == array).all()


def test_the_text_of_python_2_comes_as_bytes():
    # {'labels': [3], 'data': array([[7, 8]], dtype=uint8)} as Python 2 with NumPy 1 wrote it
    old = (
        b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03K\x03aU\x04dataq\x04cnumpy.core.multiarray\n_reconstruct\nq\x05"
        b"cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07(K\x01K\x01K\x02\x86cnumpy\ndtype\nq\x08U\x02u1K\x00K\x01\x87"
        b"Rq\x09(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x02\x07\x08tbu."
    )
    found = loads(old)
    assert found[b"labels"] == [3]
    assert found[b"data"].tolist() == [[7, 8]]


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_code_runs(tmp_path, protocol):
    mark = tmp_path / "ran"
    attacks = [
        Attack(os.system, f"touch {mark}"),
        Attack(os.mkdir, str(mark)),
        Attack(eval, f"open({str(mark)!r}, 'w')"),
        Attack(getattr, os, "system"),
        Attack(np.load, str(mark)),
        {b"data": [Attack(os.mkdir, str(mark))]},
    ]
    for attack in attacks:
        try:
            data = pickle.dumps(attack, protocol)
        except (TypeError, pickle.PicklingError):  # a module can't be pickled
            continue
        with pytest.raises(DataError):
            loads(data)
        assert not mark.exists()
    with pytest.raises(DataError, match=r"asks for posix.mkdir|opcode"):
        loads(pickle.dumps(attacks[1], protocol))
    pickle.loads(pickle.dumps(attacks[1], protocol))  # it would have worked
    assert mark.exists()


@pytest.mark.parametrize(
    "attack",
    [
        b"cnumpy\nndarray\n.",
        b"cnumpy\nndarray\n(tR.",
        b"cnumpy\ndtype\nU\x01Ob.",
        b"\x80\x02cnumpy.core.multiarray\nscalar\n.",
        b"(i__main__\nThing\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"Pnumber 1\n.",
        b"\x80\x02c__builtin__\neval\nU\x031+1\x85R.",
    ],
)
def test_other_names_and_opcodes_are_refused(attack):
    with pytest.raises(DataError):
        loads(attack)


def test_arrays_of_objects_are_refused():
    with pytest.raises(DataError, match="not of bytes"):
        loads(pickle.dumps(np.array([{}], object), 2))


@given(st.binary(max_size=200))
def test_random_bytes_give_a_data_error_or_a_value(data):
    with contextlib.suppress(DataError):
        loads(data)


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_damaged_byte_gives_a_data_error_or_a_value(at, byte):
    data = bytearray(pickle.dumps({b"data": np.arange(12, dtype=np.uint8).reshape(2, 6), b"labels": [1, 2]}, 2))
    data[at % len(data)] = byte
    with contextlib.suppress(DataError):
        loads(bytes(data))


def test_a_small_pickle_cannot_become_a_large_tree():
    lists = b"\x80\x02]q\x00" + b"".join(b"0](h%ch%ceq%c" % (n, n, n + 1) for n in range(60)) + b"."
    assert loads(lists)[0] is loads(lists)[0] or len(loads(lists)) == 2
    tuples = b"\x80\x02)q\x00" + b"".join(b"0h%ch%c\x86q%c" % (n, n, n + 1) for n in range(60)) + b"q\x70}h\x70K\x01s."
    with pytest.raises(DataError, match="as a key"):
        loads(tuples)


def test_a_list_that_contains_itself_is_refused():
    with pytest.raises(DataError, match="contains itself"):
        loads(b"\x80\x02]q\x00h\x00a.")
