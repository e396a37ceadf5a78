"""The watcher in the ward: the true cause comes first, and the healthy are left in peace.

A fast part here, one program of each family; the whole of half "a" is slow. All programs run in forks of one warm
process, by `bench/ward.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .catalogue import programs

BENCH = Path(__file__).parents[2] / "bench" / "ward.py"
SICK = (
    "houses_missing",  # data
    "topics_no_step", "houses_zero_before_step", "digits_no_zero_grad",  # order of calls
    "events_data",  # coverage
    "digits_softmax_ce", "houses_broadcast", "houses_sigmoid",  # loss
    "digits_zero_weights", "tanh_large_init",  # init
    "houses_val_unscaled",  # generalization
    "houses_summed_sgd",  # rate
)  # fmt: skip
HEALTHY = (
    "cancer_mlp", "cosine_pairs", "digits_autoencoder", "digits_mlp", "ema_weights", "infonce", "sparse_words", "summed_small_lr",
)  # fmt: skip


def judged(names, folder: Path) -> dict[str, dict]:
    """What the watcher said of these programs."""
    file = folder / "results.json"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    subprocess.run([sys.executable, str(BENCH), "--only", *names, "--json", str(file)], check=True, env=env, capture_output=True)  # fmt: skip
    return {one["name"]: one for one in json.loads(file.read_text())["results"]}


def serious(one: dict) -> list[str]:
    return [found["id"] for found in one["found"] if found["severity"] != "info"]


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, dict]:
    return judged((*SICK, *HEALTHY), tmp_path_factory.mktemp("ward"))


@pytest.mark.parametrize("name", SICK)
def test_the_true_cause_comes_first(said, name):
    causes = next(one.causes for one in programs() if one.name == name)
    assert next(iter(serious(said[name])), "nothing") in causes, said[name]


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_training_is_left_in_peace(said, name):
    assert (said[name]["status"], serious(said[name])) == ("healthy", []), said[name]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_healthy_training_of_the_half_for_calibration_gets_an_error(tmp_path):
    names = [one.name for one in programs(sick=False, half="a")]
    results = judged(names, tmp_path)
    wrong = {name: one["found"] for name in names for one in [results[name]] if any(f["severity"] == "error" for f in one["found"])}  # fmt: skip
    assert not wrong
