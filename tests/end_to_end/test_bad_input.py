"""Bad input, from the command line: what must hold, what was found, the way out; nothing half-written, no traceback."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from babysit import Recipe
from babysit.trainer import train
from tests.units.data import make

from .command import cli


def lines(*rows: str) -> bytes:
    return ("\n".join(rows) + "\n").encode()


def table(*rows: str) -> Callable[[Path], list[str]]:
    """A CSV of these rows, with its target."""

    def made(folder: Path) -> list[str]:
        make.write(folder / "x.csv", lines("a,b,kind", *rows))
        return ["x.csv", "target=kind"]

    return made


def file(name: str, data: bytes) -> Callable[[Path], list[str]]:
    def made(folder: Path) -> list[str]:
        make.write(folder / name, data)
        return [name]

    return made


def corrupt_image(folder: Path) -> list[str]:
    make.image_folder(folder / "photos", 30)
    broken = sorted((folder / "photos" / "class1").iterdir())[2]
    broken.write_bytes(broken.read_bytes()[:60])
    broken.rename(broken.with_name("broken.png"))
    return ["photos"]


def wrong_magic(folder: Path) -> list[str]:
    make.idx(folder / "d", 30)
    path = folder / "d" / "train-images-idx3-ubyte"
    path.write_bytes(b"\x01" + path.read_bytes()[1:])
    return ["d"]


def cut_idx(folder: Path) -> list[str]:
    make.idx(folder / "d", 30)
    path = folder / "d" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    return ["d"]


def cut_cifar(folder: Path) -> list[str]:
    path = make.cifar(folder / "c", "10-binary", 60) / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-7])
    return ["c"]


class Touch:
    """What a pickle could do: make a file."""

    def __reduce__(self):
        return (Path.touch, (Path("hacked"),))


def evil_cifar(folder: Path) -> list[str]:
    make.cifar(folder / "c", "10-python", 60)
    (folder / "c" / "data_batch_1").write_bytes(pickle.dumps(Touch()))
    return ["c"]


def evil_npz(folder: Path) -> list[str]:
    np.savez(folder / "x.npz", X=np.array([Touch(), Touch()], dtype=object), y=np.arange(2))
    return ["x.npz"]


def cut_npz(folder: Path) -> list[str]:
    np.savez(folder / "x.npz", X=np.zeros((40, 3), np.float32), y=np.arange(40) % 2)
    path = folder / "x.npz"
    path.write_bytes(path.read_bytes()[:200])
    return ["x.npz"]


ROWS = [f"{row},{row % 7},{'xy'[row % 2]}" for row in range(40)]
BAD: dict[str, tuple[Callable[[Path], list[str]], list[str]]] = {
    "missing file": (lambda folder: ["nowhere.csv"], ["nowhere.csv"]),
    "empty file": (file("x.csv", b""), ["x.csv", "empty"]),
    "header alone": (table(), ["x.csv"]),
    "no such target": (lambda folder: [*table(*ROWS)(folder)[:1], "target=kindd"], ["did you mean kind"]),
    "one class": (table(*[f"{row},1,x" for row in range(40)]), ["class"]),
    "fewer rows than classes": (table("1,2,x", "2,3,y", "4,5,z"), ["class"]),
    "missing value": (table(*ROWS[:20], "3,,x", *ROWS[20:]), ["row", "b", "missing="]),
    "infinite": (table(*ROWS[:20], "3,inf,x", *ROWS[20:]), ["inf"]),
    "ragged": (table(*ROWS[:20], "3,4", *ROWS[20:]), ["x.csv"]),
    "corrupt image": (corrupt_image, ["broken.png"]),
    "wrong magic": (wrong_magic, ["train-images-idx3-ubyte"]),
    "cut IDX": (cut_idx, ["train-images-idx3-ubyte", "truncated"]),
    "cut CIFAR": (cut_cifar, ["data_batch_2.bin"]),
    "CIFAR that runs code": (evil_cifar, ["data_batch_1"]),
    "npz that runs code": (evil_npz, ["pickle"]),
    "cut npz": (cut_npz, ["x.npz"]),
    "cut gzip": (file("x-images-idx3-ubyte.gz", zlib.compress(b"x")), ["x-"]),
}


@pytest.mark.parametrize("case", BAD)
def test_data_that_cannot_be_learned_from(empty_folder, capsys, case):
    made, says = BAD[case]
    args = made(empty_folder)
    before = sorted(Path().rglob("*"))
    assert cli("train", *args, "--no-search") == 3
    told = capsys.readouterr().err
    for word in says:
        assert word in told, told
    assert "Traceback" not in told
    assert sorted(Path().rglob("*")) == before


def test_a_damaged_plan_or_checkpoint_is_not_resumed(empty_folder, capsys):
    def impatient(*args, **more):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Recipe(data="iris", epochs=3, width=8), out="out", search=impatient)
    plan = Path("out/plan.json").read_text()
    Path("out/checkpoint.safetensors").write_bytes(b"not a checkpoint")
    assert cli("train", "--resume", "out", "--no-search") == 3
    assert "checkpoint.safetensors" in capsys.readouterr().err
    Path("out/plan.json").write_text(plan[: len(plan) // 2])
    assert cli("train", "--resume", "out") == 3
    told = capsys.readouterr().err
    assert "the plan of out can't be read" in told
    assert "Traceback" not in told


@pytest.fixture(scope="module")
def iris_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iris") / "out"
    train(Recipe(data="iris", epochs=2, width=8), out=folder)
    return folder


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["a,b", "1,2"], ""),
        (["1,2,3", "4,5,6"], ""),
        (["sepal length (cm)", "x"], ""),
    ],
    ids=["other columns", "fewer columns", "text"],
)
def test_examples_that_do_not_fit_the_model(empty_folder, capsys, iris_run, rows, says):
    make.write(Path("x.csv"), lines(*rows))
    assert cli("predict", iris_run, "x.csv") == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert "babysit: " in told.err
    assert "Traceback" not in told.err


def test_a_damaged_model_predicts_nothing(empty_folder, capsys, iris_run):
    whole = (iris_run / "model.safetensors").read_bytes()
    Path("bad").mkdir()
    make.write(Path("x.csv"), lines("a,b,c,d", "1,2,3,4"))
    for data in (whole[: len(whole) // 2], b"", b"\x80\x04\x95pickle", whole[:8] + b"{" * 30 + whole[38:]):
        Path("bad/model.safetensors").write_bytes(data)
        assert cli("predict", "bad", "x.csv") == 3
        assert "Traceback" not in capsys.readouterr().err
