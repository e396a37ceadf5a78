"""Ray on loopback: a node that dies in the middle costs a rung, and no trial is lost or doubled."""

from __future__ import annotations

import pytest

from babysit.record import Recipe
from babysit.tuner import log, search, uniform

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

BASE = Recipe(data="iris", epochs=6, width=8, depth=1, batch=32, optimizer="nesterov")
SPACE = {"lr": log(1e-3, 0.5), "dropout": uniform(0, 0.5)}


def test_a_node_removed_in_the_middle():
    from ray.cluster_utils import Cluster

    from babysit.tuner.ray import Ray

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
    try:
        executor, seen = Ray(), []

        def on_trial(trial, study):
            seen.append(trial.number)
            if len(seen) == 3:
                cluster.remove_node(node, allow_graceful=False)

        study = search("iris", recipe=BASE, space=SPACE, trials=40, believe=0, executor=executor, on_trial=on_trial)
        assert sorted(seen) == list(range(40))
        alone = search("iris", recipe=BASE, space=SPACE, trials=40, believe=0, executor="serial")
        assert study.best.number == alone.best.number
        assert study.best.score == pytest.approx(alone.best.score, abs=1e-6)
    finally:
        ray.shutdown()
        cluster.shutdown()
