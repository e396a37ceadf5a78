"""The trials as a table, best first."""

from __future__ import annotations

from ..panel import Panel, Table, panel
from ..study import fields, tell
from ..words import clean, number

MOST = 100


@panel(of="study", order=60)
def trials(study):
    """The trials, best first: score, what was tried, how far it got and why it ended."""
    ranked = study.ranked()
    rest = [one for one in study.trials if one not in ranked] if len(study.trials) <= 2000 else []
    shown = [*ranked, *rest][:MOST]
    if not shown:
        return None
    names = fields(study)[:8]
    taken = study.choice if ranked else None
    rows = [[f"{one.number} ★" if one is taken else str(one.number), _score(one, study), *(_value(one.params.get(name)) for name in names), str(one.epochs),
             clean(one.why or one.state, 120)] for one in shown]  # fmt: skip
    more = f" The first {MOST} of {len(study.trials)}." if len(study.trials) > MOST else ""
    return Panel("Trials, best first", [Table(["trial", "score", *(name.replace("_", " ") for name in names), "epochs", "state"], rows)],
                 wide=True, note=f"{study.legend()}.{more}")  # fmt: skip


def _score(trial, study) -> str:
    if trial.score != trial.score:
        return ""
    return tell(study, trial.score) + (f" ± {tell(study, trial.sd)}" if trial.sd == trial.sd else "")


def _value(value: object) -> str:
    return "" if value is None else number(value) if isinstance(value, float) else clean(value, 40)
