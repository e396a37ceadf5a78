"""What people use instead of a search of ours, each training the same networks on the same batches: for bench/search.py.

Every peer gets what flatters it: tensors in memory, no DataLoader, PyTorch's fused Adam, a warm start, processes that are
forked (so that none imports anything), and only its own time is counted.
"""

from __future__ import annotations

import copy
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from babysit.record import Recipe
from babysit.tuner.job import Job
from babysit.tuner.work import Work


def clocks(run: Callable[[], Any]) -> tuple[float, float]:
    """(wall, processor) seconds of this process."""
    wall, own = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - own


class Hand:
    """The loop that one writes by hand, one validation an epoch."""

    def __init__(self, work: Work, recipe: Recipe) -> None:
        self.fold, self.recipe = work.fold(recipe, 0), recipe
        self.net = work.network(Job(0, {}, recipe.epochs, recipe.epochs))
        if recipe.model != "convnet" and recipe.depth == 1:  # as one writes it
            inputs = self.fold.x[0].numel()
            self.net = nn.Sequential(nn.Linear(inputs, recipe.width), nn.ReLU(), nn.Linear(recipe.width, 10))
        self.flat = recipe.model != "convnet"

    def train(self, lr: float, on_epoch: Callable[[int, float], None] | None = None) -> float:
        """Accuracy after all epochs."""
        torch.manual_seed(0)
        fold, net = self.fold, copy.deepcopy(self.net).requires_grad_(True)
        x, val = (fold.x.flatten(1), fold.val_x.flatten(1)) if self.flat else (fold.x, fold.val_x)
        optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
        accuracy = 0.0
        for epoch in range(self.recipe.epochs):
            order = torch.randperm(len(fold.y))
            for index in order.split(self.recipe.batch):
                loss = F.cross_entropy(net(x[index]), fold.y[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                accuracy = float((net(val).argmax(1) == fold.val_y).float().mean())
            if on_epoch is not None:
                on_epoch(epoch, accuracy)
        return accuracy


def rates(count: int) -> np.ndarray:
    """Learning rates of `count` trials."""
    return np.geomspace(1e-4, 1e-2, count)


def loop(hand: Hand, count: int) -> None:
    """One after another."""
    for lr in rates(count):
        hand.train(float(lr))


def forked(hand: Hand, count: int, processes: int) -> None:
    """The loop by hand in so many processes of one thread each."""
    children = []
    for number in range(processes):
        child = os.fork()
        if not child:
            for lr in rates(count)[number::processes]:
                hand.train(float(lr))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def optuna_median(hand: Hand, count: int) -> float:
    """Trials per second of Optuna's own loop, each epoch reported, pruned by the median."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner())

    def objective(trial: Any) -> float:
        def on_epoch(epoch: int, accuracy: float) -> None:
            trial.report(accuracy, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        return hand.train(trial.suggest_float("lr", 1e-4, 1e-2, log=True), on_epoch)

    return count / clocks(lambda: study.optimize(objective, n_trials=count))[0]


def sklearn_halving(hand: Hand, count: int) -> float:
    """Trials per second of scikit-learn's halving search over its own networks."""
    from scipy.stats import loguniform
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV, ShuffleSplit
    from sklearn.neural_network import MLPClassifier

    fold, recipe = hand.fold, hand.recipe
    net = MLPClassifier((recipe.width,), batch_size=recipe.batch, max_iter=recipe.epochs)
    halving = HalvingRandomSearchCV(
        net, {"learning_rate_init": loguniform(1e-4, 1e-2)}, n_candidates=count, resource="max_iter",
        max_resources=recipe.epochs, min_resources=recipe.epochs, cv=ShuffleSplit(1, test_size=0.2, random_state=0),
        refit=False, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return count / clocks(lambda: halving.fit(fold.x.flatten(1).numpy(), fold.y.numpy()))[0]


def ray_tune(hand: Hand, count: int, processes: int) -> float | None:
    """Trials per second of Ray Tune with reused actors, its start not counted; None where Ray isn't installed."""
    try:
        import ray
        from ray import tune
    except ImportError:
        return None
    here = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    ray.init(
        logging_level="ERROR", log_to_driver=False, include_dashboard=False, num_cpus=processes,
        runtime_env={"env_vars": {"PYTHONPATH": here, "OMP_NUM_THREADS": "1"}},
    )  # fmt: skip
    try:
        held = ray.put(hand)

        class Trial(tune.Trainable):
            def setup(self, config: dict[str, Any]) -> None:
                torch.set_num_threads(1)
                self.lr = config["lr"]

            def step(self) -> dict[str, Any]:
                return {"value": ray.get(held).train(self.lr), "done": True}

            def save_checkpoint(self, checkpoint_dir: str) -> None:
                pass  # there is nothing that would be gone on from

            def reset_config(self, new_config: dict[str, Any]) -> bool:
                self.lr = new_config["lr"]
                return True

        def run(trials: int) -> None:
            config = tune.TuneConfig(num_samples=trials, reuse_actors=True, metric="value", mode="max")
            space = {"lr": tune.loguniform(1e-4, 1e-2)}
            tuner = tune.Tuner(Trial, tune_config=config, run_config=tune.RunConfig(verbose=0), param_space=space)
            found = tuner.fit()
            if found.num_errors:
                raise RuntimeError(f"Ray Tune's trials must train, but {found.num_errors} failed: {found.errors[0]}")

        run(processes)
        return count / clocks(lambda: run(count))[0]
    finally:
        ray.shutdown()
