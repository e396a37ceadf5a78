"""Write docs/findings.md from the rules' own pages: python docs/make_findings.py"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from babysit.doctor import all_rules
from babysit.rules import FAMILIES

TITLES = {
    "data": "The data", "forward": "The forward pass", "calls": "The order of calls and modes", "coverage": "What is trained at all",
    "loss": "The loss", "labels": "The labels", "init": "Scale and start", "rate": "The learning rate and the optimizer",
    "regularization": "Regularization and batch norm", "generalization": "Generalization", "symptom": "Symptoms",
}  # fmt: skip
HEAD = """# Findings

What can be wrong with a training, in causal order: what stands earlier can be the cause of what stands later.
`babysit explain NAME` prints the same pages. This file is made from the rules (`docs/make_findings.py`).
"""


def page(text: str, module: str) -> str:
    """A docstring as Markdown: headings bold, examples and arguments as they are."""
    parts = []
    for block in re.split(r"\n\s*\n", text):
        heading, _, rest = block.partition(":")
        if heading == "Args":
            parts.append(f"**Args**\n\n```text\n{textwrap.dedent(rest).strip()}\n```")
        elif heading == "Examples":
            imports = f">>> from babysit.record import Run\n>>> from {module} import {module.rpartition('.')[2]}"
            parts.append(f"**Examples**\n\n```python\n{imports}\n{textwrap.dedent(rest).strip()}\n\n```")
        elif heading in ("Why it matters", "Usual causes", "Told apart from", "Source"):
            parts.append(f"**{heading}:** {' '.join(rest.split())}")
        else:
            parts.append(" ".join(block.split()))
    return "\n\n".join(parts)


def whole() -> str:
    """The text of docs/findings.md."""
    rules = sorted(all_rules(), key=lambda rule: (FAMILIES.index(rule.family), rule.name))
    parts, family = [HEAD], ""
    for rule in rules:
        if rule.family != family:
            family = rule.family
            parts.append(f"# {TITLES[family]}\n")
        parts.append(f"## {rule.name}\n\n{page(rule.page, rule.function.__module__)}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(__file__).with_name("findings.md").write_text(whole(), encoding="utf-8")
