"""The last rung, on disk: who goes on, what everyone came to, and the states that the winners stand at.

One file, replaced in one move after each rung, so that a search that is killed goes on from its last one.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import RecordError
from .state import State

FILE = "rung.safetensors"


@dataclass
class Rung:
    """A comparison that is over.

    Attributes:
        stage, number: which one; -1 before any.
        survivors: trial numbers that go on.
        states: (trial, fold, seed) -> where it stands.
        trials: number -> what it came to (`Trial.to_dict`), of all that reached it.
    """

    stage: int = -1
    number: int = -1
    survivors: set[int] = field(default_factory=set)
    states: dict[tuple[int, int, int], Any] = field(default_factory=dict)
    trials: dict[int, dict[str, Any]] = field(default_factory=dict)


def write_rung(folder: Path, rung: Rung) -> None:
    """Replace the folder's rung."""
    from ..trainer.checkpoint import save_tensors

    tensors, lanes = {}, []
    for index, (key, state) in enumerate(rung.states.items()):
        if not isinstance(state, State):
            continue  # an opaque training: it starts anew
        tensors |= {f"{index}.{name}": one for name, one in state.tensors.items()}
        plain = {name: value for name, value in vars(state).items() if name != "tensors"}
        lanes.append({"index": index, "key": list(key), **plain})
    trials = {str(number): plain for number, plain in rung.trials.items()}
    plain = {
        "stage": rung.stage,
        "number": rung.number,
        "survivors": sorted(rung.survivors),
        "lanes": lanes,
        "trials": trials,
    }
    save_tensors(folder / FILE, tensors, plain)


def read_rung(folder: Path) -> Rung:
    """The folder's rung; an empty one where there is none, or it can't be read (its trials then start anew)."""
    from ..trainer.checkpoint import load_tensors

    path = folder / FILE
    if not path.exists():
        return Rung()
    with contextlib.suppress(RecordError, KeyError, TypeError):
        tensors, plain = load_tensors(path)
        grouped: dict[str, dict[str, Any]] = {}
        for name, one in tensors.items():
            index, rest = name.split(".", 1)
            grouped.setdefault(index, {})[rest] = one
        states = {}
        for lane in plain["lanes"]:
            index, key = lane.pop("index"), lane.pop("key")
            lane["plateau"] = tuple(lane["plateau"])
            states[tuple(key)] = State(tensors=grouped.get(str(index), {}), **lane)
        trials = {int(number): one for number, one in plain["trials"].items()}
        return Rung(plain["stage"], plain["number"], set(plain["survivors"]), states, trials)
    return Rung()
