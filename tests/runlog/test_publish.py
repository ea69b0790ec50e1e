"""Publishing: all of a run or nothing of it, and never anything of the user's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from videoseg.errors import OutputError, OutputExistsError, UsageError
from videoseg.runlog.staging import Staging
from videoseg.system.held_folders import FolderHandle

NAMES = ("svg", "overlay.mp4", "run.json")
HOLD = (
    "import sys; from pathlib import Path; from videoseg.runlog.staging import Staging\n"
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
    move = FolderHandle.move

    def fail(folder: FolderHandle, name: str, other: FolderHandle, target: str) -> None:
        if name == "run.json" and folder.path.name == "new":
            raise OSError(28, "No space left on device")
        move(folder, name, other, target)

    with Staging(tmp_path, NAMES, overwrite=True) as staging:
        make(staging, "two")
        monkeypatch.setattr(FolderHandle, "move", fail)
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


KILLED = """
import json, os, sys
from pathlib import Path
from videoseg.runlog.staging import Staging, settle

NAMES = ("svg", "a/b.txt", "overlay.mp4", "run.json")
CHANGES = ("rename", "replace", "unlink", "rmdir", "mkdir", "open")

def make(out, text, after=lambda: None):
    with Staging(out, NAMES, overwrite=True) as staging:
        new = staging.folder
        (new / "svg").mkdir(); (new / "a").mkdir()
        for name in ("svg/0.svg", "svg/1.svg", "a/b.txt", "overlay.mp4"):
            (new / name).write_text(text)
        (new / "run.json").write_text(json.dumps({"outputs": NAMES, "text": text}))
        (staging.notes / "plan.json").write_text(text)
        after()
        staging.publish()

def counted(most):
    count = 0
    def counting(real, creates):
        def change(*args, **kwargs):
            nonlocal count
            if not creates or args[1] & os.O_CREAT:
                count += 1
                if count > most:
                    os._exit(9)
            return real(*args, **kwargs)
        return change
    for name in CHANGES:
        setattr(os, name, counting(getattr(os, name), name == "open"))

def killed(most, work):
    child = os.fork()
    if not child:
        work(lambda: counted(most))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def settled(start):
    start()
    settle(out)

os.fsync = lambda file: None  # only the power matters to it

for first in range(200):
    for second in range(first % 3, 200, 3):
        out = Path(sys.argv[1]) / f"{first}-{second}"
        make(out, "one")
        ended = killed(first, lambda start: make(out, "two", start))
        again = killed(second, settled)
        settle(out)
        with Staging(out, ["other"], overwrite=True) as staging:
            pass
        found = [path for path in out.rglob("*") if path.is_file()]
        files = {path.relative_to(out).as_posix(): path.read_text() for path in found}
        manifest = json.loads(files.pop("run.json"))["text"]
        print(json.dumps([first, second, ended, again, manifest, files]))
        if again == 0:
            break
    if ended == 0:
        break
"""


def test_a_run_killed_at_any_change_of_its_publishing_is_all_there_or_not_at_all(
    tmp_path: Path,
) -> None:
    """Killed before each change that it makes, and so is the one that settles it."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork")
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    names = {"svg/0.svg", "svg/1.svg", "a/b.txt", "overlay.mp4"}
    for row in rows:
        assert row[5] == dict.fromkeys(names, row[4]), row
    assert {row[4] for row in rows} == {"one", "two"}
    assert len({row[0] for row in rows}) > 12, "each change of the publishing"
    assert max(row[1] for row in rows) > 12, "each change of the settling"
    # From some point on it is the new run, and stays so.
    texts = [row[4] for row in rows if row[3] == 0]
    assert texts == sorted(texts)


def test_a_later_run_of_something_else_settles_first(tmp_path: Path) -> None:
    names = ("svg", "a/b.txt", "run.json")
    code = (
        "import json, os, sys; from pathlib import Path\n"
        "from videoseg.runlog.staging import Staging\n"
        "from videoseg.system.held_folders import FolderHandle\n"
        f"with Staging(Path(sys.argv[1]), {names}, overwrite=True) as staging:\n"
        "    new = staging.folder; (new / 'svg').mkdir(); (new / 'a').mkdir()\n"
        "    (new / 'svg' / '0.svg').write_text('two'); (new / 'a' / 'b.txt').write_text('two')\n"
        f"    (new / 'run.json').write_text(json.dumps({{'outputs': {names}}}))\n"
        "    move = FolderHandle.move\n"
        "    FolderHandle.move = lambda held, name, *to: "
        "os._exit(9) if name == 'b.txt' else move(held, name, *to)\n"
        "    staging.publish()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == 9
    assert not (tmp_path / "a" / "b.txt").exists()
    with pytest.raises(RuntimeError), Staging(tmp_path, ["masks"]):
        raise RuntimeError
    made = tree(tmp_path)
    assert made.pop("run.json")
    assert made == {"svg/0.svg": "two", "a/b.txt": "two"}


def unfinished(out: Path) -> None:
    """What a run leaves that broke after it had found something."""
    with pytest.raises(RuntimeError), Staging(out, NAMES) as staging:
        (staging.notes / "plan.json").write_text("plan")
        (staging.folder / "svg").mkdir()
        (staging.folder / "svg" / "half").touch()
        raise RuntimeError


def test_what_was_found_outlives_a_broken_run(tmp_path: Path) -> None:
    unfinished(tmp_path)
    lock = (tmp_path / ".videoseg-part" / "lock").read_text()
    assert re.fullmatch(r"videoseg-staging 1 [0-9a-f]{32}\n", lock)
    assert tree(tmp_path) == {
        ".videoseg-part/notes/plan.json": "plan",
        ".videoseg-part/lock": lock,
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
