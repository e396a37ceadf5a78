"""What Optuna keeps of a search: every trial with its parameters, its values epoch by epoch, and its state.

Written through Optuna's own storage interface, so that any storage URL is taken, and `optuna-dashboard`,
`optuna.visualization` and its samplers work on it.
"""

from __future__ import annotations

import contextlib
import datetime
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from ..errors import OutputError, RecipeError
from ..record.study import Trial
from .space import Dimension, Space
from .storage import BufferedBackend, Journal

JOURNAL = "study.journal"
STATES = {
    "complete": TrialState.COMPLETE,
    "dropped": TrialState.PRUNED,
    "broken": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
ATTRIBUTE = "babysit"


class Ledger:
    """One Optuna study, opened or made.

    Args:
        storage: an Optuna URL or storage object; None for a journal in `folder`, or memory without one.
        name: of the study within the storage.
        identity: what must be equal for a study to be gone on with: space, epochs, folds, the base recipe.

    Raises:
        OutputError: the storage can't be reached or written.
        RecipeError: it holds a study of that name with another identity; nothing is overwritten.
    """

    def __init__(
        self, name: str, identity: Mapping[str, Any], *, storage: Any = None, folder: Path | None = None,
        sampler: Any = None,
    ) -> None:  # fmt: skip
        self._backend: BufferedBackend | None = None
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self.storage = self._open(storage, folder)
            self.study = optuna.create_study(
                storage=self.storage, study_name=name, direction="maximize", load_if_exists=True,
                sampler=sampler or optuna.samplers.RandomSampler(seed=0),
            )  # fmt: skip
            self.storage = self.study._storage
            self._id = self.study._study_id
            known = self.study.user_attrs.get(ATTRIBUTE)
            had_trials = bool(self.storage.get_n_trials(self._id))
        except (RecipeError, OutputError):
            raise
        except Exception as error:
            what = storage if storage is not None else folder
            told = (str(error).splitlines() or [type(error).__name__])[0]
            raise OutputError(f"the storage {what} must be reachable and writable, but: {told}") from error
        finally:
            optuna.logging.set_verbosity(level)
        if known is None and had_trials:
            self.close()
            raise RecipeError(f"the storage holds a study {name!r} that babysit did not make: give another name")
        if known is not None:
            self._same(name, known["identity"], identity)
        self.state: dict[str, Any] = known or {"identity": dict(identity)}
        if known is None:
            self.remember()
        self._ids: dict[int, int] = {trial.number: trial._trial_id for trial in self.frozen()}

    def _open(self, storage: Any, folder: Path | None) -> Any:
        if storage is not None or folder is None:
            return storage
        try:
            self._backend = BufferedBackend(folder / JOURNAL)
        except BlockingIOError as error:
            raise OutputError(
                f"a search writes its folder alone, but {error}; wait for it, or give another out"
            ) from error
        except OSError as error:
            raise OutputError(f"the folder {folder} must be writable, but: {error.strerror or error}") from error
        return Journal(self._backend)

    def _same(self, name: str, known: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        for key, value in asked.items():
            if known.get(key) != value:
                self.close()
                raise RecipeError(
                    f"the study {name!r} is there already with another {key} ({known.get(key)}, not {value}): "
                    "give another out or name, or call it as before"
                )

    def remember(self, **values: Any) -> None:
        """Keep plain values beside the trials (what is needed to go on)."""
        self.state = {**self.state, **values}
        self.study.set_user_attr(ATTRIBUTE, self.state)

    def begin(self, stage: int, space: Space, edits: Iterable[Mapping[str, Any]], worker: str) -> list[int]:
        """Make a stage's trials, running; their numbers."""
        of = distributions(space)
        numbers = []
        now = datetime.datetime.now()
        for edit in edits:
            template = FrozenTrial(
                number=-1, trial_id=-1, state=TrialState.RUNNING, value=None, datetime_start=now, datetime_complete=None,
                params=dict(edit), distributions={name: of[name] for name in edit}, user_attrs={},
                system_attrs={"babysit:stage": stage, "babysit:worker": worker}, intermediate_values={},
            )  # fmt: skip
            trial_id = self.storage.create_new_trial(self._id, template)
            number = self.storage.get_trial_number_from_id(trial_id)
            self._ids[number] = trial_id
            numbers.append(number)
        return numbers

    def ask(self, stage: int, space: Space, count: int, worker: str) -> list[tuple[int, dict[str, Any]]]:
        """Trials drawn by the study's own (Optuna) sampler, conditions first."""
        of = distributions(space)
        found = []
        for _ in range(count):
            trial = self.study.ask()
            edit: dict[str, Any] = {}
            for name, one in space.items():
                if all(other in edit and edit[other] in values for other, values in one.conditions):
                    edit[name] = trial._suggest(name, of[name])
            self.storage.set_trial_system_attr(trial._trial_id, "babysit:stage", stage)
            self.storage.set_trial_system_attr(trial._trial_id, "babysit:worker", worker)
            self._ids[trial.number] = trial._trial_id
            found.append((trial.number, edit))
        return found

    def report(self, trial: Trial, since: int) -> None:
        """Write the values of the epochs after `since`."""
        trial_id = self._ids[trial.number]
        fresh = {epoch: trial.curve[epoch - 1] for epoch in range(since + 1, trial.epochs + 1)}
        fresh = {epoch: value for epoch, value in fresh.items() if math.isfinite(value)}
        if isinstance(self.storage, Journal):
            self.storage.set_trial_intermediate_values(trial_id, fresh)
            return
        for epoch, value in fresh.items():
            self.storage.set_trial_intermediate_value(trial_id, epoch, value)

    def finish(self, trial: Trial) -> None:
        """Write a trial's end. What diverged is told as pruned, with its last finite value."""
        trial_id = self._ids[trial.number]
        detail = {name: getattr(trial, name) for name in ("why", "seconds", "stage", "state")}
        detail |= {
            name: getattr(trial, name) if math.isfinite(getattr(trial, name)) else None for name in ("loss", "sd")
        }
        detail["costs"] = [value if math.isfinite(value) else None for value in trial.costs[-1:]]
        self.storage.set_trial_user_attr(trial_id, ATTRIBUTE, detail)
        value = next((value for value in reversed(trial.curve) if math.isfinite(value)), None)
        state = STATES[trial.state]
        if state is TrialState.COMPLETE and value is None:
            state = TrialState.FAIL
        values = None if value is None or state is TrialState.FAIL else [value]
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):  # told before a kill
            self.storage.set_trial_state_values(trial_id, state, values)

    def frozen(self) -> list[FrozenTrial]:
        """All trials as Optuna has them (not to be changed)."""
        return self.storage.get_all_trials(self._id, deepcopy=False)

    def commit(self) -> None:
        """Let the disk have everything now."""
        if self._backend is not None:
            self._backend.commit()

    def close(self) -> None:
        """Commit and let go. Safe to call twice."""
        if self._backend is not None:
            self._backend.close()


def distribution(one: Dimension) -> BaseDistribution:
    """A dimension as Optuna's."""
    if one.kind == "choice":
        return CategoricalDistribution(one.options)
    if one.kind == "integers":
        return IntDistribution(int(one.low), int(one.high), log=one.logarithmic)
    return FloatDistribution(one.low, one.high, log=one.logarithmic)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """A space as Optuna's."""
    return {name: distribution(one) for name, one in space.items()}


def trial_of(frozen: FrozenTrial) -> Trial:
    """A trial as the record has it."""
    detail = frozen.user_attrs.get(ATTRIBUTE, {})
    last = max(frozen.intermediate_values, default=0)
    curve = [frozen.intermediate_values.get(epoch, math.nan) for epoch in range(1, last + 1)]
    states = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "dropped", TrialState.FAIL: "failed"}
    return Trial(
        number=frozen.number,
        params=dict(frozen.params),
        stage=frozen.system_attrs.get("babysit:stage", 0),
        state=detail.get("state", states.get(frozen.state, "running")),
        why=detail.get("why", ""),
        score=next((value for value in reversed(curve) if math.isfinite(value)), math.nan),
        loss=math.nan if detail.get("loss") is None else detail["loss"],
        sd=math.nan if detail.get("sd") is None else detail["sd"],
        epochs=last,
        curve=curve,
        seconds=detail.get("seconds", 0.0),
    )
