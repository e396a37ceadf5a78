"""Measure all claims and make the documentation's gallery of them: docs/claims/README.md, its figures, and lecture.html.

    python bench/claims.py [--quick]

Takes minutes. Nothing is written where a claim couldn't be measured.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from babysit.claims import claims
from babysit.claims._gallery import write_gallery
from babysit.claims._measure import Failed, Order, measure
from babysit.claims._page import Occasion, write_page

FOLDER = Path(__file__).parent.parent / "docs" / "claims"


def main() -> None:
    """Measure, write, and say how long it took."""
    quick = "--quick" in sys.argv[1:]
    began, found = time.perf_counter(), {}
    for result in measure(list(claims()), Order(quick=quick)):
        if isinstance(result, Failed):
            sys.exit(f"{result.id} could not be measured: {result.error}")
        found[result.id] = result
        print(f"{len(found):3} {result.verdict:14} {result.id}", file=sys.stderr)
    verdicts = [found[name] for name in claims()]
    occasion = Occasion.now(time.perf_counter() - began, quick)
    print(write_gallery(FOLDER, verdicts, occasion))
    print(write_page(FOLDER / "lecture.html", verdicts, occasion))


if __name__ == "__main__":
    main()
