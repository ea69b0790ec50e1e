"""Fetches weights from the hub: what was cut off goes on where it ended, and what came is checked.

The hub's own package begins anew what was cut off. So the large files of a repository are fetched
here, into the hub's cache and under its names, and the package then lays out the rest beside them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from videoseg.errors import MissingDependencyError, ModelError

Watch: TypeAlias = Callable[[int, int], object]
"""Called with the bytes of large files that are here, and with how many there are."""

WANTED = ("*.json", "*.safetensors", "*.txt", "*.model")
"""What is fetched of a repository: settings, tokenizer and weights; no pickles, no code."""
_LARGE = ".safetensors"
_KEPT = "models--"
"""How names of the cache's folders for repositories of weights begin."""
_PART = ".videoseg-part"
"""End of the name of a file that is not here as a whole."""
_TRIES = 3
"""How often a file may break off without a byte more before that is an error."""
_CHUNK = 1 << 20
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)
"""What a disk says that takes no more."""


@dataclass(frozen=True, slots=True)
class LargeFile:
    """A file of weights in a repository.

    Attributes:
        name: Its path in the repository.
        size: Bytes.
        digest: Its SHA-256, by which the hub's cache names it.
    """

    name: str
    size: int
    digest: str


def cached(repository: str) -> Path:
    """The folder in which the hub's cache keeps a repository, there or not.

    Where that is: huggingface.co/docs/huggingface_hub, "Understand caching". Its package takes long
    to import, and what is on this machine is asked for often.
    """
    # As the hub's package does it, also for a user without a home folder.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.path.expanduser("~")) / ".cache")
    home = Path(os.environ.get("HF_HOME") or cache / "huggingface")
    kept = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return kept / f"{_KEPT}{repository.replace('/', '--')}"


def commit_of(folder: Path) -> str | None:
    """The commit of a repository that a folder of the hub's cache holds; None for another folder.

    A branch such as ``main`` names other commits later, so this is what tells weights apart.
    """
    is_kept = folder.parent.name == "snapshots" and folder.parents[1].name.startswith(_KEPT)
    return folder.name if is_kept else None


def download(repository: str, revision: str, watch: Watch = lambda _, __: None) -> Path:
    """Fetch a revision of a repository into the hub's cache; gives its folder there.

    What an earlier try has left is gone on with.

    Raises:
        MissingDependencyError: It cannot be fetched; says what to do.
        ModelError: What came is not what the hub lists; it is gone again.
    """
    from huggingface_hub import errors, snapshot_download

    page = f"https://huggingface.co/{repository}"
    try:
        with _quiet():
            _fetch_large(repository, revision, watch)
            folder = snapshot_download(repository, revision=revision, allow_patterns=list(WANTED))
            return Path(folder)
    except (MissingDependencyError, ModelError):
        raise
    except errors.GatedRepoError as error:
        problem = f"are gated: accept their licence on {page}, then `hf auth login`"
        raise MissingDependencyError(f"weights {repository} {problem}") from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        problem = f"or their revision {revision} are not on the hub; see {page}"
        raise MissingDependencyError(f"weights {repository} {problem}") from error
    except Exception as error:  # clients of HTTP have errors of their own, other ones by version
        cause = " ".join(str(error).split())[:120]
        raise MissingDependencyError(
            f"weights {repository} are not on this machine and the hub cannot be reached "
            f"({cause}); on a machine that can: hf download {repository} --revision {revision}"
        ) from error


def large_files(repository: str, revision: str) -> list[LargeFile]:
    """The files of weights of a revision, as the hub lists them."""
    from huggingface_hub import HfApi

    listed = HfApi().model_info(repository, revision=revision, files_metadata=True).siblings or []
    return [
        LargeFile(each.rfilename, int(each.lfs.size), str(each.lfs.sha256))
        for each in listed
        if each.lfs is not None and each.rfilename.endswith(_LARGE)
    ]


def _fetch_large(repository: str, revision: str, watch: Watch) -> None:
    """Have all files of weights in the hub's cache, each as a whole.

    Raises:
        MissingDependencyError: There is no room for them, or one breaks off again and again.
        ModelError: One is not what the hub lists.
    """
    files = large_files(repository, revision)
    folder = cached(repository) / "blobs"
    total, here = sum(each.size for each in files), 0
    missing = [each for each in files if not (folder / each.digest).is_file()]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    need = sum(each.size - _length(folder / f"{each.digest}{_PART}") for each in missing)
    free = shutil.disk_usage(folder).free
    if need > free:
        raise MissingDependencyError(
            f"weights {repository} need {need / 1e6:.0f} MB more, and {free / 1e6:.0f} MB are free "
            f"in {folder}; make room, or name another folder with HF_HOME"
        )
    here = sum(each.size for each in files if each not in missing)
    for each in missing:
        _fetch(repository, revision, each, folder, _shifted(watch, here, total))
        here += each.size
        watch(here, total)


def _shifted(watch: Watch, before: int, total: int) -> Callable[[int], object]:
    """Reports the bytes of one file as those of all."""
    return lambda done: watch(before + done, total)


def _fetch(
    repository: str,
    revision: str,
    file: LargeFile,
    folder: Path,
    watch: Callable[[int], object],
) -> None:
    """Have a file in a folder under the name of its digest."""
    from filelock import FileLock, Timeout

    part = folder / f"{file.digest}{_PART}"
    lock = FileLock(f"{part}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise MissingDependencyError(
            f"weights {repository} are being fetched by another process; wait for it to end"
        ) from error
    try:
        if not (folder / file.digest).is_file():
            _complete(repository, revision, file, part, watch)
            _check(repository, file, part)
            os.replace(part, folder / file.digest)
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _complete(
    repository: str, revision: str, file: LargeFile, part: Path, watch: Callable[[int], object]
) -> None:
    """Fetch what is missing of a file, however often it breaks off, as long as bytes come.

    Raises:
        MissingDependencyError: No more come, or there is no room.
    """
    from huggingface_hub import errors

    tries = 0
    while (before := _length(part)) < file.size:
        try:
            _go_on(repository, revision, file, part, watch)
        except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError):
            raise
        except Exception as error:  # as in ``download``
            cause = " ".join(str(error).split())[:80]
            if isinstance(error, OSError) and error.errno in _DISK:
                raise MissingDependencyError(
                    f"weights {repository} cannot be written to {part.parent}: {cause}"
                ) from error
            here = _length(part)
            if not here:
                raise
            tries = 1 if here > before else tries + 1
            if tries >= _TRIES:
                raise MissingDependencyError(
                    f"weights {repository}: {file.name} broke off at {here / 1e6:.1f} of "
                    f"{file.size / 1e6:.1f} MB ({cause}); what is here is kept, and the same "
                    "command goes on with it"
                ) from error


def _go_on(
    repository: str, revision: str, file: LargeFile, part: Path, watch: Callable[[int], object]
) -> None:
    """Fetch the rest of a file; what came before it breaks off is kept."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    url = hf_hub_url(repository, file.name, revision=revision)
    headers = build_hf_headers()
    # Where files lie, links hold for some time only: they are asked for anew on each try.
    found = get_hf_file_metadata(url, headers=headers).location
    if urlsplit(found).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)
    before = _length(part)
    headers |= {"Accept-Encoding": "identity", "Range": f"bytes={before}-"}
    with get_session().stream("GET", found, headers=headers) as response:
        hf_raise_for_status(response)
        is_rest = response.status_code == HTTPStatus.PARTIAL_CONTENT
        with part.open("ab" if is_rest else "wb") as opened:
            for chunk in response.iter_bytes():
                opened.write(chunk)
                watch(opened.tell())


def _check(repository: str, file: LargeFile, part: Path) -> None:
    """Compare what came with what the hub lists.

    Raises:
        ModelError: It is something else; it is removed.
    """
    digest = hashlib.sha256()
    with part.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    if part.stat().st_size == file.size and digest.hexdigest() == file.digest:
        return
    part.unlink()
    raise ModelError(
        f"weights {repository}: {file.name} came damaged (its SHA-256 is not what the hub lists) "
        "and was removed; fetch it again"
    )


def _length(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0


_quietened = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the hub's package from drawing and warning: what happens is said here, in one line."""
    from huggingface_hub import utils

    said = logging.getLogger("huggingface_hub")
    with _quietened:
        level, drawn = said.level, not utils.are_progress_bars_disabled()
        said.setLevel(logging.CRITICAL)
        with contextlib.suppress(UserWarning):
            utils.disable_progress_bars()
        try:
            yield
        finally:
            said.setLevel(level)
            if drawn:
                utils.enable_progress_bars()
