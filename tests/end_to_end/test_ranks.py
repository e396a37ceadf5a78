"""Two processes under torchrun train one model: one record, one verdict, of what both have seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from babysit.record.store import read

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available() or not torch.distributed.is_gloo_available(), reason="needs gloo"
)

SCRIPT = """
    import sys
    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel

    dist.init_process_group("gloo")
    rank, own_way = dist.get_rank(), "own-way" in sys.argv
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    model = DistributedDataParallel(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.manual_seed(rank)
    losses = []
    for step in range(40):
        x = torch.randn(24 + 8 * rank, 8)
        y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy((net if own_way else model)(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    torch.save(losses, f"losses-{rank}.pt")
    print("done", rank)
    dist.destroy_process_group()
"""


def together(tmp_path, *args):
    (tmp_path / "train.py").write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "babysit", "watch", "--overhead", "all", "--json", "out.json", "train.py", *args]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    return done, json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))


def test_what_both_have_seen_is_one_record(tmp_path):
    done, verdict = together(tmp_path)
    assert done.stderr.count("the record is in") == 1
    assert not [one for one in verdict["findings"] if one["severity"] != "info"]
    run = read(tmp_path / "runs" / "watch-train-1")
    losses = [torch.load(tmp_path / f"losses-{rank}.pt") for rank in (0, 1)]
    assert run.fact("ranks") == 2
    assert list(run.series("loss.train").steps) == list(range(1, 41))
    assert np.allclose(run.series("loss.train").values, np.mean(losses, 0), rtol=1e-5)
    assert set(run.series("batch.size", "0").values) == {24 + 32}
    assert run.series("replicas.spread").last == 0
    assert [one.name for one in (tmp_path / "runs").iterdir()] == ["watch-train-1"]


def test_replicas_that_go_their_own_ways_are_told(tmp_path):
    _, verdict = together(tmp_path, "own-way")  # past the wrapper: no gradient is exchanged
    assert [one["id"] for one in verdict["findings"] if one["severity"] == "error"][:1] == ["replicas-diverge"]
    again = subprocess.run(
        [sys.executable, "-m", "babysit", "diagnose", "runs/watch-train-1"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "replicas-diverge" in again.stdout + again.stderr
