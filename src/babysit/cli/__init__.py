"""The same verbs on the command line, one file each, with no logic of their own.

`--help` lists the verbs without importing any of them; a verb's file is imported when it is called.
This is the border: an error raised on purpose becomes one message and its exit code here.
"""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import sys
import tempfile
import textwrap
import traceback
from pathlib import Path

import click

from ..errors import BabysitError

VERBS = {
    "train": "Raise a network from data by the whole recipe.",
    "watch": "Run a training script, unchanged, and say what is wrong.",
    "check": "Ask the questions that save hours, before training.",
    "cure": "Find the fault in a training script and prove the remedy.",
    "search": "Find good hyperparameters, coarse to fine.",
    "diagnose": "Judge a stored run.",
    "explain": "Print the page of a finding.",
    "show": "Show a stored run in the terminal.",
    "report": "Write a run or study as one HTML file.",
    "serve": "Open the live page of a folder of runs.",
    "predict": "Use a trained model on new examples.",
    "export": "Write a trained model as ONNX, preprocessing included.",
    "claim": "Re-measure one statement of the lecture.",
    "claims": "Re-measure all statements of the lecture.",
}


class _Verbs(click.Group):
    """A group that imports a verb's file only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        here = Path(__file__).parent
        return [name for name in VERBS if (here / f"{name}.py").exists()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"{__name__}.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, VERBS[name]) for name in self.list_commands(ctx)])

    def resolve_command(self, ctx, args):
        from ..errors import did_you_mean

        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            ctx.fail(f"there is no command {args[0]!r}{did_you_mean(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="babysit")
def babysit() -> None:
    """Raise neural networks: train by the whole recipe, watch any training, prove the cure."""


def main(args: list[str] | None = None) -> None:
    """Run the command line; the process ends with one of the documented exit codes.

    0 fine, 1 findings, 2 usage or configuration, 3 data or model unreadable, 70 our own
    fault, 130 interrupted.
    """
    try:
        code = babysit.main(args=args, prog_name="babysit", standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = 2
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        code = 130
    except BabysitError as error:
        click.echo(_message(error), err=True)
        code = error.exit_code
    except BrokenPipeError:  # `babysit … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        click.echo(_our_fault(error), err=True)
        code = 70
    sys.exit(code if isinstance(code, int) else 0)


def _message(error: BabysitError) -> str:
    """The error and its notes, wrapped between words where a person reads them."""
    lines = "\n".join([f"babysit: {error}", *getattr(error, "__notes__", ())]).split("\n")
    if sys.stderr.isatty():
        width = max(24, shutil.get_terminal_size().columns - 2)
        fold = functools.partial(textwrap.wrap, width=width, break_long_words=False, break_on_hyphens=False)
        lines = [part for line in lines for part in fold(line)]
    return "\n  ".join(lines)


def _our_fault(error: Exception) -> str:
    with tempfile.NamedTemporaryFile("w", prefix="babysit-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
    return (
        f"babysit: this is our own fault, not yours: {type(error).__name__}: {error}\n"
        f"  The traceback is in {file.name}; please report it."
    )
