"""The application: its verbs, and how every way to end becomes a line and an exit code.

Exit codes: 0 done, 1 failed, 2 usage, 3 some inputs failed, a limit ended the run or some phrases
are not known, 4 a model, key or package is missing or no phrase is known, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from videoseg import __version__
from videoseg.cli import (
    bench,
    cluster,
    config,
    doctor,
    edit,
    evaluate,
    info,
    models,
    preview,
    replay,
    rerun,
    segment,
    serve,
    show,
    write,
)
from videoseg.cli import open as open_verb
from videoseg.cli._exit_codes import FAILED, INTERRUPTED, MISSING, USAGE
from videoseg.cli._logging import LogFormat, set_up, speaks_json, write_event
from videoseg.cli._running import EndedByInterruptError
from videoseg.cli._streams import ReaderGoneError, kept_for_json
from videoseg.cli._terminal import show_usage_error, tell
from videoseg.errors import (
    MissingDependencyError,
    UnknownPhraseError,
    UsageError,
    VideosegError,
    refusal_of,
)

DEBUG = "VIDEOSEG_DEBUG"
STOPPED = (
    "interrupted; no incomplete output was published; --resume continues from what was found so far"
)

app = typer.Typer(
    name="videoseg",
    help="Name an object, click it or box it, and get its outline through a whole video.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
segment.register(app)
preview.register(app)
open_verb.register(app)
replay.register(app)
rerun.register(app)
write.register(app)
edit.register(app)
info.register(app)
models.register(app)
show.register(app)
config.register(app)
evaluate.register(app)
bench.register(app)
serve.register(app)
cluster.register(app)
doctor.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        tell(f"videoseg {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Options that stand before a verb."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; errors become one line on stderr."""
    set_up(LogFormat.TEXT, quiet=False)
    try:
        with kept_for_json("--json" in arguments):
            code = app(args=list(arguments), standalone_mode=False) or 0
        sys.stdout.flush()
        # Typer turns Ctrl-C into this code without a word.
        return _report_end(STOPPED, code) if code == INTERRUPTED else code
    except EndedByInterruptError:
        return INTERRUPTED
    except KeyboardInterrupt:
        return _report_end(STOPPED, INTERRUPTED)
    except (MissingDependencyError, UnknownPhraseError) as error:
        return _report_end(_line(error), MISSING)
    except UsageError as error:
        return _report_end(_line(error), USAGE)
    except VideosegError as error:
        return _report_end(_line(error), FAILED)
    except ReaderGoneError:
        return 0
    except SystemExit as error:  # by a plug-in, whose code 0 would be taken for a run that is done
        # Completion exits, too, before anything could load a plug-in, and must stay quick.
        registry = sys.modules.get("videoseg.registry")
        if registry is None or registry.blamed(error) is None:
            raise
        return _unexpected(error)
    except Exception as error:
        return _refused(error, arguments)


def _refused(error: Exception, arguments: Sequence[str]) -> int:
    """What the system refuses: a working folder that is gone, a file by its name, memory."""
    if isinstance(error, OSError):
        try:
            os.getcwd()
        except OSError:
            gone = "the working folder does not exist any more; change to one that does"
            return _report_end(gone, FAILED)
    is_usage, debugs = hasattr(error, "exit_code"), bool(os.environ.get(DEBUG))
    refused = None if is_usage or debugs else refusal_of(error)
    return _unexpected(error, arguments) if refused is None else _report_end(refused, FAILED)


def _unexpected(error: BaseException, arguments: Sequence[str] = ()) -> int:
    """Usage errors of the parser show themselves; all else is a fault of ours or of a plug-in."""
    if hasattr(error, "exit_code") and hasattr(error, "show"):
        hint = _taken_for_options(arguments) if hasattr(error, "option_name") else ""
        if hint:
            return _report_end(hint, USAGE)
        show_usage_error(error)
        return int(error.exit_code)
    if os.environ.get(DEBUG):
        tell(*"".join(traceback.format_exception(error)).split("\n"), err=True)
    from videoseg.registry import blamed

    text, by = " ".join(_line(error).split()), blamed(error)
    what = "unexpected" if by is None else f"{by} failed:"
    return _report_end(f"{what} {type(error).__name__}: {text} ({DEBUG}=1 shows where)", FAILED)


def _taken_for_options(arguments: Sequence[str]) -> str:
    """What to write instead of a file's name or a phrase that begins with a dash, if there is."""
    for given in arguments:
        if given.startswith("-") and os.path.lexists(given):
            return (
                f"{given} looks like an option; write {os.path.join(os.curdir, given)} for the file"
            )
        if given.startswith("-") and " " in given and "=" not in given:
            return f"{given!r} looks like an option; write --text={given!r} for a phrase"
    return ""


def _line(error: BaseException) -> str:
    """What went wrong, and what its notes say beside it."""
    return "; ".join((str(error), *getattr(error, "__notes__", ())))


def _report_end(text: str, code: int) -> int:
    """One line."""
    if speaks_json():
        write_event("error", message=text, exit_code=code)
    else:
        tell(f"videoseg: {text}", err=True)
    return code
