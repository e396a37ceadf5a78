"""`babysit train` on every kind of file that people bring, made here in the real format, from the file to the test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from babysit.record.store import read
from tests.units.data import make

from .command import cli

LEAN = ["--no-search", "--go-on", "--json", "--quiet", "model=mlp", "width=32", "depth=1", "epochs=12", "lr=0.01", "dropout=0"]  # fmt: skip


def arrays(folder: Path) -> Path:
    x, y = make.pictures(240, 4, (1, 8, 8))
    np.savez(folder / "squares.npz", X=x, y=y)
    return folder / "squares.npz"


@pytest.mark.parametrize(
    ("made", "classes", "shape"),
    [
        (lambda folder: make.cifar(folder / "cifar", "10-python", 240), 10, [3, 32, 32]),
        (lambda folder: make.cifar(folder / "cifar-10-python.tar.gz", "10-python", 240, tar=True), 10, [3, 32, 32]),
        (lambda folder: make.cifar(folder / "cifar", "10-binary", 240), 10, [3, 32, 32]),
        (lambda folder: make.idx(folder / "digits", 240, zipped=True), 10, [1, 28, 28]),
        (lambda folder: make.idx(folder / "pair", 240, test=0) / "train-images-idx3-ubyte", 10, [1, 28, 28]),
        (arrays, 4, [1, 8, 8]),
        (lambda folder: make.image_folder(folder / "photos", 90), 3, [3, 16, 16]),
        (lambda folder: make.flowers(folder / "flowers.csv", 150), 3, None),
    ],
    ids=["cifar-python", "cifar-tar", "cifar-binary", "idx-gz", "idx-pair", "npz", "images", "csv"],
)
def test_from_the_file_to_the_test(empty_folder, capsys, made, classes, shape):
    place = made(empty_folder)
    target = ["target=kind"] if place.suffix == ".csv" else []
    assert cli("train", place, *LEAN, *target, "--out", "out") == 0, capsys.readouterr().err
    found = json.loads(capsys.readouterr().out)
    assert found["test"]["accuracy"] > 2.5 / classes
    facts = read("out").fact("data")
    assert len(facts["classes"]) == classes
    assert shape is None or facts["shape"] == shape


def test_a_small_set_says_that_the_validation_part_was_learned_from_too(empty_folder, capsys):
    make.flowers(Path("flowers.csv"), 120)
    assert cli("train", "flowers.csv", "target=kind", *LEAN[:2], *LEAN[4:], "--out", "out") == 0
    told = capsys.readouterr().err
    assert "small set     the final network also learns from the validation part" in told
    assert "doctor" in told
    run = read("out")
    assert run.fact("folds")["examples"] == 120 - run.fact("test")["n"]
    assert run.fact("val")["folds"] == 5
    steps = run.series("loss.val").steps
    assert len(steps) == run.fact("folds")["until"]
    assert run.fact("epochs")["length"] == steps[0]
    assert {"modules", "parameters", "criteria", "task", "recipe", "data", "checks"} <= set(run.facts)


def test_our_own_run_is_healthy(empty_folder, capsys):
    assert cli("train", "digits", "--no-search", "--quiet", "model=mlp", "width=64", "epochs=12", "--out", "out") == 0
    assert capsys.readouterr().out.startswith("out  test accuracy 0.9")
    assert cli("diagnose", "out", "--fail-on", "warning", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["status"] == "healthy"
