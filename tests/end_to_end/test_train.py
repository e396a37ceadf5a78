"""`babysit train`, `predict`, `export`, from the command line: whole runs, stopped runs, bad input."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import babysit
from babysit.doctor import diagnose
from babysit.record import Recipe
from babysit.record.store import read
from babysit.trainer import Interrupted, load_model, predict, train

from .command import cli

FAST = ["--no-search", "epochs=3", "model=mlp", "width=32", "lr=0.01", "dropout=0"]


@pytest.fixture
def flowers(empty_folder):
    """A CSV of three kinds of flowers with a column of words."""
    draw = np.random.default_rng(0)
    with open("flowers.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "colour", "kind"])
        for row in range(120):
            kind = row % 3
            colour = ["red", "blue", "white"][kind] if draw.random() < 0.9 else "green"
            writer.writerow([round(draw.normal(kind * 2, 0.5), 3), colour, ["ape", "bee", "cat"][kind]])
    return empty_folder


def test_the_result_goes_to_stdout_in_a_line(empty_folder, capsys):
    assert cli("train", "iris", *FAST, "--out", "out") == 0
    assert re.fullmatch(r"out  test accuracy [01]\.\d{4}  \(95 %: .+ … .+; 30 examples\)\n", capsys.readouterr().out)


def test_digits_whole(empty_folder, capsys):
    assert cli("train", "digits", *FAST, "--json", "--out", "out") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert list(found) == ["schema", "run", "seconds", "test", "val", "recipe", "checks", "trials"]
    assert (found["schema"], found["run"], found["trials"]) == (1, "out", 0)
    assert set(found["test"]) == {"accuracy", "interval", "n"}
    low, high = found["test"]["interval"]
    assert 0.8 < low < found["test"]["accuracy"] < high <= 1
    assert [one["id"] for one in found["checks"]] == [
        "initial-loss", "regularization-wired", "overfits-tiny-subset", "learning-rate-range",
    ]  # fmt: skip
    assert all(set(one) == {"id", "passed", "expected", "measured"} for one in found["checks"])
    assert found["recipe"]["epochs"] == 3
    left = {one.name for one in Path("out").iterdir()} - {"run.sqlite-shm", "run.sqlite-wal"}
    assert left - {"report.html"} == {"model.safetensors", "recipe.toml", "run.sqlite"}
    for title in ("Data", "Preprocess", "Architecture", "Before learning", "Train", "Test"):
        assert title in told.err
    assert "\x1b" not in told.err

    run = read("out")
    assert run.fact("test") == found["test"]
    assert len(run.series("loss.val")) == 3
    assert Recipe.from_toml("out/recipe.toml").to_dict() == found["recipe"]
    assert run.vectors("confusion")[0][1].sum() == found["test"]["n"]


def test_the_saved_model_gives_the_test_accuracy_and_its_statistics_are_trains(empty_folder):
    recipe = Recipe(data="digits", model="mlp", width=16, epochs=3, preprocess="standardize")
    run = train(recipe)
    assert run.folder == Path("runs/digits-1")
    model, split = load_model(run), babysit.data.load(recipe)
    with torch.no_grad():
        right = (model(split.test.x).argmax(1) == split.test.y).float().mean()
    assert float(right) == pytest.approx(run.fact("test")["accuracy"], abs=1e-6)
    assert float(model.preprocess.mean) == pytest.approx(float(split.train.x.mean()), rel=1e-5)
    assert train(recipe).folder == Path("runs/digits-2")


def test_a_table_is_learned_and_used_with_nothing_else(flowers, capsys):
    assert cli("train", "flowers.csv", "target=kind", "--no-search", "epochs=40", "--out", "out") == 0
    rows = Path("flowers.csv").read_text().splitlines()
    Path("new.csv").write_text("colour,length\n" + "red,0.1\nwhite,4.2\n")
    Path("flowers.csv").unlink()
    capsys.readouterr()
    assert cli("predict", "out", "new.csv") == 0
    table = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["prediction"] for row in table] == ["ape", "cat"]
    assert list(table[0]) == ["example", "prediction", "p(ape)", "p(bee)", "p(cat)"]
    assert sum(float(table[0][f"p({name})"]) for name in ("ape", "bee", "cat")) == pytest.approx(1, abs=1e-4)
    assert cli("predict", "out", "new.csv", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["prediction"] for one in found["predictions"]] == ["ape", "cat"]
    assert found["classes"] == ["ape", "bee", "cat"]
    assert len(rows) == 121


@pytest.fixture
def photos(empty_folder):
    """Dark and light images, in a folder for each kind."""
    draw = np.random.default_rng(0)
    for kind, shade in (("dark", 40), ("light", 200)):
        Path("photos", kind).mkdir(parents=True)
        for number in range(30):
            pixels = np.clip(draw.normal(shade, 30, (12, 12, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(f"photos/{kind}/{number}.png")


def test_images_that_change_for_every_batch_are_trained_with_the_search_in_its_place(photos, capsys):
    told = ["photos/", "resize=8", "augment=flip+crop", "width=4", "epochs=4", "--time", "15s", "--out", "out"]
    assert cli("train", *told) == 0
    assert re.search(r"images\s+anew\s+for\s+every\s+batch|no search", capsys.readouterr().err)
    assert load_model("out") is not None
    assert read("out").fact("test")["accuracy"] > 0.8


def test_a_folder_of_images(photos, capsys):
    assert cli("train", "photos", "--no-search", "epochs=3", "width=4", "augment=flip+crop", "--out", "out") == 0
    Path("new").mkdir()
    Image.fromarray(np.full((12, 12, 3), 210, np.uint8)).save("new/a.png")
    Image.fromarray(np.full((12, 12, 3), 30, np.uint8)).save("new/b.png")
    capsys.readouterr()
    assert cli("predict", "out", "new") == 0
    table = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {Path(row["example"]).name: row["prediction"] for row in table} == {"a.png": "light", "b.png": "dark"}


def test_a_regression(empty_folder, capsys):
    assert cli("train", "diabetes", "--no-search", "--json", "--quiet") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert told.err == ""
    low, high = found["test"]["interval"]
    assert low < found["test"]["r2"] < high
    split = babysit.data.load(Recipe(data="diabetes"))
    run = read(found["run"])
    model = load_model(run)
    with torch.no_grad():
        outputs = model(split.test.x)
    assert outputs.shape == split.test.y.shape
    rest = (outputs - split.test.y).square().sum() / (split.test.y - split.test.y.mean()).square().sum()
    assert float(1 - rest) == pytest.approx(found["test"]["r2"], abs=1e-4)
    assert predict(run, split.test.x.numpy()).probabilities is None


def test_what_the_doctor_found_is_kept_with_the_run(empty_folder):
    run = train(
        Recipe(data="iris", epochs=30, width=8, lr=1e-7), out="out", go_on=True, given={"epochs", "width", "lr"}
    )
    found = [one.id for one in diagnose(read("out")).findings]
    assert found
    assert [one.id for one in read("out").findings] == [one.id for one in run.findings] == found


def test_python_objects_as_data(empty_folder):
    x = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    run = train(Recipe(epochs=3, width=8), data=(x, (x[:, 0] > 0).astype(np.int64)), out="out")
    assert run.fact("test")["n"] == 16
    assert predict(run, x[:5]).values.shape == (5,)


@pytest.mark.parametrize(
    "fields", [[], ["norm=batch", "preprocess=whiten", "components=20"]], ids=["plain", "whitened"]
)
def test_onnx_gives_the_same(empty_folder, capsys, fields):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    import onnxruntime

    assert cli("train", "digits", *FAST, "--out", "out", *fields) == 0
    capsys.readouterr()
    assert cli("export", "out", "--onnx", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["largest_difference"] < 1e-3
    session = onnxruntime.InferenceSession(found["file"])
    x = babysit.data.load(Recipe(data="digits")).test.x[:11]
    with torch.no_grad():
        wanted = load_model("out")(x).numpy()
    got = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3)


# stopped and resumed

LONG = ["digits", "--no-search", "--go-on", "model=mlp", "width=32", "epochs=200", "dropout=0.2", "norm=batch"]
_CODE = """
import sys
import babysit.trainer.stopping as stopping
stopping.SAVE_EVERY = 0.1
from babysit.cli import main
main(sys.argv[1:])
"""


def start(*args: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", _CODE, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(path: Path, process: subprocess.Popen, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_outright_it_resumes_bit_equal_to_the_unbroken_run(empty_folder):
    assert cli("train", *LONG, "--out", "whole", "--quiet") == 0
    process = start("train", *LONG, "--out", "killed", "--quiet")
    wait_for(Path("killed/checkpoint.safetensors"), process)
    time.sleep(random.Random(os.getpid()).uniform(0.0, 0.8))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not Path("killed/model.safetensors").exists()
    assert cli("train", "--resume", "killed", "--no-search", "--quiet") == 0
    whole, killed = load_file("whole/model.safetensors"), load_file("killed/model.safetensors")
    assert whole.keys() == killed.keys()
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    first, second = read("whole"), read("killed")
    assert first.fact("test") == second.fact("test")
    for what in ("loss.train", "loss.val", "accuracy.val", "lr"):
        assert np.array_equal(first.series(what).steps, second.series(what).steps)
        assert np.array_equal(first.series(what).values, second.series(what).values)
    assert not Path("killed/checkpoint.safetensors").exists()


def test_ctrl_c_saves_and_prints_the_command_that_resumes(empty_folder):
    process = start("train", *LONG, "--out", "a run")
    wait_for(Path("a run/checkpoint.safetensors"), process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with: babysit train --resume 'a run' --no-search --go-on" in told.decode()
    assert "Traceback" not in told.decode()
    assert cli("train", "--resume", "a run", "--no-search", "--quiet") == 0
    assert read("a run").fact("test")["accuracy"] > 0.9


def test_stopped_while_deciding_it_can_be_resumed(empty_folder):
    def impatient(*args, **more):
        raise KeyboardInterrupt

    recipe = Recipe(data="iris", epochs=3, width=8)
    with pytest.raises(Interrupted):
        train(recipe, out="out", search=impatient)
    assert train(resume="out").fact("test")["n"] == 30


def test_resuming_a_finished_run_gives_it_as_it_is(empty_folder, capsys):
    run = train(Recipe(data="iris", epochs=3, width=8), out="out")
    before = Path("out/model.safetensors").read_bytes()
    assert train(resume=run).fact("seconds") == run.fact("seconds")
    assert Path("out/model.safetensors").read_bytes() == before


def test_a_resumed_run_needs_the_data_it_began_with(flowers, capsys):
    def impatient(*args, **more):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        train(Recipe(data="flowers.csv", target="kind"), out="out", search=impatient, go_on=True)
    lines = Path("flowers.csv").read_text().splitlines()
    Path("flowers.csv").write_text("\n".join(lines[:-10]) + "\n")
    assert cli("train", "--resume", "out") == 3
    assert "has changed since" in capsys.readouterr().err


# a search that is handed in, and time


def test_the_best_of_a_search_is_trained(empty_folder):
    from babysit.record.study import Study, Trial

    asked = {}

    def search(recipe, split, *, fields, ranges, seconds, on_trial, out):
        asked.update(fields=fields, ranges=ranges, seconds=seconds, width=recipe.width)
        trials = [Trial(0, {"width": 8, "lr": 0.02}, score=0.9, epochs=2), Trial(1, {"width": 4}, score=0.5, epochs=2)]
        on_trial(trials)
        return Study(space={}, trials=trials)

    run = train(Recipe(data="iris", epochs=5, width=16), search=search, fields=["width", "lr"], time="1m")
    assert (run.fact("recipe")["width"], run.fact("recipe")["lr"], run.fact("recipe")["epochs"]) == (8, 0.02, 5)
    assert asked["fields"] == ["width", "lr"]
    low, high = asked["ranges"]["lr"]
    assert 0 < low < high
    assert 5 < asked["seconds"] < 60
    assert len(run.fact("study")["trials"]) == 2


def test_a_small_budget_means_fewer_epochs_and_the_schedule_still_ends(empty_folder):
    run = train(Recipe(data="digits", model="mlp", epochs=5000), time=8)
    assert 1 <= run.fact("recipe")["epochs"] < 5000
    if run.events_of("end")[-1].detail["reason"] == "time":
        pytest.skip("the machine grew slower after its speed was measured")
    assert run.series("lr").last < 1e-5


SLOWER = """
import time
from torch import nn

class Slower(nn.Linear):
    evaluated = 0
    def forward(self, x):
        Slower.evaluated += not self.training and len(x) == 27  # validation
        time.sleep(0.05 if Slower.evaluated > 5 else 0)
        return super().forward(x)

def make(shape, classes):
    return Slower(shape[0], classes)
"""


def test_a_training_that_grows_slower_than_was_measured_keeps_to_its_time(empty_folder):
    Path("mynet.py").write_text(SLOWER)
    began = time.perf_counter()
    run = train(Recipe(data="wine", model="mynet.py:make", epochs=100_000, patience=0, batch=4), time=6, go_on=True)
    assert time.perf_counter() - began < 20  # it would take hours; the checks and the report have no part in this
    assert run.events_of("end")[-1].detail["reason"] == "time"
    assert 1 <= len(run.events_of("epoch")) < run.fact("recipe")["epochs"]


def test_steps_are_numbered_without_gaps(empty_folder, capsys):
    assert cli("train", "iris", *FAST, "--out", "out") == 0
    told = capsys.readouterr().err
    assert re.findall(r"^ (\d)  (\w+)", told, re.MULTILINE) == [
        ("1", "Data"), ("2", "Preprocess"), ("3", "Architecture"), ("4", "Before"), ("5", "Train"), ("6", "Test"),
    ]  # fmt: skip


# bad input


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["digits", "activaton=relu"], 2, "did you mean activation"),
        (["digits", "activation=rely"], 2, "did you mean relu"),
        (["digits", "lr=-1"], 2, "> 0 must hold"),
        (["digits", "lr"], 2, "field=value must hold"),
        (["digits", "val=0.5", "test=0.6"], 2, "val + test < 1"),
        (["digits", "loss=hinge", "label_smoothing=0.1"], 2, "label_smoothing"),
        (["digits", "loss=mse"], 2, "loss must be cross_entropy or hinge"),
        (["diabetes", "loss=hinge"], 2, "loss must be mse"),
        (["digits", "--time", "soon"], 2, "like 90s, 2m"),
        (["digits", "--device", "gpu"], 2, "device must be auto"),
        (["digits", "model=nowhere:net"], 2, "nowhere"),
        (["digts"], 3, "did you mean digits"),
        (["missing.csv"], 3, "missing.csv"),
        ([], 2, "SOURCE"),
        (["digits", "--resume", "x"], 2, "either a SOURCE or --resume"),
        (["--resume", "nowhere"], 3, "nowhere"),
        (["recipe.toml"], 2, "recipe.toml"),
        (["iris", "preprocess=channel-mean"], 2, "needs images"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_usage(empty_folder, capsys, args, code, says):
    assert cli("train", *args) == code
    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
    assert not list(Path().iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(empty_folder, capsys):
    assert cli("train", "iris", "--device", "cuda") == 2
    assert "use device=cpu" in capsys.readouterr().err


def test_a_recipe_file(empty_folder, capsys):
    Path("mine.toml").write_text('data = "iris"\nwidth = 8\nepochs = 3\n')
    assert cli("train", "mine.toml", "depth=1", "--seed", "4", "--no-search", "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)["recipe"]
    assert (found["width"], found["depth"], found["epochs"], found["seed"]) == (8, 1, 3, 4)
    Path("mine.toml").write_text("data = ")
    assert cli("train", "mine.toml") == 2
    assert "not valid TOML" in capsys.readouterr().err


def test_a_gate_that_fails_stops_with_the_reason_unless_told_to_go_on(empty_folder, capsys):
    assert cli("train", "digits", *FAST, "init=large") == 1
    assert "initial-loss: expected 2.3" in capsys.readouterr().err
    assert not list(Path().iterdir())
    assert cli("train", "digits", *FAST, "init=large", "--go-on", "--quiet") == 0


def test_folders_that_cannot_be_written(empty_folder, capsys):
    Path("file").write_text("x")
    Path("full").mkdir()
    Path("full/mine.txt").write_text("x")
    for out, says in (
        ("file", "is a file"),
        ("full", "holds files"),
        ("file/below", "writable"),
        ("/proc/x", "writable"),
    ):
        assert cli("train", "iris", "--out", out, "--quiet") == 2
        assert says in capsys.readouterr().err
    assert Path("full/mine.txt").read_text() == "x"
    assert {one.name for one in Path().iterdir()} == {"file", "full"}


def test_a_disk_that_fills_up(empty_folder):
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from babysit.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    args = ["train", "digits", "--no-search", "epochs=1", "model=mlp", "width=512", "--out", "out", "--quiet"]
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "must be writable" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("out/model.safetensors").exists()


def test_models_that_cannot_be_read(empty_folder, capsys):
    assert cli("predict", "nowhere", "x.csv") == 3
    assert cli("export", "nowhere", "--onnx") == 3
    Path("out").mkdir()
    assert cli("predict", "out", "x.csv") == 3
    assert "model.safetensors" in capsys.readouterr().err
    Path("out/model.safetensors").write_bytes(b"\x80\x04\x95pickle")
    assert cli("predict", "out", "x.csv") == 3
    assert "whole safetensors" in capsys.readouterr().err
    assert cli("export", "out") == 2
    train(Recipe(data="iris", epochs=2, width=8), out="iris")
    Path("x.csv").write_text("a,b\n1,2\n")
    assert cli("predict", "iris", "x.csv") == 3
    assert "Traceback" not in capsys.readouterr().err
