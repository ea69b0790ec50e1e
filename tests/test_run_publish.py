"""Publishing: all of a run or nothing of it, and never anything of the user's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from videoseg.errors import OutputError, OutputExistsError, UsageError
from videoseg.run.publish import Staging

NAMES = ("svg", "overlay.mp4", "run.json")
HOLD = (
    "import sys; from pathlib import Path; from videoseg.run.publish import Staging\n"
    "with Staging(Path(sys.argv[1]), ['svg', 'run.json'], overwrite=True) as staging:\n"
    "    (staging.folder / 'svg').mkdir(); (staging.folder / 'svg' / 'half').touch()\n"
    "    print('ready', flush=True); sys.stdin.read()\n"
)


def make(staging: Staging, text: str, frames: int = 2) -> None:
    """What a run would write."""
    (staging.folder / "svg").mkdir()
    for number in range(frames):
        (staging.folder / "svg" / f"{number}.svg").write_text(text)
    (staging.folder / "overlay.mp4").write_text(text)
    (staging.folder / "run.json").write_text(json.dumps({"outputs": NAMES, "text": text}))


def run(out: Path, text: str = "one", *, frames: int = 2, overwrite: bool = False) -> list[Path]:
    with Staging(out, NAMES, overwrite) as staging:
        make(staging, text, frames)
        return staging.publish()


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def hold(out: Path) -> subprocess.Popen[str]:
    """Another process in the middle of a run."""
    command = [sys.executable, "-c", HOLD, str(out)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_all_appears_at_once_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    with Staging(out, NAMES) as staging:
        make(staging, "one")
        assert [path.name for path in out.iterdir()] == [".videoseg-part"]
        published = staging.publish()
    assert published == [out / name for name in NAMES]
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES)
    assert tree(out)["svg/1.svg"] == "one"


def test_the_manifest_comes_last(tmp_path: Path) -> None:
    with Staging(tmp_path, ("run.json", "overlay.mp4")) as staging:
        (staging.folder / "run.json").touch()
        (staging.folder / "overlay.mp4").touch()
        assert [path.name for path in staging.publish()] == ["overlay.mp4", "run.json"]


def test_what_was_announced_and_not_made_is_left_out(tmp_path: Path) -> None:
    with Staging(tmp_path, NAMES) as staging:
        (staging.folder / "overlay.mp4").touch()
        assert staging.publish() == [tmp_path / "overlay.mp4"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(error: type[BaseException], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    def fail(out: Path) -> None:
        with Staging(out, NAMES) as staging:
            make(staging, "one")
            raise error

    for out in (tmp_path, tmp_path / "new" / "deeper"):
        with pytest.raises(error):
            fail(out)
    assert tree(tmp_path) == {"mine.txt": "mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_exists_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "overlay.mp4").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"overlay\.mp4 exists; .*--overwrite"):
        run(tmp_path)
    assert tree(tmp_path) == {"overlay.mp4": "mine"}
    (tmp_path / "overlay.mp4").unlink()
    (tmp_path / "overlay.mp4").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExistsError):
        run(tmp_path)


def test_what_appears_during_the_work_is_not_replaced(tmp_path: Path) -> None:
    with Staging(tmp_path, NAMES) as staging:
        make(staging, "one")
        (tmp_path / "overlay.mp4").write_text("mine")
        with pytest.raises(OutputExistsError):
            staging.publish()
    assert tree(tmp_path) == {"overlay.mp4": "mine"}


def test_overwriting_replaces_all_of_the_last_run_and_nothing_else(tmp_path: Path) -> None:
    run(tmp_path, "one", frames=5)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("mine")
    with Staging(tmp_path, NAMES, overwrite=True) as staging:
        make(staging, "two")
        assert tree(tmp_path)["overlay.mp4"] == "one"
        staging.publish()
    made = tree(tmp_path)
    assert made.pop("notes.txt") == made.pop("photos/a.jpg") == "mine"
    assert json.loads(made.pop("run.json"))["text"] == "two"
    assert made == {"svg/0.svg": "two", "svg/1.svg": "two", "overlay.mp4": "two"}


def test_overwriting_spares_a_folder_that_no_run_made(tmp_path: Path) -> None:
    (tmp_path / "svg").mkdir()
    (tmp_path / "svg" / "logo.svg").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"svg is a folder that no run .* has made"):
        run(tmp_path, overwrite=True)
    assert tree(tmp_path) == {"svg/logo.svg": "mine"}


@pytest.mark.parametrize("manifest", ["", "[]", '{"outputs": 3}', '{"outputs": [["svg"]]}'])
def test_a_manifest_that_is_not_ours_vouches_for_nothing(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "svg").mkdir()
    (tmp_path / "run.json").write_text(manifest)
    with pytest.raises(OutputExistsError, match="svg is a folder"):
        run(tmp_path, overwrite=True)


def test_overwriting_a_link_spares_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("mine")
    (tmp_path / "svg").symlink_to(tmp_path / "photos")
    run(tmp_path, overwrite=True)
    assert not (tmp_path / "svg").is_symlink()
    assert tree(tmp_path)["photos/a.jpg"] == "mine"


def test_a_failed_publish_puts_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "one")
    before = tree(tmp_path)
    rename = Path.rename

    def fail(path: Path, target: Path) -> Any:
        if path.name == "run.json" and path.parent.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    with Staging(tmp_path, NAMES, overwrite=True) as staging:
        make(staging, "two")
        monkeypatch.setattr(Path, "rename", fail)
        with pytest.raises(OutputError, match=r"^cannot publish to .*: No space left on device$"):
            staging.publish()
        monkeypatch.undo()
    assert tree(tmp_path) == before


def test_a_part_may_only_make_what_it_announced(tmp_path: Path) -> None:
    with Staging(tmp_path, ("a/b.txt",)) as staging:
        (staging.folder / "a").mkdir()
        (staging.folder / "a" / "b.txt").touch()
        (staging.folder / "a" / "c.txt").touch()
        with pytest.raises(RuntimeError, match=r"made a/c\.txt, which it had not announced"):
            staging.publish()
    assert not list(tmp_path.iterdir())


def test_pieces_may_lie_in_folders_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").write_text("mine")
    with Staging(tmp_path, ("a/b.txt",)) as staging:
        (staging.folder / "a").mkdir()
        (staging.folder / "a" / "b.txt").write_text("made")
        staging.publish()
    assert tree(tmp_path) == {"a/b.txt": "made", "a/mine.txt": "mine"}


@pytest.mark.parametrize("names", [("a", "a"), ("a/b", "a"), ("a", "./a"), ("a", "a/b/c")])
def test_two_parts_cannot_make_the_same(names: Sequence[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two parts would make"):
        Staging(tmp_path, names)


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", ".videoseg-part/new"])
def test_names_stay_inside(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a name inside"):
        Staging(tmp_path, [name])


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "out", Path("/proc/videoseg")):
        with pytest.raises(OutputError, match=rf"^cannot write to {out}: ") as caught:
            run(out)
        assert "\n" not in str(caught.value)
    assert tree(tmp_path) == {"file": "mine"}


def test_a_second_run_is_kept_out(tmp_path: Path) -> None:
    process = hold(tmp_path)
    with pytest.raises(OutputError, match="another run is writing to"):
        run(tmp_path)
    assert (tmp_path / ".videoseg-part" / "new" / "svg" / "half").exists()
    process.communicate("")
    assert process.returncode == 0
    assert not list(tmp_path.iterdir())
    run(tmp_path)


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    process = hold(tmp_path)
    process.kill()
    process.communicate()
    assert (tmp_path / ".videoseg-part" / "new" / "svg" / "half").exists()
    run(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(NAMES)
    assert "svg/half" not in tree(tmp_path)


def test_what_a_run_killed_while_it_published_had_made_is_put_into_place(tmp_path: Path) -> None:
    names = ("svg", "a/b.txt", "overlay.mp4")
    for text in ("one", "two"):
        (tmp_path / "run.json").write_text(json.dumps({"outputs": names}))
        code = (
            "import os, sys; from pathlib import Path; from videoseg.run.publish import Staging\n"
            f"with Staging(Path(sys.argv[1]), {names}, overwrite=True) as staging:\n"
            "    new = staging.folder; (new / 'svg').mkdir(); (new / 'a').mkdir()\n"
            "    for name in ('svg/0.svg', 'a/b.txt', 'overlay.mp4'):\n"
            f"        (new / name).write_text('{text}')\n"
            f"    if '{text}' == 'two':\n"
            "        rename = Path.rename\n"
            "        Path.rename = lambda path, to: "
            "os._exit(9) if path.name == 'b.txt' and path.parent.parent == new "
            "else rename(path, to)\n"
            "    staging.publish()\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
        assert done.returncode == (0 if text == "one" else 9)
    assert not (tmp_path / "a" / "b.txt").exists()
    # A later run that makes something else does so, too.
    with pytest.raises(RuntimeError), Staging(tmp_path, ["masks"]):
        raise RuntimeError
    made = tree(tmp_path)
    assert made.pop("run.json")
    assert made == {"svg/0.svg": "two", "a/b.txt": "two", "overlay.mp4": "two"}


def unfinished(out: Path) -> None:
    """What a run leaves that broke after it had found something."""
    with pytest.raises(RuntimeError), Staging(out, NAMES) as staging:
        (staging.notes / "plan.json").write_text("plan")
        (staging.folder / "svg").mkdir()
        (staging.folder / "svg" / "half").touch()
        raise RuntimeError


def test_what_was_found_outlives_a_broken_run(tmp_path: Path) -> None:
    unfinished(tmp_path)
    assert tree(tmp_path) == {
        ".videoseg-part/notes/plan.json": "plan",
        ".videoseg-part/lock": "",
    }
    with Staging(tmp_path, NAMES, resume=True) as staging:
        assert staging.unfinished
        assert (staging.notes / "plan.json").read_text() == "plan"
        make(staging, "one")
        staging.publish()
    assert sorted(os.listdir(tmp_path)) == sorted(NAMES)


def test_what_was_found_is_lost_only_when_asked(tmp_path: Path) -> None:
    unfinished(tmp_path)
    with pytest.raises(OutputExistsError, match="unfinished run; --resume goes on with it, and"):
        run(tmp_path)
    assert (tmp_path / ".videoseg-part" / "notes" / "plan.json").exists()
    run(tmp_path, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == sorted(NAMES)


def test_some_pieces_may_always_be_replaced(tmp_path: Path) -> None:
    run(tmp_path, "one")
    with Staging(tmp_path, ["masks", "run.json"], replaces=["run.json"]) as staging:
        (staging.folder / "masks").touch()
        (staging.folder / "run.json").write_text("new")
        staging.publish()
    assert tree(tmp_path)["run.json"] == "new"
    assert tree(tmp_path)["overlay.mp4"] == "one"
