"""Runs and studies written by hand, for the views' tests."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from babysit.record import Event, Evidence, Finding, Recipe, Remedy, Run
from babysit.record.study import Study, Trial

EVIL = "</script><img src=x onerror=alert(1)>\x1b[31m[red]<b>&amp;\u202e'\"`${1}"


def cured(text: str = "") -> dict:
    """What a cure leaves in a run's record."""
    sides = {
        "before": {"metric": "validation accuracy", "mean": 0.11, "sd": 0.01},
        "after": {"metric": "validation accuracy", "mean": 0.96, "sd": 0.004},
    }
    tried = {"finding": "learning-rate-too-high", "title": f"lower the rate {text}", "edit": {"lr": "*0.1"}, **sides,
             "seeds": 5, "p": 0.03125, "proven": True, "seconds": 8.1}  # fmt: skip
    lost = {**tried, "title": "clip the gradient", "after": {**sides["before"], "mean": None}, "seeds": 1, "p": None, "proven": False}  # fmt: skip
    return {"schema": 1, "status": "cured", "tries": [tried, lost], "diff": None, "cause": "learning-rate-too-high",
            "proof": [f"lower the rate {text}: 0.11 → 0.96 in 5 of 5 seeds, p = 0.031"]}  # fmt: skip


def full_run(steps: int = 400, depth: int = 6, *, sick: bool = False, name: str = "layers.", seed: int = 0) -> Run:
    """A run with a reading of every kind that a panel looks at."""
    rng = np.random.default_rng(seed)
    run = Run()
    run.folder = Path("runs") / ("sick-1" if sick else "digits-1")
    names = [f"{name}{index}" for index in range(depth)]
    run.set_fact(
        "modules",
        [
            {"name": one, "kind": "Linear", "parameters": [f"{one}.weight"], "calls": 1, "shape_out": [64, 8]}
            for one in names
        ],
    )
    run.set_fact("parameters", [{"name": f"{one}.weight", "shape": [8, 8]} for one in names])
    run.set_fact("recipe", Recipe(data="digits").to_dict())
    run.set_fact("machine", {"cpu": name})
    run.set_fact("script", f"{name} train.py")
    run.set_fact("data", {"source": name, "shape": [1, 8, 8], "examples": {"train": 1168, "val": 270}, "missing_by_column": {},
                          "classes": [{"name": name, "train": 9}], "entropy": 2.302585})  # fmt: skip
    run.set_fact("task", {"kind": "classes", "classes": 4, "names": [name, *map(str, range(1, 4))]})
    run.set_fact("test", {"accuracy": 0.97, "interval": [0.95, 0.98], "n": 360})
    run.set_fact("checks", [{"id": "initial-loss", "passed": True, "expected": name, "measured": "2.31"}])
    rates = np.geomspace(1e-6, 10, 60)
    losses = np.where(rates < 1e-4, 2.3, 2.3 - np.log10(rates / 1e-4) * 0.4)
    run.set_fact("range_test", {"lr": rates.tolist(), "loss": [*losses[:-5], *[None] * 5], "low": 1e-4, "high": 0.5})
    run.set_fact("cure", cured(name))
    run.set_fact("worst", [{"true": name, "predicted": "3", "loss": 9.1}])
    for step in range(1, steps + 1):
        loss = 2.3 * math.exp(-step / 90) + 0.05 * rng.random()
        if sick and step > steps * 0.6:
            loss = math.nan if step > steps * 0.9 else 2.3 + step
        run.append(
            step,
            {("loss.train", ""): loss, ("lr", ""): 1e-3 * (1 - step / steps), ("time.step", ""): 0.004},
            seconds=step * 0.01,
        )
        if step % 4 == 0:
            readings = {("gradient.total", ""): 1 + rng.random(), ("gradient.clip_at", ""): 1.5}
            for index, one in enumerate(names):
                readings |= {
                    ("activation.dead", one): 0.9 if sick and index == 2 else 0.1, ("activation.std", one): 0.9**index,
                    ("activation.saturated", one): 0.05 * index, ("gradient.activation", one): 0.1**index,
                    ("update.ratio", f"{one}.weight"): 1e-3 * (1 + index), ("gradient.norm", f"{one}.weight"): 0.5,
                }  # fmt: skip
            run.append(step, readings)
        if step % 40 == 0:
            run.append(
                step,
                {
                    ("loss.val", ""): loss,
                    ("loss.chance", ""): 2.3,
                    ("accuracy.train", ""): 0.9,
                    ("accuracy.val", ""): 0.85,
                },
            )
            run.add_event(Event(step, "epoch", "", {"number": step // 40}))
            for one in names[:3]:
                counts, edges = np.histogram(rng.standard_normal(500) * step, 32)
                run.add_vector(step, "activation.histogram", one, np.stack([counts, (edges[1:] + edges[:-1]) / 2]))
    run.add_vector(steps, "confusion", "", rng.integers(1, 9, (4, 4)))
    run.add_vector(steps, "weight.images", names[0], rng.standard_normal((9, 3, 5, 5)))
    run.add_vector(steps, "worst.examples", "", rng.standard_normal((5, 1, 8, 8)))
    if sick:
        run.findings = findings(names[2], steps)
    run.add_event(Event(steps, "end", "", {"reason": name if name != "layers." else "epochs"}))
    return run


def findings(where: str, steps: int, text: str = "") -> list[Finding]:
    """A root cause with evidence and remedy, and what it explains."""
    root = Finding(
        "learning-rate-too-high", f"{text}The loss rose from 0.17 to 400.", severity="error", stage="confirmed", confidence=0.97,
        step=int(steps * 0.6), where=f"{where}.weight", source=f"{text}train.py:41",
        evidence=(Evidence("loss.train", "", int(steps * 0.6), 9.3, f"{text}below 3 × the first", 6.9),),
        remedies=(Remedy(f"{text}Divide the learning rate by 10", {"lr": "*0.1"}, f"{text}lr = 0.01"),),
        extra={"proof": [f"{text}loss 370 → 0.12, gone in 5 of 5"]},
    )  # fmt: skip
    dead = Finding("dead-relu", f"{text}{where}: 90 % dead", where=where, explained_by=root.id, evidence=(Evidence("activation.dead", where, steps, 0.9, "", 0.4),))  # fmt: skip
    return [root, dead]


def full_study(trials: int = 90, text: str = "") -> Study:
    """A study over numbers and choices, in three stages, with broken and failed trials."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(trials):
        stage = min(2, number * 3 // trials)
        params = {"lr": float(10 ** rng.uniform(-5, 0)), "weight_decay": float(10 ** rng.uniform(-6, -1)),
                  "width": int(rng.choice([32, 64, 128])), "optimizer": f"{text}{rng.choice(['sgd', 'adam'])}"}  # fmt: skip
        score = float(np.clip(0.98 - 0.1 * (math.log10(params["lr"]) + 2.5) ** 2 + rng.normal(0, 0.01), 0.1, 0.99))
        state = "broken" if params["lr"] > 0.5 else "complete" if stage == 2 else "dropped"
        curve = [score * (1 - 0.5 ** (k + 1)) for k in range(3 * 3**stage)]
        made.append(Trial(number, params, stage=stage, state=state, why=f"{text}why" if state == "broken" else "", score=curve[-1], epochs=len(curve), curve=curve))  # fmt: skip
    made.append(Trial(trials, {"lr": 0.1}, state="failed", why=text or "out of memory"))
    space = {
        "lr": {"log": [1e-5, 1]},
        "weight_decay": {"log": [1e-6, 0.1]},
        "width": {"choice": [32, 64, 128]},
        "optimizer": {"choice": [f"{text}sgd", f"{text}adam"]},
    }
    return Study(
        space=space,
        trials=made,
        epochs=27,
        seconds=58.0,
        boxes=[{"lr": [1e-5, 1]}, {"lr": [1e-3, 1e-2]}],
        notes=[f"{text}batched"],
    )
