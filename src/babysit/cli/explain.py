"""`babysit explain NAME`: the page of a finding."""

from __future__ import annotations

from collections.abc import Iterator

import click


@click.command("explain")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(name: str | None, as_json: bool) -> None:
    """Print the page of the finding NAME: why it matters, what causes it, what it is mistaken for. Without NAME, list all."""
    pages = _pages()
    if name is None:
        _list(pages, as_json)
        return
    known = name.strip().lower().replace("_", "-").replace(" ", "-")
    if known not in pages:
        from ..errors import BabysitError, did_you_mean

        raise BabysitError(f"there is no finding {name!r}{did_you_mean(known, pages, 'babysit explain')}")
    page = pages[known]
    if as_json:
        import json

        click.echo(json.dumps({"schema": 1, "name": known, "family": page[0], "page": page[1]}))
    else:
        _print(known, page[1])


def _pages() -> dict[str, tuple[str, str]]:
    """(family, page) of every rule and, where a check names a disease that no rule does, of that check."""
    from ..checks import Check
    from ..doctor import all_rules
    from ..registry import members

    pages = {rule.name: (rule.family, rule.page) for rule in all_rules()}
    for name, check in members("babysit.checks", Check).items():
        pages.setdefault(name, ("check", getattr(check, "page", "")))
    return pages


def _list(pages: dict[str, tuple[str, str]], as_json: bool) -> None:
    if as_json:
        import json

        rows = [
            {"name": name, "family": family, "title": page.partition("\n")[0]} for name, (family, page) in pages.items()
        ]
        click.echo(json.dumps({"schema": 1, "findings": rows}))
        return
    import sys

    from rich.text import Text

    from ..rules import FAMILIES
    from ..views.terminal.hanging import Hanging
    from ..views.terminal.judgement import console

    out = console(sys.stdout)
    out.soft_wrap = not out.is_terminal
    width = max(map(len, pages))
    wide = out.width >= 90 or not out.is_terminal
    for family in dict.fromkeys([*FAMILIES, *(family for family, _ in pages.values())]):
        rows = [(name, page.partition("\n")[0]) for name, (where, page) in pages.items() if where == family]
        if rows:
            out.print(Text(HEADINGS.get(family, family), "bold"))
        for name, title in rows:
            out.print(Hanging(Text(f"  {name:<{width}}  ", "cyan"), Text(title), width + 4 if wide else 6))


HEADINGS = {
    "data": "The data", "forward": "The forward pass", "calls": "The order of calls and modes", "coverage": "What is trained at all",
    "loss": "The loss", "labels": "The labels", "init": "Scale and start", "rate": "The learning rate and the optimizer",
    "regularization": "Regularization and batch norm", "generalization": "Generalization", "symptom": "Symptoms", "check": "Asked before training",
}  # fmt: skip


def _print(name: str, page: str) -> None:
    """The page with its headings set off; as it is when piped."""
    import re
    import sys

    from rich.text import Text

    from ..views.terminal.hanging import Hanging
    from ..views.terminal.judgement import console

    out = console(sys.stdout)
    if not out.is_terminal:
        click.echo(f"{name}\n\n{page}")
        return
    out.print(Text(name, "bold cyan"))
    for number, (indent, line) in enumerate(_joined(page)):
        heading = re.match(r"([A-Z][a-z ]+):(?= |$)", line) if not indent else None
        code = line.startswith((">>>", "...", "[", "("))
        text = Text(line, "bold" if number == 0 else "dim" if code else "")
        if heading:
            text.stylize("bold", 0, heading.end())
        out.print(Hanging(Text(" " * indent), text, indent, more=4 * (code or indent > 0)))


def _joined(page: str) -> Iterator[tuple[int, str]]:
    """(indentation, line) with the lines of a paragraph, or of what is told of an argument, made one: they were wrapped."""
    section, kept = "", None
    for line in page.splitlines():
        text, indent = line.strip(), len(line) - len(line.lstrip())
        section = text if text and not indent else section
        if kept is not None and kept[1] and text and section != "Examples:" and _goes_on(kept, indent):
            kept = (kept[0], f"{kept[1]} {text}")
            continue
        if kept is not None:
            yield kept
        kept = (indent, text)
    if kept is not None:
        yield kept


def _goes_on(kept: tuple[int, str], indent: int) -> bool:
    """Is a line of this indentation the rest of the one before? In a block each line at its own indentation is a new one."""
    begun, text = kept
    heading = text.endswith(":") and " " not in text
    return not heading and (indent > begun > 0 or indent == begun == 0)
