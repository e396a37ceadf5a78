"""Makes docs/cures.md from real cures of examples/sick: python docs/make_cures.py"""

from __future__ import annotations

import ast
import os
import platform
import sys
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
HEAD = """# Cures of the lecture's sick networks

Each program in `examples/sick/` has one of the lecture's faults. Below is what `babysit cure` made of it: the
cause that it confirmed, the remedy that it proved over five seeds, and the change of the source where there is one
way to write it. Scores are what the program's own validation comes to. Made by `docs/make_cures.py` on {machine},
{day}; seconds are of the whole cure, on two cores.

| program | before | after | remedy | cause | seconds |
|---|---|---|---|---|---|
"""
MEASURED = "## How good"


def section(path: Path, found: Any) -> tuple[str, str]:
    """A row of the table and a section."""
    title = (ast.get_docstring(ast.parse(path.read_text())) or "").strip()
    best = found.best
    if best is None:
        row = f"| [{path.stem}](#{path.stem}) | {found.baseline.get(0, float('nan')):.3f} | | {found.status} | | {found.seconds:.0f} |"
        text = f"## {path.stem}\n\n{title} Status: {found.status}. {found.reason}\n"
        return row, text
    before, after = best.comparison.before, best.comparison.after
    cause = next((one for one in found.findings if one.id == best.candidate.finding), None)
    row = (
        f"| [{path.stem}](#{path.stem}) | {sum(before) / 5:.3f} | {sum(after) / 5:.3f} | {best.candidate.title} "
        f"| {cause.id if cause else ''} | {found.seconds:.0f} |"
    )
    lines = [f"## {path.stem}", "", title, ""]
    if cause:
        lines += [f"**{cause.id}**: {cause.message}", ""]
    scores = ", ".join(f"{a:.3f} → {b:.3f}" for a, b in zip(before, after, strict=True))
    lines += [f"{best.candidate.title}: {found.kind} {scores}; p = {best.comparison.p:.3f}.", ""]
    if found.diff:
        lines += ["```diff", found.diff.rstrip("\n").replace(f"{ROOT}/", ""), "```", ""]
    elif best.candidate.code:
        lines += ["```python", best.candidate.code, "```", ""]
    return row, "\n".join(lines)


def main() -> None:
    import torch

    from babysit.checker.cure import cure

    torch.set_num_threads(1)
    os.chdir(ROOT)
    rows, sections = [], []
    for path in sorted(Path("examples/sick").glob("*.py")):
        found = cure(path, time=120)
        row, text = section(path, found)
        rows.append(row)
        sections.append(text)
        print(row, file=sys.stderr, flush=True)
    machine = f"{platform.system()} {platform.machine()}, PyTorch {torch.__version__}"
    page = HEAD.format(machine=machine, day=date.today()) + "\n".join(rows) + "\n\n" + "\n".join(sections)
    file = HERE / "cures.md"
    _, heading, measured = file.read_text().partition(MEASURED)  # of bench/cure.py, written by hand
    file.write_text(f"{page.rstrip()}\n\n{heading}{measured}")


if __name__ == "__main__":
    main()
