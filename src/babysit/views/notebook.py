"""In a notebook: a run, a study or a finding shows itself, and a run's display goes on changing while it trains.

Each display is a bundle of three forms: Plotly's own JSON, drawn where the notebook is trusted; a PNG beside it, which
survives GitHub and untrusted notebooks; and text, for everything else. HTML from outside is never part of it.

`Run._repr_mimebundle_` and its siblings ask `bundle(self)`.
"""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from typing import Any

from ..errors import MissingExtra
from ..record import Finding, Run
from .evidence import evidence_panel
from .figure import figure
from .panel import Panel, makers
from .study import is_study, study_from
from .terminal.live import line
from .words import clean, plural

PLOTLY = "application/vnd.plotly.v1+json"
FIRST = {"run": ("loss", "score", "updates"), "study": ("trials-as-they-come", "scatter")}


def bundle(record: Any, run: Run | None = None, *, png: bool = True) -> dict[str, Any]:
    """The display of a run, a study or a finding (with its run's measured series, where it knows its run).

    Examples:
        >>> sorted(bundle(Finding("dead-relu", "relu1: 90 % of the units are dead")))
        ['text/plain']
    """
    chosen = _panel(record, run if run is not None else getattr(record, "run", None))
    made: dict[str, Any] = {"text/plain": _text(record)}
    if chosen is None:
        return made
    drawn = figure(chosen, dark=False)
    drawn["layout"] |= {
        "title": {"text": drawn_title(chosen), "font": {"size": 14}},
        "margin": {**drawn["layout"]["margin"], "t": 46, "l": 60, "b": 44},
    }
    made[PLOTLY] = {**drawn, "config": {"displaylogo": False, "displayModeBar": False}}
    if png:
        with contextlib.suppress(MissingExtra):  # without matplotlib there is no PNG; the other forms stand
            from .picture import picture

            made["image/png"] = base64.b64encode(picture(chosen, "png", width=8.0)).decode()
    return made


def drawn_title(panel: Panel) -> str:
    """The panel in one line, for Plotly's own title (which is markup: escaped)."""
    from .figure import text

    return text(panel.spoken, 200)


class LiveDisplay:
    """A run's display that is brought up to date in place, at most every `seconds`, while `update` is called.

    `babysit.watch` uses it in a notebook. What changes while it trains has no PNG, which takes a hundred times as long;
    the last one, of `force`, has.
    """

    def __init__(self, seconds: float = 1.0) -> None:
        self.seconds = seconds
        self._handle: Any = None
        self._next = 0.0
        self._lock = threading.Lock()

    def update(self, run: Run, *, force: bool = False) -> None:
        """Show how it stands; returns at once when it was shown a moment ago. Never raises."""
        now = time.monotonic()
        if (now < self._next and not force) or not self._lock.acquire(blocking=False):
            return
        try:
            began = time.thread_time()
            shown = bundle(run, png=force)
            if self._handle is None:
                from IPython.display import display  # type: ignore[import-not-found]

                self._handle = display(shown, raw=True, display_id=True)
            else:
                self._handle.update(shown, raw=True)
            self._next = time.monotonic() + max(self.seconds, 100 * (time.thread_time() - began))  # at most 1 %
        except Exception:  # a display must never end a training
            self._next = float("inf")
        finally:
            self._lock.release()

    def finding(self, finding: Finding) -> None:
        """A finding became sure: the run's display says how many there are."""


def in_notebook() -> bool:
    """Is this a Jupyter kernel (which can show figures), not a terminal?"""
    import sys

    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"


def _panel(record: Any, run: Run | None) -> Panel | None:
    """The one figure that tells most."""
    if isinstance(record, Finding):
        return evidence_panel(run, record) if run is not None else None
    kind = "study" if is_study(record) else "run"
    made = study_from(record) if kind == "study" else record
    by_name = {maker.name: maker for maker in makers(kind)}
    for name in FIRST[kind]:
        found = by_name[name](made)
        if found is not None:
            return found
    return None


def _text(record: Any) -> str:
    if isinstance(record, Finding):
        return f"{record.severity}: {clean(record.id, 80)}: {clean(record.message, 2000, lines=True)}"
    if is_study(record):
        return f"a study of {plural(len(record.trials), 'trial')}"
    found = f", {plural(len(record.findings), 'finding')}" if record.findings else ""
    return f"a run: {line(record)}{found}"
