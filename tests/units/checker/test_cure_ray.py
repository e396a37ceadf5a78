"""Tries on a Ray cluster on loopback."""

from __future__ import annotations

import pytest

from babysit.checker.attempt import Order
from babysit.checker.program import Script

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

SCRIPT = """
import torch
torch.manual_seed(0)
x = torch.randn(100, 4); y = (x[:, 0] > 0).long()
model = torch.nn.Linear(4, 2); optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
for _ in range(60):
    optimizer.zero_grad(); torch.nn.functional.cross_entropy(model(x), y).backward(); optimizer.step()
"""


def test_tries_are_spread_over_a_cluster(tmp_path):
    from ray.cluster_utils import Cluster

    from babysit.checker.ray import Ray

    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
    try:
        executor = Ray()
        assert executor.jobs == 2
        orders = [Order({}, 0), Order({"lr": "*1e6"}, 0), Order({"lr": "*1e6"}, 1)]
        found = {(str(order.edit), order.seed): one for order, one in executor.runs(Script(str(path)), orders)}
        assert len(found) == 3
        assert found["{}", 0].score < 0.9 < found["{'lr': '*1e6'}", 0].score
        assert list(executor.runs(Script(str(path)), orders, until=0.0)) == []
    finally:
        ray.shutdown()
        cluster.shutdown()
