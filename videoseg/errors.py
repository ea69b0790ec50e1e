"""Every error that videoseg raises on purpose, and the advice that messages give.

Each is also the Python builtin that fits, so ``except FileNotFoundError`` works::

    VideosegError
    +-- UsageError (ValueError)              the caller asked for something that makes no sense
    |   +-- PromptError                      an empty phrase, a box outside the frame, NaN
    |   |   +-- UnknownPhraseError           this model cannot ground that phrase
    |   +-- ConfigError                      an unknown part, key or value
    +-- SourceError (OSError)                the input cannot be read
    |   +-- SourceNotFoundError (FileNotFoundError)
    +-- OutputError (OSError)                the output cannot be written
    |   +-- OutputExistsError (FileExistsError)
    +-- ServerError (OSError)                a server cannot listen where it should
    +-- ModelError (RuntimeError)            a model failed while it worked
    |   +-- OutOfMemoryError (MemoryError)   memory ran out; fewer frames at once may fit
    +-- LimitReachedError (RuntimeError)     the user's limit on calls or cost ends the work
    +-- MissingDependencyError (ImportError) a model, weight file or package is not installed
    +-- RunLogError (ValueError)             a run folder is damaged, or none of ours
    +-- PathDataError (ValueError)           text that is not SVG path data

A message is one line: what was wrong, where, and what to do.

``UnknownPhraseWarning`` (UserWarning) says that one phrase of several cannot be grounded, where the
others are looked for all the same.
"""

from __future__ import annotations

import difflib
import errno
import reprlib
from collections.abc import Callable, Iterable

_NO_MEMORY = (
    "memory ran out; show the model less (--max-size), do fewer inputs at once (--jobs 1), or "
    "allow the process more"
)
_NO_THREAD = (
    "the system allows no further thread or process; end others, or ask for fewer (--jobs 1, "
    "OMP_NUM_THREADS=1)"
)
_NO_MEMORY_SAID = ("bad_alloc", "bad allocation", "failed to map segment", "allocate memory")
"""What packages in C++ say instead of raising a MemoryError; the third is an import."""

_SHOWN = 4
"""Names that a hint lists at most."""
_SHORTEST = 3
"""Letters from which a piece of a name says which family is meant."""


def refusal_of(error: BaseException) -> str | None:
    """What the system refuses or has run out of, in one line.

    None where that does not tell what to do about it.
    """
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    number, said = getattr(error, "errno", None), str(error)
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return _NO_MEMORY
    plain = type(error).__module__ == "builtins"  # FFmpeg, too, speaks of trying again
    if plain and ("start new thread" in said or number == errno.EAGAIN):
        return _NO_THREAD
    if any(words in said for words in _NO_MEMORY_SAID) or _is_opencv_without_memory(error):
        return _NO_MEMORY
    if isinstance(error, RecursionError):
        return "what was given is nested too deeply to be read"
    if isinstance(error, OSError) and number in (errno.ENOSPC, errno.EROFS, errno.ENOENT):
        return error.strerror
    return None


def _is_opencv_without_memory(error: BaseException) -> bool:
    return type(error).__module__ == "cv2" and getattr(error, "code", None) == -4


class VideosegError(Exception):
    """The root of all errors that videoseg raises on purpose."""


class UsageError(VideosegError, ValueError):
    """The caller asked for something that makes no sense."""


class PromptError(UsageError):
    """A prompt is empty, malformed, or lies outside the frame."""


class UnknownPhraseError(PromptError):
    """The model cannot ground this phrase.

    Attributes:
        phrase: The phrase as the user wrote it.
    """

    def __init__(self, message: str, *, phrase: str) -> None:
        super().__init__(message)
        self.phrase = phrase


class UnknownPhraseWarning(UserWarning):
    """The model cannot ground this phrase; the others of the call are looked for.

    Attributes:
        phrase: The phrase as the user wrote it.
    """

    def __init__(self, message: str, *, phrase: str) -> None:
        super().__init__(message)
        self.phrase = phrase


class ConfigError(UsageError):
    """A part, setting or value that does not exist or does not fit."""


class SourceError(VideosegError, OSError):
    """The input cannot be read."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """The input does not exist."""


class OutputError(VideosegError, OSError):
    """The output cannot be written."""


class OutputExistsError(OutputError, FileExistsError):
    """The output exists and nobody asked to replace it."""


class ServerError(VideosegError, OSError):
    """A server cannot listen on its address, or does not start."""


class ModelError(VideosegError, RuntimeError):
    """A model failed while it worked."""


class OutOfMemoryError(ModelError, MemoryError):
    """Memory of the device or the machine ran out; fewer frames at once may fit."""


class LimitReachedError(VideosegError, RuntimeError):
    """A limit that the user has set on calls or cost allows no further call."""


class MissingDependencyError(VideosegError, ImportError):
    """A model, a weight file or a package is not installed; the message says how to get it."""


def missing_package(
    needs_it: str, package: str, *, extra: str | None = None
) -> MissingDependencyError:
    """The error that says what a package is needed for, and how to install it.

    Args:
        needs_it: What cannot be done without it.
        package: Its name, as ``pip`` takes it.
        extra: The extra of ``videoseg`` that brings it; none: it is installed by its name.
    """
    wanted = f"'videoseg[{extra}]'" if extra else package
    return MissingDependencyError(f"{needs_it} needs {package}: pip install {wanted}")


class RunLogError(VideosegError, ValueError):
    """A run folder is damaged or is none, or what is to be logged could not be read back."""


class PathDataError(VideosegError, ValueError):
    """Text that is not SVG path data."""


def shown(value: object) -> str:
    """A value for a message: on one line, shortened."""
    brief = reprlib.Repr()
    brief.maxother = brief.maxstring = 60
    return " ".join(brief.repr(value).split())


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that does not exist: what it begins, the nearest that does, or all."""
    names = list(known)
    likely = _likely(name, names)
    if likely:
        more = f" or {len(likely) - _SHOWN} more" if len(likely) > _SHOWN else ""
        *first, last = [repr(each) for each in likely[:_SHOWN]]
        joined = ", ".join([*first, last]) if more else " or ".join([", ".join(first), last])
        return f"did you mean {joined.removeprefix(' or ')}{more}?"
    return f"there are: {', '.join(names)}" if names else "it has no settings"


def _likely(name: str, names: list[str]) -> list[str]:
    """The names that this is the beginning of, or that are most like it, or that it is within."""
    plain, by_plain = _plain(name), {each: _plain(each) for each in names}
    near = difflib.get_close_matches(plain, list(by_plain.values()), n=1)
    family = plain if len(plain) >= _SHORTEST else None
    ways: tuple[Callable[[str], bool], ...] = (
        lambda known: known == plain,
        lambda known: family is not None and known.startswith(family),
        lambda known: known in near,
        lambda known: family is not None and family in known,
    )
    found = ([each for each, known in by_plain.items() if way(known)] for way in ways)
    return next(filter(None, found), [])


def _plain(name: str) -> str:
    """Letters and digits alone, which people remember."""
    return "".join(filter(str.isalnum, name.lower()))
