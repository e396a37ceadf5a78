"""The whole recipe: data, gates before learning, search, training, one test, everything saved.

Each step is a small function on a `_Job`; what a step decides is written into the plan at once, so a
run stopped anywhere goes on without deciding anything anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch

from ..data import Split, load
from ..data.summary import summary
from ..doctor import Verdict, diagnose
from ..errors import DataError, RecipeError, RecordError, TrainingError
from ..nn import model_name
from ..nn.foreign import factory
from ..nn.preprocess import auto
from ..record import Event, Recipe, Run, Store
from ..record.folders import name_for
from ..record.store import read
from ..record.study import Study
from . import checkpoint
from .budget import Budget, seconds_of
from .criterion import name_of
from .deciding import Decision, Search, folds_of
from .defaults import chosen, settle
from .facts import facts
from .final import confusion, judge, worst
from .folder import CHECKPOINT, PLAN, REPORT, Plan, fingerprint, finished, made
from .folds import Folds, joined, write_folds
from .loop import Training
from .network import Network
from .portrait import Portrait, due
from .prepared import Prepared, device_of, prepare
from .saved import About, save_model
from .show import Show, Silent
from .stopping import Interrupted, Saver, stopping, threads_for, threads_set
from .words import PREPROCESS, about_data, about_test, in_words


def train(
    recipe: Recipe | str | None = None,
    *,
    data: Any = None,
    out: str | Path | None = None,
    time: str | float | None = None,
    search: Search | None = None,
    fields: Sequence[str] | None = None,
    resume: str | Path | Run | None = None,
    device: str | None = None,
    go_on: bool = False,
    given: Collection[str] | None = None,
    show: Show | None = None,
) -> Run:
    """Raise a network from data by the whole recipe, and save it.

    Splits the data, fits the preprocessing on its training part, asks the checks before learning, searches
    (when a search is handed in), trains with the best recipe, keeps the best weights by validation, tests once.

    Args:
        recipe: what to train, or just where its data are ("digits"). Fields that are left at their defaults are fitted to the data.
        data: examples as Python objects instead of `recipe.data`: `(X, y)`, a Dataset, a DataLoader.
        out: the folder of the run; by default `runs/<data>-<n>`.
        time: a budget in seconds or like "2m", split over the steps.
        search: looks for better fields; `babysit.tuner.before_training` does.
        fields: the names of the fields to search.
        resume: a run that was stopped, by Ctrl-C or outright, goes on to the same bits as if it hadn't been.
        device: instead of the recipe's.
        go_on: also when a check fails.
        given: the fields that are not to be fitted to the data; by default those that differ from their defaults.
        show: gets told what happens.

    Returns:
        The run as it is stored: `run.folder`, `run.fact("test")`, readings, events. `load_model(run)` is the network.

    Raises:
        DataError: the data can't be read or learned from.
        RecipeError: a field or combination that can't be.
        OutputError: the folder can't be written.
        TrainingError: a check failed, or the training broke down.
        RecordError: nothing to resume there.
        Interrupted: Ctrl-C; everything is saved.
    """
    budget = Budget(seconds_of(time))
    show = show or Silent()
    if resume is not None:
        return _resumed(resume, data=data, search=search, fields=fields, show=show, go_on=go_on, budget=budget)
    if isinstance(recipe, str):
        recipe = Recipe(data=recipe)
    if recipe is None:
        raise RecipeError("train needs a recipe, or a run to resume")
    recipe = recipe if device is None else recipe.edit(device=device)
    place = device_of(recipe.device)
    if ":" in recipe.model:
        factory(recipe.model)  # a wrong name is said before the data are read
    split = _data(recipe, data, show)
    given = chosen(recipe) if given is None else given
    with made(out, name_for(recipe.data) if recipe.data else "run") as folder:
        plan = Plan(recipe.to_dict(), fingerprint(split), threads_for(split, place))
        job = _Job(folder, settle(recipe, split, given), split, place, plan, budget, show)
        return job.run(search=search, fields=fields, go_on=go_on)


def _resumed(
    resume: str | Path | Run,
    *,
    data: Any,
    search: Search | None,
    fields: Sequence[str] | None,
    show: Show,
    go_on: bool,
    budget: Budget,
) -> Run:
    folder = resume.folder if isinstance(resume, Run) else Path(resume)
    if folder is None or not folder.is_dir():
        raise RecordError(f"the run to resume must be a folder, but there is none at {folder}")
    if finished(folder):
        return read(folder)
    plan = Plan.read(folder)
    recipe = Recipe.of(plan.recipe)
    place = device_of(recipe.device)
    split = _data(recipe, data, show)
    if fingerprint(split) != plan.data:
        raise DataError(f"a resumed run needs the data it began with, but {split.source} has changed since")
    settled = Recipe.of(plan.settled) if plan.settled else settle(recipe, split, chosen(recipe))
    job = _Job(folder, settled, split, place, plan, budget, show)
    return job.run(search=search, fields=fields, go_on=go_on)


def _data(recipe: Recipe, data: Any, show: Show) -> Split:
    show.step("Data", "split before anything is computed, so that nothing of the test leaks into training")
    with show.progress("reading", 1) as update:
        split = load(recipe, data=data)
        update(1, "")
    name_of(recipe, split.task)  # a loss that can't judge this task is refused before anything is made
    return split


class _Job:
    """One run on its way through the steps."""

    def __init__(
        self, folder: Path, recipe: Recipe, split: Split, device: torch.device, plan: Plan, budget: Budget, show: Show
    ) -> None:
        self.folder, self.recipe, self.split, self.device = folder, recipe, split, device
        self.plan, self.budget, self.show = plan, budget, show
        self.before = plan.seconds

    def run(self, *, search: Search | None, fields: Sequence[str] | None, go_on: bool) -> Run:
        """All steps, those that the plan holds already left out."""
        with threads_set(self.plan.threads):
            summed = summary(self.split)
            self.show.facts(about_data(summed))
            prepared = self._preprocess()
            self._architecture(prepared)
            self.plan.settled = self.recipe.to_dict()
            if self.plan.final is None:
                plan, budget = self.plan, self.budget
                decision = Decision(self.recipe, self.split, prepared, plan, self.folder, budget, self.show)
                try:
                    decision.run(search, fields, go_on=go_on, save=self._save_plan)
                except KeyboardInterrupt:
                    self._save_plan()
                    raise Interrupted(self.folder) from None
            assert self.plan.final is not None
            self.recipe = Recipe.of(self.plan.final)
            folds = folds_of(self.plan)
            return self._finish(self._train(prepared, summed, folds), folds)

    # what is made of the data

    def _preprocess(self) -> Prepared:
        name = auto(self.split.shape) if self.recipe.preprocess == "auto" else self.recipe.preprocess
        self.show.step("Preprocess", "statistics of the training part alone, in the network's first layer")
        with self.show.progress("fitting", 1) as update:
            prepared = prepare(self.recipe, self.split, self.device)
            update(1, "")
        rows = [("first layer", PREPROCESS[name])]
        if prepared.unit != 1.0:
            rows.append(("unit", f"pixels / {prepared.unit:.4g}, so that lr means the same for bytes as for floats"))
        self.show.facts(rows)
        return prepared

    def _architecture(self, prepared: Prepared) -> None:
        recipe = self.recipe
        self.show.step("Architecture", "a first guess; the search may change it")
        with torch.random.fork_rng(devices=[]):
            network = prepared.network(recipe).network
        count = sum(parameter.numel() for parameter in network.parameters())
        extras = [f"{recipe.norm} norm"] * (recipe.norm != "none")
        extras += [f"dropout {recipe.dropout:g}"] * (recipe.dropout > 0)
        name = model_name(recipe, self.split.shape)
        layers = [] if ":" in name else [f"{recipe.depth} x {recipe.width} {recipe.activation}"]
        self.show.facts(
            [
                ("model", ", ".join([name, *layers, f"{count:,} parameters"])),
                ("layers", ", ".join([*extras, f"init {recipe.init}"])),
                (
                    "learns by",
                    f"{recipe.optimizer}, batches of {recipe.batch}, {recipe.epochs} epochs, {recipe.schedule}",
                ),
            ]
        )

    def _save_plan(self) -> None:
        self.plan.seconds = self.before + self.budget.spent
        self.plan.write(self.folder)

    # training

    def _train(self, prepared: Prepared, summed: dict[str, Any], folds: Folds | None) -> Training:
        split = self.split
        if folds is not None:
            split = joined(split)
            prepared = prepare(self.recipe, split, self.device)
        why = "the best weights by validation are kept" if folds is None else "on train and validation together"
        self.show.step("Train", f"{why}; the test part is not looked at")
        path = self.folder / CHECKPOINT
        tensors, plain = checkpoint.load_tensors(path) if path.exists() else ({}, {})
        store = Store(self.folder, resume=plain.get("step", 0) if path.exists() else 0)
        try:
            training = Training(self.recipe, split, prepared=prepared, record=store)
            if tensors:
                training.restore(tensors, plain)
            else:
                self._write_facts(store, training, split, summed)
            store.add_event(Event(training.step, "phase", "", {"name": "train"}))
            self._loop(training, path, store, folds)
            store.add_event(Event(training.step, "end", "", {"reason": training.ended or "epochs fixed by folds"}))
        finally:
            store.close()
        if training.best is None:
            raise TrainingError(
                f"training must give a finite loss, but at step {training.step} it is not: a lower lr than "
                f"{self.recipe.lr:g} is needed"
            )
        return training

    def _loop(self, training: Training, path: Path, store: Store, folds: Folds | None) -> None:
        saver, portrait = Saver(path), Portrait(training, store)
        epochs = self.recipe.epochs if folds is None else folds.until
        with self.show.progress("training", epochs) as update, stopping(training):
            while training.ended is None and len(training.history) < epochs:
                if training.history and self.budget.for_training() <= 0:
                    training.ended = "time"
                    break
                epoch = training.epoch(on_look=saver.maybe)
                if epoch is None:
                    saver.save(training)
                    raise Interrupted(self.folder)
                if folds is not None:
                    write_folds(store, folds, epoch, self.split.task)
                if due(epoch.number) or training.ended or epoch.number == epochs:
                    portrait.look()
                update(epoch.number, in_words(training))
                saver.maybe(training)
        saver.save(training)
        best = training.best
        if best is not None:
            kept = "best" if folds is None else "kept"
            self.show.facts([(kept, f"epoch {best.number} of {self.recipe.epochs}: {in_words(training, best)}")])

    def _write_facts(self, store: Store, training: Training, split: Split, summed: dict[str, Any]) -> None:
        known = facts(training, split)
        known |= {"recipe": self.recipe.to_dict(), "data": summed, "checks": self.plan.checks, "study": self.plan.study}
        known |= self.plan.seen
        known |= {"machine": {"device": str(self.device), "threads": self.plan.threads}, "folds": self.plan.folds}
        for name, value in known.items():
            store.set_fact(name, value)

    # the one test

    def _finish(self, training: Training, folds: Folds | None) -> Run:
        self.show.step("Test", "once, on examples that nothing has seen; the interval says how sure that is")
        training.restore_best()
        network = training.model.eval()
        task = self.split.task
        val = judge(network, self.split.val, task) if folds is None else folds.judged(task)
        test = judge(network, self.split.test, task)
        network = network.cpu()
        save_model(self.folder, network, About.of(self.recipe, self.split))
        checkpoint.write(self.folder / "recipe.toml", self.recipe.to_toml())
        seconds = self.before + self.budget.spent
        store = Store(self.folder)
        try:
            for name, value in (("test", test), ("val", val), ("seconds", seconds)):
                store.set_fact(name, value)
            if task == "classification" and len(self.split.test):
                counts = confusion(network, self.split.test.to("cpu"), len(self.split.classes))
                store.add_vector(training.step, "confusion", "", counts)
            if folds is None and len(self.split.val):
                self._worst(network, store, training.step)
        finally:
            store.close()
        if store.failed:
            raise RecordError(f"the record of {self.folder} could not be written: {store.failed}")
        run, verdict = self._judged()
        self._report(run, verdict)
        for name in (PLAN, CHECKPOINT):
            (self.folder / name).unlink(missing_ok=True)
        self.show.facts(about_test(val, test, self.folder))
        self.show.verdict(verdict)
        return run

    def _judged(self) -> tuple[Run, Verdict]:
        """The run as it is stored, with what the doctor finds in it."""
        run = read(self.folder)
        verdict = diagnose(run)
        run.findings = list(verdict.findings)
        store = Store(self.folder)
        store.set_findings(run.findings)
        store.close()
        return run, verdict

    def _worst(self, network: Network, store: Store, step: int) -> None:
        """The validation examples that cost most: where labels are wrong they stand here."""
        examples, told = worst(network, self.split.val.to("cpu"), self.split.task, self.split.classes)
        store.set_fact("worst", told)
        if examples.ndim == 4:
            store.add_vector(step, "worst.examples", "", examples)

    def _report(self, run: Run, verdict: Verdict) -> None:
        """Write `report.html`."""
        from ..views.page import report

        study = Study.from_dict(self.plan.study) if self.plan.study else None
        report(run, self.folder / REPORT, verdict=verdict, study=study)
