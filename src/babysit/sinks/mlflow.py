"""MLflow: a run in an experiment."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from ..errors import MissingExtra
from . import Writer, sink


@sink("EXPERIMENT")
def mlflow(target: str, title: str) -> Writer:
    """A run of EXPERIMENT ("babysit" by default) at MLFLOW_TRACKING_URI, by default a file in this folder."""
    return Tracked(target or "babysit", title)


class Tracked:
    """The open run."""

    def __init__(self, experiment: str, title: str) -> None:
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise MissingExtra("mlflow", "mlflow", "the sink mlflow") from error
        self._client = MlflowClient()
        known = self._client.get_experiment_by_name(experiment)
        number = known.experiment_id if known else self._client.create_experiment(experiment)
        self._run = self._client.create_run(number, run_name=title).info.run_id

    def write(self, step: int, readings: Mapping[str, float]) -> None:
        """The step's numbers, in one request for each thousand."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(re.sub(r"[^\w\-. :/]", "_", name), value, now, step) for name, value in readings.items()]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(self._run, metrics=metrics[start : start + 1000])

    def close(self) -> None:
        """End the run."""
        self._client.set_terminated(self._run)
