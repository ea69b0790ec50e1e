"""Weights: where they are on this machine, how they get there, and a network made of them.

Weights are a hub id with a pinned revision (``org/name@commit``), or a folder. Only safetensors are
read and only classes of transformers are made: nothing that comes with weights is ever run.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoseg.errors import MissingDependencyError, ModelError, OutOfMemoryError
from videoseg.networks import hub
from videoseg.networks.device import Device, memory_errors

CONFIG = "config.json"
"""The file of a repository that describes the network."""
SINGLE = "model.safetensors"
"""The file that holds all weights, where they are in one."""
INDEX = "model.safetensors.index.json"
"""The file that lists the files of weights, where they are in several."""
_TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model")
"""Any of these is a tokenizer; without one transformers makes up an empty one."""
_WRONG = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    ImportError,
)
"""What transformers raises over files that are not what they should be."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where weights come from.

    Attributes:
        text: As it was written.
        repository: Hub id, or None for a folder.
        revision: Commit, tag or branch of the repository.
    """

    text: str
    repository: str | None
    revision: str = "main"

    @classmethod
    def of(cls, text: str) -> Source:
        """Read ``org/name``, ``org/name@revision`` or a path."""
        repository, _, revision = text.partition("@")
        is_path = Path(os.path.expanduser(text)).exists() or repository.count("/") != 1
        if is_path or text.startswith((".", "~", "/")):
            return cls(text, None)
        return cls(text, repository, revision or "main")


def on_this_machine(text: str) -> Path | None:
    """The folder in which weights lie complete, without asking the network; None if there is none.

    Needs neither torch nor transformers.
    """
    source = Source.of(text)
    if source.repository is None:
        folder = Path(os.path.expanduser(text))
    else:
        folder = hub_snapshot(source.repository, source.revision)
    return folder if folder.is_dir() and not _lacking(folder) else None


def hub_snapshot(repository: str, revision: str) -> Path:
    """The folder in which the hub's cache keeps a revision of a repository, there or not."""
    kept = hub.cached(repository)
    branch = kept / "refs" / revision
    if branch.is_file():
        revision = branch.read_text(encoding="ascii").strip()
    return kept / "snapshots" / revision


def fetch(text: str, *, offline: bool, watch: hub.Watch = lambda _, __: None) -> Path:
    """The folder with the weights, fetched from the hub where they are not on this machine.

    Args:
        text: Hub id, hub id@revision, or a folder.
        offline: Whether the hub is not to be asked.
        watch: Called with the bytes that are here and with how many there are, while they come.

    Raises:
        MissingDependencyError: They are not here and cannot be fetched; says what to do.
        ModelError: What came is not what the hub lists.
    """
    found = on_this_machine(text)
    if found is not None:
        return found
    source = Source.of(text)
    if source.repository is None:
        folder = Path(os.path.expanduser(text))
        if not folder.is_dir():
            raise MissingDependencyError(f"weights {text!r}: there is no such folder")
        raise MissingDependencyError(f"weights in {text}: {_lacking(folder)[0]} is missing")
    how = f"hf download {source.repository} --revision {source.revision}"
    if offline:
        raise MissingDependencyError(
            f"weights {source.repository} are not on this machine (--offline); once online: {how}"
        )
    folder = hub.download(source.repository, source.revision, watch)
    lacking = _lacking(folder)
    if lacking:
        raise MissingDependencyError(
            f"weights {source.repository}: {lacking[0]} is missing; fetch them again: {how}"
        )
    return folder


def _lacking(folder: Path) -> list[str]:
    """Names of files without which the folder is not complete."""
    if not (folder / CONFIG).is_file():
        return [CONFIG]
    if (folder / SINGLE).is_file():
        return []
    if not (folder / INDEX).is_file():
        return [SINGLE]
    return [name for name in _shards(folder) if not (folder / name).is_file()]


def _shards(folder: Path) -> list[str]:
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return sorted({str(name) for name in index["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(folder / INDEX) from error


def files(folder: Path) -> tuple[Path, ...]:
    """The files of the weights in a complete folder."""
    names = [SINGLE] if (folder / SINGLE).is_file() else _shards(folder)
    return tuple(folder / name for name in names)


def resolved(text: str, folder: Path) -> str | None:
    """Where weights of the hub come from, with their commit: ``org/name@commit``.

    Args:
        text: Hub id, hub id@revision, or a folder, as it was written.
        folder: Where some weights lie.

    Returns:
        None where they are none of that repository's.
    """
    source, commit = Source.of(text), hub.commit_of(folder)
    if source.repository is None or commit is None:
        return None
    # By name, since there are several ways to write where the cache is.
    is_own = folder.parents[1].name == hub.cached(source.repository).name
    return f"{source.repository}@{commit}" if is_own else None


def count_parameters(folder: Path) -> int:
    """Numbers in all the weights, read from the files' headers.

    Raises:
        ModelError: A file is cut off or no safetensors.
    """
    return sum(math.prod(entry["shape"]) for entry in _tensors(folder).values())


def holds(folder: Path, part: str) -> bool:
    """Whether weights are there for a part of a network, by its name.

    Raises:
        ModelError: A file is cut off or no safetensors.
    """
    return any(f".{part}." in f".{name}" for name in _tensors(folder))


def _tensors(folder: Path) -> dict[str, Any]:
    """What the files' headers say of each tensor."""
    found: dict[str, Any] = {}
    for path in files(folder):
        with path.open("rb") as file:
            try:
                (length,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(min(length, 100_000_000)))
            except (struct.error, ValueError, RecursionError) as error:
                raise _damaged(path) from error
        header.pop("__metadata__", None)
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        if path.stat().st_size != 8 + length + end:
            raise _damaged(path)
        found |= header
    return found


def _damaged(path: Path) -> ModelError:
    return ModelError(f"weights {path} are cut off or damaged; delete the file and fetch it again")


def load(
    cls: type[Any], folder: Path, device: Device, *, precise: Sequence[str] = (), **options: Any
) -> Any:
    """A network of one of transformers' classes, in evaluation mode on the device.

    Args:
        cls: The class, with ``from_pretrained``.
        folder: A complete folder (``fetch``).
        device: Where to and in what precision.
        precise: Names of the network's parts of which the weights stay in float32.
        options: More of ``from_pretrained``'s.

    Raises:
        ModelError: The weights are damaged, or not those of such a network.
        OutOfMemoryError: They do not fit.
    """
    need = count_parameters(folder) * device.dtype.itemsize
    free = device.free_bytes()
    if need > free:
        raise OutOfMemoryError(
            f"weights in {folder} take {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free on "
            f"{device.name}; take a smaller model, --precision bf16, or another --device"
        )
    with _quiet():
        network, report = _loaded(
            lambda: _with_precise(cls, precise).from_pretrained(
                folder,
                dtype=device.dtype,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                **options,
            ),
            f"weights in {folder} are no {cls.__name__}",
            device,
        )
        wrong = [*report["missing_keys"], *report["mismatched_keys"]]
        if wrong:
            raise ModelError(
                f"weights in {folder} are not complete for {cls.__name__}: {len(wrong)} tensors "
                f"are missing or of another size, such as {wrong[0]}"
            )
        with memory_errors(device):
            return network.to(device.torch_device).eval().requires_grad_(False)


def _with_precise(cls: type[Any], parts: Sequence[str]) -> type[Any]:
    """The class, which keeps the weights of some of its parts in float32 where it is loaded."""
    if not parts:
        return cls
    kept = {*(cls._keep_in_fp32_modules_strict or ()), *parts}
    return type(cls.__name__, (cls,), {"_keep_in_fp32_modules_strict": kept})


def tokenizer(folder: Path) -> Any:
    """The tokenizer that comes with weights.

    Raises:
        ModelError: There is none.
    """
    import transformers

    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise ModelError(f"no tokenizer in {folder}: one of {', '.join(_TOKENIZERS)} is missing")
    return _loaded(
        lambda: transformers.AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        ),
        f"no tokenizer in {folder}",
    )


def _loaded(make: Callable[[], Any], problem: str, device: Device | None = None) -> Any:
    """What ``make`` gives; whatever is wrong with files becomes one line."""
    try:
        with memory_errors(device):
            return make()
    except OutOfMemoryError:
        raise
    except _WRONG as error:
        cause = " ".join(str(error).split())[:200]
        raise ModelError(f"{problem}: {cause}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from reporting on stderr what is checked here."""
    import transformers

    logging: Any = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
