"""What a training tells while it goes on, and to whom: by default nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from ..checks import Outcome
from ..doctor import Verdict
from ..record.study import Study

Update = Callable[[float, str], None]
"""`update(done, text)`: how far it is, and what to say beside the bar."""


class Show(Protocol):
    """Gets told each step of the whole recipe; the command line's prints them."""

    def step(self, title: str, why: str) -> None:
        """The next step begins; `why` explains it in one line."""
        ...

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """What the step found out: names and values."""
        ...

    def outcome(self, outcome: Outcome) -> None:
        """A check was answered."""
        ...

    def trials(self, study: Study) -> None:
        """A trial of the search has ended; the study so far."""
        ...

    def study(self, study: Study) -> None:
        """The search is over."""
        ...

    def verdict(self, verdict: Verdict) -> None:
        """What the doctor says of the whole run."""
        ...

    def progress(self, title: str, total: float) -> AbstractContextManager[Update]:
        """A bar for something that may be longer than a second."""
        ...


class Silent:
    """Tells nobody."""

    def step(self, title: str, why: str) -> None: ...

    def facts(self, rows: Sequence[tuple[str, str]]) -> None: ...

    def outcome(self, outcome: Outcome) -> None: ...

    def trials(self, study: Study) -> None: ...

    def study(self, study: Study) -> None: ...

    def verdict(self, verdict: Verdict) -> None: ...

    @contextmanager
    def progress(self, title: str, total: float) -> Iterator[Update]:
        yield lambda done, text: None
