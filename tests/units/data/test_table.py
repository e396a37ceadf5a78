"""Tables: what a column becomes, learned on train alone; what is wrong, with row and column."""

from __future__ import annotations

import contextlib
import datetime
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from babysit import Recipe
from babysit.data import encoding_from, load
from babysit.errors import DataError, RecipeError

from . import make

COUNT = 60
KIND = np.array(["a", "b", "c"])[np.arange(COUNT) % 3].tolist()
NUMBERS = np.round(np.random.default_rng(0).normal(size=COUNT), 3).tolist()


def recipe(path, **more):
    return Recipe(data=str(path), **{"target": "kind", **more})


def table(tmp_path, delimiter=",", name="t.csv", **columns):
    return make.csv(tmp_path / name, {"number": NUMBERS, **columns, "kind": KIND}, delimiter)


def all_rows(split):
    """(x, y) in the order of the file, and which rows are train's."""
    x = torch.empty(sum(len(part) for part in split.parts.values()), *split.shape)
    y = torch.empty(len(x), dtype=split.train.y.dtype)
    for part in split.parts.values():
        x[part.index], y[part.index] = part.gather(torch.arange(len(part)))
    return x.numpy(), y.numpy(), split.train.index


@pytest.mark.parametrize("memory", [100, 1 << 30])
def test_numbers_truth_and_categories(tmp_path, memory):
    colour = np.array(["red", "blue", "a, b"])[np.arange(COUNT) // 3 % 3].tolist()
    quoted = [f'"{one}"' for one in colour]
    truth = ["TRUE", "false"] * (COUNT // 2)
    split = load(recipe(table(tmp_path, colour=quoted, truth=truth)), memory=memory)
    x, y, _ = all_rows(split)
    assert split.train.whole == (memory > 100)
    assert split.features == ("number", "colour=a, b", "colour=blue", "colour=red", "truth")
    assert split.classes == ("a", "b", "c")
    assert (x[:, 0] == np.float32(NUMBERS)).all()
    assert (x[:, 1:4] == [[one == name for name in ("a, b", "blue", "red")] for one in colour]).all()
    assert (x[:, 4] == [1, 0] * (COUNT // 2)).all()
    assert [split.classes[one] for one in y] == KIND


@pytest.mark.parametrize("memory", [100, 1 << 30])
def test_missing_cells_get_the_mean_of_train_alone(tmp_path, memory):
    size = [None if row % 7 == 0 else float(row) for row in range(COUNT)]
    colour = [None if row % 11 == 0 else "red" if row % 4 else "blue" for row in range(COUNT)]
    path = table(tmp_path, size=size, colour=colour)
    split = load(recipe(path, missing="mean"), memory=memory)
    x, _, train = all_rows(split)
    gone = np.array([one is None for one in size])
    present = [size[row] for row in train if size[row] is not None]
    np.testing.assert_allclose(x[gone, 1], np.mean(present), rtol=1e-6)
    colours = [colour[row] for row in train if colour[row]]
    blank = np.array([one is None for one in colour])
    np.testing.assert_allclose(
        x[blank][:, 2:], [[colours.count(c) / len(colours) for c in ("blue", "red")]] * blank.sum()
    )
    assert split.notes["missing"] == gone.sum() + blank.sum()
    assert split.notes["missing_by_column"] == {"size": gone.sum(), "colour": blank.sum()}


def test_missing_rows_are_dropped_or_named(tmp_path):
    size = ["NA" if row in (4, 9) else row for row in range(COUNT)]
    path = table(tmp_path, size=size)
    with pytest.raises(DataError, match=r"row 5, column 'size' of .*missing=mean or missing=drop"):
        load(recipe(path))
    split = load(recipe(path, missing="drop"))
    assert split.notes["dropped"] == 2
    assert not {4, 9} & {row for part in split.parts.values() for row in part.index.tolist()}
    for part in split.parts.values():
        assert (part.x[:, 1].numpy() == part.index).all()


def test_a_missing_target_is_never_made_up(tmp_path):
    kind = [None if row == 7 else KIND[row] for row in range(COUNT)]
    path = make.csv(tmp_path / "t.csv", {"number": NUMBERS, "kind": kind})
    for missing in ("error", "mean"):
        with pytest.raises(DataError, match="row 8, column 'kind'"):
            load(recipe(path, missing=missing))
    assert load(recipe(path, missing="drop")).notes["dropped"] == 1


def test_the_encoding_travels_as_json_and_encodes_new_files_the_same(tmp_path):
    colour = np.array(["red", "blue"])[np.arange(COUNT) % 2].tolist()
    size = [None if row == 3 else row for row in range(COUNT)]
    path = table(tmp_path, colour=colour, size=size)
    split = load(recipe(path, missing="mean"))
    encoding = encoding_from(json.loads(json.dumps(split.encoding.to_dict())))
    assert encoding == split.encoding
    assert (encoding.encode(str(path)).numpy() == all_rows(split)[0]).all()
    new = make.csv(
        tmp_path / "new.csv", {"size": [1, None], "extra": [0, 0], "colour": ["green", "red"], "number": [0, 1]}
    )
    mean = encoding.columns[2].mean
    np.testing.assert_allclose(encoding.encode(new), [[0, 0, 0, 1], [1, 0, 1, mean]], rtol=1e-6)
    as_mapping = {"size": [1, None], "colour": ["green", "red"], "number": [0, 1]}
    assert torch.equal(encoding.encode(as_mapping), encoding.encode(new))
    with pytest.raises(DataError, match="must have the column 'colour'"):
        encoding.encode(make.csv(tmp_path / "less.csv", {"size": [1], "number": [0]}))
    with pytest.raises(DataError, match=r"column 'number' of .*row 2 has 'x'"):
        encoding.encode(make.csv(tmp_path / "bad.csv", {"size": [1, 2], "number": [0, "x"], "colour": ["red", "red"]}))
    strict = load(recipe(table(tmp_path, colour=colour))).encoding
    with pytest.raises(DataError, match=r"row 2, column 'number'.*trained without missing"):
        strict.encode(make.csv(tmp_path / "gap.csv", {"number": [0, None], "colour": ["red", "red"]}))


def test_nothing_of_val_and_test_is_learned(tmp_path):
    split = load(recipe(table(tmp_path, name=f"{'n'}.csv", word=[f"w{row // 4}" for row in range(COUNT)])))
    train_words = {f"w{row // 4}" for row in split.train.index}
    assert {name.removeprefix("word=") for name in split.features[1:]} == train_words
    np.testing.assert_allclose(split.encoding.columns[0].mean, np.mean([NUMBERS[row] for row in split.train.index]))


@pytest.mark.parametrize(
    ("name", "delimiter"), [("t.csv", ","), ("t.csv", ";"), ("t.tsv", "\t"), ("t.csv", "|"), ("t.csv.gz", ",")]
)
def test_delimiters_and_gzip(tmp_path, name, delimiter):
    import gzip

    path = table(tmp_path, delimiter, name, other=NUMBERS[::-1])
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    x, _, _ = all_rows(load(recipe(path)))
    assert (x == np.float32([NUMBERS, NUMBERS[::-1]]).T).all()


def test_decimal_commas_between_semicolons_windows_lines_bom_and_quotes(tmp_path):
    lines = ["number;other;kind"]
    lines += [f'{str(a).replace(".", ",")};"{a}";{k}' for a, k in zip(NUMBERS, KIND, strict=True)]
    path = make.write(tmp_path / "t.csv", b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    x, _, _ = all_rows(load(recipe(path)))
    assert (x == np.float32([NUMBERS, NUMBERS]).T).all()


def test_parquet_types(tmp_path):
    columns = {
        "i": pa.array(range(COUNT), pa.int16()),
        "f": pa.array([None, *NUMBERS[1:]], pa.float32()),
        "t": pa.array([row % 2 == 0 for row in range(COUNT)]),
        "c": pa.array(["x", "y"] * (COUNT // 2)).dictionary_encode(),
        "kind": pa.array(KIND, pa.large_string()),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=17)
    for memory in (10, 1 << 30):
        split = load(recipe(tmp_path / "t.parquet", missing="mean"), memory=memory)
        x, _, _ = all_rows(split)
        assert split.features == ("i", "f", "t", "c=x", "c=y")
        assert (x[:, 0] == np.arange(COUNT)).all()
        assert (x[1:, 1] == np.float32(NUMBERS[1:])).all()
        assert (x[:, 2:] == [[1, 1, 0], [0, 0, 1]] * (COUNT // 2)).all()
    truth = load(recipe(tmp_path / "t.parquet", missing="mean", target="t"))
    assert truth.classes == ("False", "True")


@pytest.mark.parametrize(
    "values",
    [
        [datetime.date(2024, 1, 1 + row % 20) for row in range(COUNT)],
        [datetime.datetime(2024, 1, 1 + row % 20) for row in range(COUNT)],
        [[1, 2]] * COUNT,
        [b"a"] * COUNT,
    ],
)
def test_parquet_columns_that_are_no_numbers_or_text(tmp_path, values):
    pq.write_table(pa.table({"n": NUMBERS, "odd": values, "kind": KIND}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"'odd' of .* holds (dates|lists|raw)"):
        load(recipe(tmp_path / "t.parquet"))


def test_what_the_target_is(tmp_path):
    path = table(tmp_path, price=[f"{one}" for one in NUMBERS], grade=[1 + row % 5 for row in range(COUNT)])
    assert load(recipe(path, target="price")).task == "regression"
    grade = load(recipe(path, target="grade"))
    assert grade.classes == ("1", "2", "3", "4", "5")
    assert load(recipe(path, target="grade", loss="mse")).task == "regression"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"age": [*range(40), "forty", *range(41, 60)]}, r"column 'age' of .*row 41 has 'forty': a number must be"),
        ({"age": [*range(40), "inf", *range(41, 60)]}, r"row 41, column 'age'"),
        ({"age": [*range(40), "1e400", *range(41, 60)]}, r"row 41, column 'age'"),
        ({"day": [f"2024-01-{1 + row % 28:02}" for row in range(COUNT)]}, r"'day' of .* holds dates .*2024-01-01"),
        ({"day": [f"{1 + row % 28}/3/2024 10:00" for row in range(COUNT)]}, "dates"),
        ({"id": [f"id{row}" for row in range(COUNT)]}, "column 'id' .* 60 in 60 rows .* remove the column"),
        ({"none": [None] * COUNT}, "all are missing"),
        ({"": range(COUNT)}, "column 2 has none; was it written with pandas"),
    ],
)
def test_columns_that_cannot_be_learned_from(tmp_path, columns, words):
    with pytest.raises(DataError, match=words):
        load(recipe(table(tmp_path, **columns), missing="drop" if "none" in columns else "error"))


def bad(tmp_path, data, words, name="t.csv", error=DataError, **more):
    path = make.write(tmp_path / name, data if isinstance(data, bytes) else data.encode())
    with pytest.raises(error, match=words):
        load(recipe(path, **more))


def test_files_that_are_no_tables(tmp_path):
    rows = "".join(f"{row},{kind}\n" for row, kind in enumerate(KIND))
    bad(tmp_path, b"", "empty")
    bad(tmp_path, b" \n\n", "empty")
    bad(tmp_path, "number,kind\n", "only column names")
    bad(tmp_path, "number,number,kind\n1,2,a\n", "'number' is there twice")
    bad(tmp_path, "1,2,3\n4,5,6\n", "must hold column names, but it holds numbers")
    bad(tmp_path, f"number,kind\n{rows}7\n", r"every row of .* must have 2 cells, but row 61 has 1: '7'")
    bad(tmp_path, f"number,kind\n{rows}7,a,b\n", "must have 2 cells, but row 61 has 3")
    bad(tmp_path, f"number,kind\n{rows}".encode() + b"1,\xe9t\xe9\n", r"UTF-8, but line 62, byte 3 is b'\\xe9'")
    bad(tmp_path, b"number,kind\n1,a\n\xe9\n", r"line 3, byte 1 is b'\\xe9'")
    bad(tmp_path, b"number,kind\n1,a\n2,\xc3", "cut within a letter")
    bad(tmp_path, f"num\xe9ro,kind\n{rows}".encode("latin-1"), "UTF-8, but line 1")
    bad(tmp_path, f"number,kind\n{rows}".encode("utf-16"), "UTF-16")
    bad(tmp_path, b"\x89PNG\0\0\0", "zero bytes")
    bad(tmp_path, f"number,kind\n{rows}", r"target=kinds must be a column .* \(did you mean kind", target="kinds")
    bad(tmp_path, f"number,kind\n{rows}", "there are: number, kind", error=RecipeError, target=None)
    bad(tmp_path, "kind\na\nb\n", "only the target")
    bad(tmp_path, "number,kind\n1,a\n2,a\n3,a\n", "all 3 examples are 'a'")
    bad(tmp_path, "number,kind\n1,a\n2,b\n3,c\n", "3 different values in 3 rows")
    bad(tmp_path, f"number,kind\n{rows}", "PAR1", name="t.parquet")
    bad(tmp_path, b"PAR1 and nothing more", "damaged", name="t.parquet")
    bad(tmp_path, b"\x1f\x8b\x08\0\0\0", "truncated|damaged|readable", name="t.csv.gz")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="folder"):
        load(recipe(tmp_path / "folder.csv"))


def test_a_truncated_parquet_is_an_error(tmp_path):
    pq.write_table(pa.table({"n": NUMBERS, "kind": KIND}), tmp_path / "whole.parquet")
    data = (tmp_path / "whole.parquet").read_bytes()
    for keep in (4, 30, len(data) - 5):
        bad(tmp_path, data[:keep], "damaged", name="t.parquet")


def test_blank_lines_and_a_cell_over_two_lines(tmp_path):
    rows = "\n\n".join(f'{row},"{kind}\nx"' for row, kind in enumerate(KIND))
    path = make.write(tmp_path / "t.csv", f"\nnumber,kind\n{rows}\n".encode())
    split = load(recipe(path))
    assert split.classes == ("a\nx", "b\nx", "c\nx")
    assert sum(len(part) for part in split.parts.values()) == COUNT


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    values=st.lists(finite | st.integers(-1000, 1000), min_size=12, max_size=30), memory=st.sampled_from([0, 1 << 30])
)
def test_numbers_come_back_exactly(tmp_path_factory, values, memory):
    kind = [f"k{row % 2}" for row in range(len(values))]
    path = make.csv(tmp_path_factory.mktemp("csv") / "t.csv", {"v": [repr(one) for one in values], "kind": kind})
    x, _, _ = all_rows(load(recipe(path), memory=memory))
    assert (x[:, 0] == np.float32(values)).all()


words = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=6)


@given(
    cells=st.lists(st.tuples(words, words), max_size=12),
    start=st.sampled_from(["", "a,kind\n", "kind;b\n", '"a,kind\n']),
)
def test_any_text_is_a_data_error_or_a_table(tmp_path_factory, cells, start):
    text = start + "".join(f"{a},{b}\n" for a, b in cells)
    path = make.write(tmp_path_factory.mktemp("csv") / "t.csv", text.encode())
    with contextlib.suppress(DataError):
        load(recipe(path))


@given(st.binary(max_size=120))
def test_random_bytes_are_a_data_error(tmp_path_factory, data):
    path = make.write(tmp_path_factory.mktemp("csv") / "t.csv", data)
    with pytest.raises(DataError):
        load(recipe(path))


@pytest.mark.parametrize("blank", [b"\x1c", b"\xc2\xa0\n", b"\xef\xbb\xbf"])
def test_what_only_text_calls_blank_is_an_empty_file(tmp_path, blank):
    path = tmp_path / "t.csv"
    path.write_bytes(blank)
    with pytest.raises(DataError, match="must hold a table"):
        load(recipe(path))
