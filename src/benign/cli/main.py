"""The command ``benign``: its sub-commands, and the one place that turns an exception into a line and a status."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

import benign
from benign.cli import audit, bench, compare, demo, meta, methods, probe, unlearn, utility
from benign.errors import BadRecords, UserError

INTERNAL, USER, INTERRUPTED = 1, 2, 130

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong option; it has no public name."""

app = typer.Typer(
    name="benign",
    help="Forget what you must, keep everything else.",
    epilog="Start with: benign demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("demo", short_help="See it work: forget, audit, compare, offline.")(demo.demo)
app.command("unlearn", short_help="Make a model forget.")(unlearn.unlearn)
app.command("audit", short_help="See what was forgotten and what was kept.")(audit.audit)
app.command("probe", short_help="Ask about the forgotten in other ways.")(probe.probe)
app.command("utility", short_help="What is left of general ability.")(utility.utility)
app.command("bench", short_help="Fill in a benchmark's results.")(bench.bench)
app.command("compare", short_help="Which of two runs is better, and is it chance?")(compare.compare)
app.command("meta", short_help="Which of the audit's metrics deserve trust?")(meta.meta)
app.command("methods", short_help="List the methods and their settings.")(methods.methods)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"benign {benign.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0: done. 1: a bug. 2: the user's mistake, said in one line. 130: interrupted; the same command resumes.
    """
    given = _meant(list(sys.argv[1:] if arguments is None else arguments))
    _first_process_speaks()
    try:
        status = get_command(app).main(args=given, prog_name="benign", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:  # noqa: BLE001 - this is where every exception ends
        if "--debug" in given:
            traceback.print_exc()
        return _ended_by(error)
    if status == INTERRUPTED:
        _say("interrupted; run the same command again to resume")
    return status if isinstance(status, int) else 0


def _meant(given: list[str]) -> list[str]:
    """``audit --meta`` needs none of what an audit must be given: it is another command."""
    if given[:1] == ["audit"] and audit.META in given:
        return ["meta", *(word for word in given[1:] if word != audit.META)]
    return given


def _first_process_speaks() -> None:
    """Of the processes that make a run together (``accelerate launch``), one shows progress, outcome and errors."""
    if int(os.environ.get("RANK", "0")) and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, sys.stdout.fileno())
        os.dup2(silence, sys.stderr.fileno())


def _ended_by(error: Exception) -> int:
    """Say in one line what ended the command."""
    if isinstance(error, BadRecords) and len(error.problems) > 1:
        _say(error.line())  # bare `file:line: field: reason` lines, which editors can jump to
        _say(f"error: {error.what} ({error.fix})")
        return USER
    if isinstance(error, UserError):
        _say(f"error: {error.line()}{f' ({error.fix})' if isinstance(error, BadRecords) else ''}")
        return USER
    if isinstance(error, _UsageError):
        return _misused(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f"{error.filename}: " if error.filename else ""
        _say(f"error: {place}the disk is full (free some space and run the same command again: it resumes)")
        return USER
    text = " ".join(str(error).split())
    _say(f"internal error: {type(error).__name__}{': ' if text else ''}{text}, run with --debug")
    return INTERNAL


def _misused(error: Exception) -> int:
    """A wrong option; ``benign`` alone is not wrong, it asks for help."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "benign"
    text = " ".join(str(getattr(error, "format_message", lambda: error)()).split())
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{context.get_help() if context else text}\n")
    else:
        _say(f"error: {text.rstrip('.')} (see {command} --help)")
    return USER


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
