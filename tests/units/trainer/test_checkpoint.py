"""Files that are whole or not there."""

from __future__ import annotations

import os

import pytest
import torch
from safetensors.torch import save_file

from babysit.errors import OutputError, RecordError
from babysit.trainer.checkpoint import load_tensors, make, save_tensors, write


def test_tensors_and_plain_values_come_back_bit_equal(tmp_path):
    tensors = {
        "a": torch.tensor([1.0, float("nan"), -0.0]),
        "b": torch.arange(5, dtype=torch.uint8),
        "scalar": torch.tensor(3, dtype=torch.int64),
        "turned": torch.arange(6.0).reshape(2, 3).T,
    }
    tensors["shared"] = tensors["a"]
    path = tmp_path / "x.safetensors"
    save_tensors(path, tensors, {"floats": [0.1, 1 / 3, 1e-300], "none": None})
    got, plain = load_tensors(path)
    assert set(got) == set(tensors)
    for name, one in tensors.items():
        assert got[name].dtype == one.dtype
        assert got[name].numpy().tobytes() == one.contiguous().numpy().tobytes()
    assert plain == {"schema": 1, "floats": [0.1, 1 / 3, 1e-300], "none": None}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x"
    write(path, "old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"x must be writable.*No space left"):
        write(path, "new")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_a_failed_maker_leaves_nothing(tmp_path):
    def half(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError):
        make(tmp_path / "x", half)
    assert not list(tmp_path.iterdir())


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(RecordError, match="has none"):
        load_tensors(path)
    path.write_bytes(b"not safetensors at all")
    with pytest.raises(RecordError, match="whole safetensors"):
        load_tensors(path)
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(RecordError, match="written by babysit"):
        load_tensors(path)
    save_file({"a": torch.zeros(2)}, path, metadata={"babysit": '{"schema": 99}'})
    with pytest.raises(RecordError, match="update babysit"):
        load_tensors(path)
    save_tensors(path, {"a": torch.arange(1000.0)}, {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RecordError, match="whole safetensors"):
        load_tensors(path)
