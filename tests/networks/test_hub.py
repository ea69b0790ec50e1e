"""Weights from the hub: gone on with where they broke off, checked, and refused in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_server import REVISION, Hub, serving
from tests.support.torch_models import save, tiny_sam2
from videoseg.networks import weights

pytest.importorskip("torch")
pytest.importorskip("huggingface_hub")

NAME, REPOSITORY = "sam2.1-tiny", "org/net"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(save(tiny_sam2(), tmp_path_factory.mktemp("saved")))


@pytest.fixture
def hub(saved: Path) -> Iterator[Hub]:
    with serving(Hub(REPOSITORY, saved)) as served:
        yield served


def size(hub: Hub) -> int:
    return (hub.folder / weights.SINGLE).stat().st_size


def ask(
    hub: Hub, home: Path, verb: str = "get", *more: str, text: str = f"{REPOSITORY}@{REVISION}"
) -> subprocess.CompletedProcess[str]:
    """``videoseg models get`` or ``check`` in a process of its own, with this hub alone."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    environment = known | {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-m", "videoseg", "models", verb, NAME, *more]
    command += ["--set", f"models.{NAME}.weights={text}"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=300
    )


def blobs(home: Path) -> list[str]:
    folder = home / "hub" / "models--org--net" / "blobs"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_weights_are_fetched_once_and_checked(hub: Hub, tmp_path: Path) -> None:
    done = ask(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (folder,) = (tmp_path / "hub" / "models--org--net" / "snapshots").iterdir()
    assert folder.name == REVISION
    assert done.stdout == f"{NAME}: {size(hub) / 1e6:.1f} MB in {folder}, commit {REVISION}\n"
    assert (folder / weights.SINGLE).read_bytes() == (hub.folder / weights.SINGLE).read_bytes()
    assert (folder / weights.CONFIG).is_file()
    assert hub.sent == size(hub)
    again = ask(hub, tmp_path, "get", "--json")
    assert json.loads(again.stdout) == [
        {"model": NAME, "folder": str(folder), "bytes": size(hub), "commit": REVISION}
    ]
    assert hub.sent == size(hub)


def test_what_breaks_off_is_gone_on_with(hub: Hub, tmp_path: Path) -> None:
    """Within one command, as long as bytes come."""
    hub.breaks_after = size(hub) // 3
    done = ask(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert hub.sent == size(hub)
    starts = [int(asked.partition("=")[2].partition("-")[0] or 0) for asked in hub.ranges]
    assert starts == [hub.breaks_after * n for n in range(len(starts))]
    assert len(starts) >= 3


def test_another_command_goes_on_with_what_is_here(hub: Hub, tmp_path: Path) -> None:
    """As if a process had been killed on the way."""
    part = tmp_path / "hub" / "models--org--net" / "blobs"
    part.mkdir(parents=True)
    (entry,) = [each for each in hub.entries() if "lfs" in each]
    data = (hub.folder / weights.SINGLE).read_bytes()
    (part / f"{entry['lfs']['oid']}.videoseg-part").write_bytes(data[:5000])
    second = ask(hub, tmp_path)
    assert second.returncode == 0, second.stderr
    assert hub.sent == size(hub) - 5000
    assert hub.ranges[0].startswith("bytes=5000-")
    assert not [name for name in blobs(tmp_path) if "part" in name]


def test_what_breaks_off_without_a_byte_more_is_said(hub: Hub, tmp_path: Path) -> None:
    part = tmp_path / "hub" / "models--org--net" / "blobs"
    part.mkdir(parents=True)
    (entry,) = [each for each in hub.entries() if "lfs" in each]
    data = (hub.folder / weights.SINGLE).read_bytes()
    (part / f"{entry['lfs']['oid']}.videoseg-part").write_bytes(data[:5000])
    hub.breaks_after = 0
    done = ask(hub, tmp_path)
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert "model.safetensors broke off at 0.0 of" in line
    assert "what is here is kept, and the same command goes on with it" in line
    assert blobs(tmp_path) == [f"{entry['lfs']['oid']}.videoseg-part"]


def test_damaged_weights_are_refused_and_go(hub: Hub, tmp_path: Path) -> None:
    hub.damaged = True
    done = ask(hub, tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"videoseg: weights {REPOSITORY}: model.safetensors came damaged")
    assert blobs(tmp_path) == []
    hub.damaged = False
    assert ask(hub, tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("status", "says"),
    [(500, "cannot be reached"), (404, "are not on the hub"), (401, "org/net")],
)
def test_a_hub_that_refuses(status: int, says: str, hub: Hub, tmp_path: Path) -> None:
    hub.status = status
    done = ask(hub, tmp_path)
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.splitlines()
    assert says in line


def test_no_network(hub: Hub, tmp_path: Path) -> None:
    hub.address = "http://127.0.0.1:9"
    done = ask(hub, tmp_path)
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.splitlines()
    assert "are not on this machine and the hub cannot be reached" in line
    assert f"hf download {REPOSITORY} --revision {REVISION}" in line


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are a POSIX matter")
def test_a_full_disk(hub: Hub, tmp_path: Path) -> None:
    """The rest of the command's files fit; the weights do not."""
    start = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from videoseg.cli import main; main()"
    )
    environment = os.environ | {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path)}
    arguments = ["models", "get", NAME, "--set", f"models.{NAME}.weights={REPOSITORY}@{REVISION}"]
    done = subprocess.run(
        [sys.executable, "-c", start, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.splitlines()
    assert "cannot be written to" in line
    assert "File too large" in line


def test_a_model_is_checked_with_a_known_picture(hub: Hub, tmp_path: Path) -> None:
    done = ask(hub, tmp_path, "check", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:2]] == ["point", "box"]
    assert "has no figures to compare with" in done.stdout
    assert done.stdout.count("    Figure(question=") == 2
