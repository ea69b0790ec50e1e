"""Weights and devices that are not as they should be: one line that says what to do."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.torch_models import save, tiny_sam2, tiny_sam3
from videoseg.cli._app import run
from videoseg.errors import MissingDependencyError, ModelError, OutOfMemoryError
from videoseg.models.sam2 import Sam21Tiny
from videoseg.models.sam3 import Sam3
from videoseg.networks import hub as fetching
from videoseg.networks import weights
from videoseg.networks.device import Device, choose, need_packages
from videoseg.networks.weights import Source, fetch, on_this_machine

torch = pytest.importorskip("torch")
hub = pytest.importorskip("huggingface_hub")

REPOSITORY, REVISION = "org/net", "0123456789abcdef0123456789abcdef01234567"
PINNED = f"{REPOSITORY}@{REVISION}"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(save(tiny_sam2(), tmp_path_factory.mktemp("saved")))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """Weights that a test may damage."""
    return Path(shutil.copytree(saved, tmp_path / "weights"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no way to the hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "snapshot_download", _unreachable)
    monkeypatch.setattr(fetching, "large_files", lambda *_: [])
    return tmp_path / "hub"


def _unreachable(*_: object, **__: object) -> str:
    raise OSError("no route to host")


def into_cache(cache: Path, folder: Path) -> Path:
    """Lay weights down as a download would."""
    home = cache / "models--org--net"
    snapshot = home / "snapshots" / REVISION
    shutil.copytree(folder, snapshot)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(REVISION, encoding="utf-8")
    return snapshot


@pytest.mark.parametrize(
    ("text", "repository", "revision"),
    [
        ("org/net", "org/net", "main"),
        (PINNED, "org/net", REVISION),
        ("./org/net", None, "main"),
        ("/weights/net", None, "main"),
        ("~/net", None, "main"),
        ("weights", None, "main"),
    ],
)
def test_a_hub_id_is_told_from_a_folder(text: str, repository: str, revision: str) -> None:
    assert (Source.of(text).repository, Source.of(text).revision) == (repository, revision)


def test_a_folder_that_exists_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "net").mkdir(parents=True)
    assert Source.of("org/net").repository is None


def test_weights_in_the_cache_are_found_without_the_hub(cache: Path, folder: Path) -> None:
    assert on_this_machine(PINNED) is None
    snapshot = into_cache(cache, folder)
    assert on_this_machine(PINNED) == snapshot
    assert on_this_machine(REPOSITORY) == snapshot
    assert fetch(PINNED, offline=True) == snapshot
    assert on_this_machine(f"{REPOSITORY}@{'f' * 40}") is None
    (snapshot / weights.SINGLE).unlink()
    assert on_this_machine(PINNED) is None


def test_shards_are_all_needed(folder: Path) -> None:
    (folder / weights.SINGLE).rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / weights.INDEX).write_text(json.dumps({"weight_map": shards}), encoding="utf-8")
    with pytest.raises(MissingDependencyError, match=r"00002\.safetensors is missing"):
        fetch(str(folder), offline=True)


def test_what_cannot_be_fetched_offline(cache: Path) -> None:
    assert not cache.exists()
    how = f"hf download org/net --revision {REVISION}"
    with pytest.raises(MissingDependencyError, match=rf"not on this machine \(--offline\).*{how}"):
        fetch(PINNED, offline=True)


def response(code: int) -> Any:
    return SimpleNamespace(
        status_code=code, headers={}, request=None, url="", reason="", text="", history=()
    )


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("GatedRepoError", "are gated: accept their licence on https://huggingface.co/org/net"),
        ("RepositoryNotFoundError", "are not on the hub; see https://huggingface.co/org/net"),
        ("RevisionNotFoundError", f"revision {REVISION} are not on the hub"),
        ("LocalEntryNotFoundError", "the hub cannot be reached"),
    ],
)
def test_what_the_hub_refuses(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: str, says: str
) -> None:
    assert not cache.exists()
    kind = getattr(hub.errors, error)
    made = kind.__new__(kind)
    Exception.__init__(made, "403\nForbidden")

    def refuse(*_: object, **__: object) -> str:
        raise made

    monkeypatch.setattr(hub, "snapshot_download", refuse)
    with pytest.raises(MissingDependencyError) as raised:
        fetch(PINNED, offline=False)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_nothing_but_safetensors_settings_and_words_is_fetched(
    cache: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def download(name: str, **named: Any) -> str:
        asked.update(named, name=name)
        return str(into_cache(cache, folder))

    monkeypatch.setattr(hub, "snapshot_download", download)
    fetch(PINNED, offline=False)
    assert (asked["name"], asked["revision"]) == (REPOSITORY, REVISION)
    assert set(asked["allow_patterns"]) == {"*.json", "*.safetensors", "*.txt", "*.model"}


def test_an_unfinished_download_is_said(
    cache: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / weights.SINGLE).unlink()
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: str(into_cache(cache, folder)))
    with pytest.raises(MissingDependencyError, match=r"model\.safetensors is missing; fetch them"):
        fetch(PINNED, offline=False)


def test_no_folder_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="there is no such folder"):
        fetch(str(tmp_path / "nowhere"), offline=True)
    with pytest.raises(MissingDependencyError, match=r"config\.json is missing"):
        fetch(str(tmp_path), offline=True)


@pytest.mark.parametrize("keep", [5, 100, -10])
def test_weights_that_are_cut_off(folder: Path, keep: int) -> None:
    path = folder / weights.SINGLE
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="cut off or damaged; delete the file"):
        Sam21Tiny(weights=str(folder)).prepare(())


def test_weights_of_another_network(tmp_path: Path) -> None:
    text = save(tiny_sam3(), tmp_path)
    with pytest.raises(ModelError, match="Sam2Model"):
        Sam21Tiny(weights=text).prepare(())


def test_weights_that_lack_a_part(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / weights.SINGLE)
    lost = [name for name in tensors if name.startswith("mask_decoder.iou")]
    save_file(
        {name: value for name, value in tensors.items() if name not in lost},
        folder / weights.SINGLE,
        metadata={"format": "pt"},
    )
    with pytest.raises(ModelError, match=f"{len(lost)} tensors are missing.*mask_decoder.iou"):
        Sam21Tiny(weights=str(folder)).prepare(())


def test_settings_that_are_no_settings(folder: Path) -> None:
    (folder / weights.CONFIG).write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="are no Sam2Model"):
        Sam21Tiny(weights=str(folder)).prepare(())


def test_a_tokenizer_that_is_missing(tmp_path: Path) -> None:
    text = save(tiny_sam3(), tmp_path)
    with pytest.raises(ModelError, match="no tokenizer in"):
        Sam3(weights=text).prepare(())


def test_weights_that_do_not_fit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "free_bytes", lambda _: 1000)
    with pytest.raises(OutOfMemoryError, match="GB are free on cpu; take a smaller model"):
        Sam21Tiny(weights=str(folder)).prepare(())


def test_parameters_are_counted(folder: Path) -> None:
    network = tiny_sam2()
    assert weights.count_parameters(folder) == sum(v.numel() for v in network.state_dict().values())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cuda", "no CUDA GPU here.*use --device cpu"),
        ("cuda:1", "no CUDA GPU here.*use --device cpu"),
        ("mps", "no Apple GPU here; use --device cpu"),
        ("meta", "none of auto, cpu"),
        ("toaster", "none of auto, cpu"),
    ],
)
def test_devices_that_are_not_there(monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ModelError, match=says):
        choose(name, "auto")


def test_a_gpu_that_is_not_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert choose("cuda:1", "auto") == Device(torch.device("cuda:1"), torch.bfloat16)
    assert choose("auto", "fp32") == Device(torch.device("cuda"), torch.float32)
    with pytest.raises(ModelError, match="GPUs here are cuda:0 to cuda:1"):
        choose("cuda:2", "auto")


def test_full_precision_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose("auto", "auto") == Device(torch.device("cpu"), torch.float32)
    assert choose("cpu", "fp16").dtype == torch.float16


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingDependencyError) as raised:
        need_packages("model 'sam2.1-tiny'", ("torch", "no_such_package"), "models")
    assert str(raised.value) == (
        "model 'sam2.1-tiny' needs no_such_package: pip install 'videoseg[models]'"
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match="needs torch and transformers"):
        Sam21Tiny().prepare(())


def test_the_command_line_says_what_is_missing(
    cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not cache.exists()
    arguments = ["segment", "sample_media/coffee.jpg", "cup", "-o", str(tmp_path / "out")]
    assert run([*arguments, "--model", "sam3", "--offline"]) == 4
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "weights facebook/sam3 are not on this machine (--offline)" in said
    assert not (tmp_path / "out").exists()


def test_a_run_from_the_command_line(
    saved: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = run(
        [
            *("segment", "sample_media/coffee.jpg", "--box", "40,40,200,200", "-o", str(out)),
            *("--model", "sam2.1-tiny", "--set", f"models.sam2.1-tiny.weights={saved}"),
            *("--device", "cpu", "--precision", "fp32", "--batch-size", "2", "--repeat-prompt"),
            *("--json", "--write", "svg"),
        ]
    )
    said = capfd.readouterr()
    assert code == 0, said.err
    assert 0 <= json.loads(said.out)["idle"] <= 1
    assert "; model idle " in said.err
    manifest = json.loads((out / "run.json").read_text(encoding="utf-8"))
    (record,) = manifest["model"]["weights"]
    assert record["name"] == f"{saved}: model.safetensors"
    assert len(record["sha256"]) == 64


def kept(cache: Path, commit: str, saved: Path, branch: str = "main") -> None:
    """Lay weights into the hub's cache as a commit of a repository, and a branch that names it."""
    home = cache / "models--org--net"
    folder = home / "snapshots" / commit
    shutil.copytree(saved, folder)
    (home / "refs").mkdir(exist_ok=True)
    (home / "refs" / branch).write_text(commit, encoding="ascii")


def test_a_run_says_which_commit_its_weights_are_and_goes_on_with_that_alone(
    cache: Path, saved: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where a branch is named, which may name another commit by then."""
    kept(cache, REVISION, saved)
    out, other = tmp_path / "out", "f" * 40
    command = [
        *("segment", "sample_media/coffee.jpg", "--box", "40,40,200,200", "-o", str(out)),
        *("--model", "sam2.1-tiny", "--set", "models.sam2.1-tiny.weights=org/net@main"),
        *("--device", "cpu", "--write", "svg", "--offline"),
    ]
    assert run(command) == 0, capfd.readouterr().err
    manifest = json.loads((out / "run.json").read_text(encoding="utf-8"))
    (record,) = manifest["model"]["weights"]
    assert record["name"] == f"org/net@{REVISION}: model.safetensors"

    kept(cache, other, saved)
    capfd.readouterr()
    assert run([*command, "--resume"]) != 0
    (line,) = capfd.readouterr().err.splitlines()
    assert f"was 'org/net@{REVISION}: model.safetensors'" in line
    assert f"is 'org/net@{other}: model.safetensors'" in line


def test_weights_of_another_repository_are_not_taken_for_a_models(
    cache: Path, tmp_path: Path
) -> None:
    folder = cache / "models--org--net" / "snapshots" / REVISION
    assert weights.resolved("org/net", folder) == f"org/net@{REVISION}"
    assert weights.resolved("org/other", folder) is None
    assert weights.resolved("org/net", tmp_path / "net") is None
    assert weights.resolved(str(folder), folder) is None
