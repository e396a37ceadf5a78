"""Every sink: it opens, takes readings, closes; what it wrote is there; none of its troubles reaches a training."""

import json
import math
import threading

import pytest
import torch
from torch import nn

import babysit
from babysit.errors import MissingExtra, OutputError, RecipeError
from babysit.record import Run
from babysit.registry import members
from babysit.sinks import Sink, Sinks, opened
from babysit.watcher.recording import Recording

SINKS = members("babysit.sinks", Sink)
READINGS = {("loss.train", ""): 2.5, ("update.ratio", "layers.0.weight"): 1e-3, ("loss.val", ""): math.nan}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")


@pytest.mark.parametrize("name", SINKS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_takes_readings_and_closes(name):
    assert SINKS[name].__doc__
    try:
        sinks = opened([name], "run-1")
    except MissingExtra as error:
        pytest.skip(str(error))
    for step in range(3):
        sinks.write(step, READINGS)
    sinks.close()
    sinks.close()
    assert not sinks.failed
    assert sinks.lost == 0


def test_lines_are_json(tmp_path):
    sinks = opened(["lines:some/where.jsonl"], "run-1")
    sinks.write(7, READINGS)
    sinks.close()
    [line] = (tmp_path / "some/where.jsonl").read_text().splitlines()
    assert json.loads(line) == {"step": 7, "loss.train": 2.5, "update.ratio/layers.0.weight": 1e-3, "loss.val": None}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_what_was_written(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    sinks = opened([f"tensorboard:{tmp_path}"], "run-1")
    sinks.write(7, {("loss.train", ""): 2.5})
    sinks.close()
    [file] = (tmp_path / "run-1" / "tensorboard").iterdir()
    found = [
        (event.step, value.tag, value.tensor.float_val[0])
        for event in EventFileLoader(str(file)).Load()
        for value in event.summary.value
    ]
    assert found == [(7, "loss.train", 2.5)]


def test_a_sink_that_fails_is_left_out_and_said():
    class Bad:
        def write(self, step, readings):
            raise ConnectionError("nobody there")

        def close(self):
            raise AssertionError("it was left out")

    run = Run()
    recording = Recording(run, sinks=Sinks({"bad": Bad()}))
    recording.append(1, READINGS, 0.1)
    recording.close()
    assert run.last("loss.train") == 2.5
    assert [event.detail["text"] for event in run.events] == [
        "the sink bad was left out: ConnectionError: nobody there"
    ]


def test_a_sink_that_hangs_makes_nobody_wait(monkeypatch):
    monkeypatch.setattr("babysit.sinks.WAITING", 5)
    go = threading.Event()

    class Slow:
        def write(self, step, readings):
            go.wait(60)

        def close(self):
            pass

    sinks = Sinks({"slow": Slow()})
    for step in range(50):
        sinks.write(step, READINGS)
    assert 40 <= sinks.lost <= 45
    go.set()
    sinks.close()


def test_a_watched_training_is_written(tmp_path):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with babysit.watch(model, optimizer, sinks=["lines:run.jsonl"]) as w:
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(torch.randn(8, 3)), torch.randint(2, (8,))).backward()
            optimizer.step()
    told = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    losses = {line["step"]: line["loss.train"] for line in told if "loss.train" in line}
    assert losses == dict(
        zip(w.run.series("loss.train").steps.tolist(), w.run.series("loss.train").values.tolist(), strict=True)
    )


def test_what_there_is_not_is_said(tmp_path):
    with pytest.raises(RecipeError, match="did you mean tensorboard"):
        opened(["tensorbord"], "run-1")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="must be written"):
        opened(["lines:file/run.jsonl"], "run-1")
