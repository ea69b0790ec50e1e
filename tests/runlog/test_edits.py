"""``edits.json``: added to, read, taken back, and never lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from videoseg.errors import OutputError, RunLogError, UsageError
from videoseg.runlog.edit_operations import Delete, Hide, Merge, Operation, Outline, Rename, Split
from videoseg.runlog.edits import NAME, EditLog, run_mark
from videoseg.runlog.staging import STAGING, Staging

MANIFEST: dict[str, Any] = {
    "format": "videoseg-manifest",
    "version": 1,
    "inputs": [{"name": "clip.mp4", "size": 5, "sha256": "ab"}],
    "streams": [{"width": 96, "height": 64}],
    "settings": {"run": {"write": ["svg"]}, "tracking": {"iou": {}}},
    "stages": {},
    "counts": {"frames": 5, "instances": [{"count": 5, "tracks": 1}]},
    "outputs": [],
}
ALL: list[Operation] = [
    Rename(3, 'left "hand" é\u2028'),
    Merge(3, 7, "hand", 0),
    Split(3, 120, 8),
    Delete(3, None, 4),
    Hide(8, 2, None),
    Outline(3, 1, (96, 64), path="M10 20H40V50H10Z", stream="clip", label="hand", prompt=0),
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "run.json").write_text(json.dumps(MANIFEST))
    return tmp_path


def test_what_was_added_is_read_again(out: Path) -> None:
    log = EditLog.load(out)
    assert (log.entries, log.generation, log.active()) == ((), 0, ())
    for operation in ALL:
        log = log.append(operation)
    assert EditLog.load(out) == log
    assert log.active() == tuple(ALL)
    assert log.active(until=2) == tuple(ALL[:2])
    assert [entry.id for entry in log.entries] == [1, 2, 3, 4, 5, 6]
    assert not (out / STAGING).exists()


def test_each_entry_is_a_line_that_stays_as_it_is(out: Path) -> None:
    log = EditLog.load(out)
    lines: list[str] = []
    for operation in ALL:
        log = log.append(operation)
        now = [line.rstrip(",") for line in (out / NAME).read_text("utf-8").split("\n")[3:-2]]
        assert now[:-1] == lines
        lines = now
    assert json.loads(lines[1]) == {
        "id": 2,
        "edit": "merge",
        "track": 3,
        "other": 7,
        "label": "hand",
        "prompt": 0,
    }


def test_edits_are_taken_back_and_brought_back_one_by_one(out: Path) -> None:
    log = EditLog.load(out)
    for operation in ALL[:3]:
        log = log.append(operation)
    log = log.undo().undo()
    assert log.active() == tuple(ALL[:1])
    log = log.redo()
    assert log.active() == tuple(ALL[:2])
    assert log.active(until=4) == tuple(ALL[:2])
    assert log.active(until=3) == tuple(ALL[:3])
    log = log.append(ALL[3])
    assert log.active() == (*ALL[:2], ALL[3])
    with pytest.raises(UsageError, match="no undone edit to redo"):
        log.redo()
    assert EditLog.load(out) == log
    assert [entry.kind for entry in log.entries][3:] == ["undo", "undo", "redo", "delete"]


def test_there_is_nothing_to_undo_at_first(out: Path) -> None:
    with pytest.raises(UsageError, match="no edit to undo"):
        EditLog.load(out).undo()
    assert not (out / NAME).exists()


def test_of_two_who_edit_at_once_the_second_is_told(out: Path) -> None:
    one, two = EditLog.load(out), EditLog.load(out)
    one.append(ALL[0])
    with pytest.raises(OutputError, match="changed by somebody else meanwhile; look at it"):
        two.append(ALL[1])
    assert EditLog.load(out).active() == (ALL[0],)


def test_nothing_is_lost_where_many_edit_at_once(out: Path) -> None:
    done: list[int] = []

    def edit(track: int) -> None:
        for _ in range(20):
            try:
                EditLog.load(out).append(Delete(track))
            except OutputError:
                continue
            done.append(track)

    threads = [threading.Thread(target=edit, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [each.track for each in EditLog.load(out).active() if isinstance(each, Delete)]
    assert kept
    assert sorted(kept) == sorted(done)


def test_a_run_that_writes_to_the_folder_is_waited_for(out: Path) -> None:
    log = EditLog.load(out)
    with Staging(out, ["svg"]), pytest.raises(OutputError, match="another run is writing"):
        log.append(ALL[0])
    assert EditLog.load(out).entries == ()


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (Split(3, 2), "split.*does not say the new id"),
        (Rename(0, "x"), "rename.*track: "),
        (Rename(1, "\udce9"), "rename.*surrogate"),
    ],
)
def test_what_could_not_be_read_back_is_not_kept(operation: Any, said: str, out: Path) -> None:
    with pytest.raises(UsageError, match=said):
        EditLog.load(out).append(operation)
    assert not (out / NAME).exists()


@pytest.mark.parametrize(
    ("table", "key", "value", "is_same"),
    [
        ("run", "write", ["masks"], True),
        ("writers", "svg", {"precision": 3}, True),
        ("run", "every", 5, False),
        ("tracking", "iou", {"smoothing": 0.9}, False),
    ],
)
def test_edits_hold_for_the_run_whose_tracks_they_name(
    table: str, key: str, value: object, is_same: bool, out: Path
) -> None:
    EditLog.load(out).append(ALL[0])
    made = json.loads((out / "run.json").read_text())
    made["settings"].setdefault(table, {})[key] = value
    (out / "run.json").write_text(json.dumps(made))
    assert (run_mark(made) == run_mark(MANIFEST)) is is_same
    if is_same:
        assert EditLog.load(out).active() == (ALL[0],)
        return
    with pytest.raises(RunLogError, match=r"is of another run: .*; move edits.json away"):
        EditLog.load(out)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is damaged"),
        ("[]", "these are not the edits"),
        ('{"format": "videoseg-edits", "version": 2, "edits": []}', "has format version 2"),
        (("rename", {"track": 0, "label": "x"}), r"entry 1 \(rename\): track: .*greater"),
        (("rename", {"track": 1, "label": ""}), r"entry 1 \(rename\): label: "),
        (("rename", {"track": 1}), r"entry 1 \(rename\): label: "),
        (("rename", {"track": "1", "label": "x"}), r"entry 1 \(rename\): track: "),
        (("rename", {"track": 1, "label": "x", "y": 2}), "has 'y'"),
        (("paint", {}), "is a 'paint', which this videoseg does not know"),
        (("split", {"track": 1, "at": 2}), "does not say the new id"),
        (("delete", {"track": 1, "start": 2, "stop": 2}), "there are no frames from 2 to 2"),
        (("undo", {"of": 1}), r"entry 1 \(undo\) cannot be of entry 1"),
        (("outline", {"track": 1, "at": 0, "size": [96, 64], "path": "M0"}), "entry 1: "),
        (("outline", {"track": 1, "at": 0, "size": [96, 64], "counts": "~"}), "entry 1: "),
        (("merge", {"track": 1, "other": 2, "prompt": 1}), "entry 1: the run has no prompt 1"),
        (("outline", {"track": 1, "at": 0, "size": [10**9, 9], "path": "M0 0Z"}), "no frame of"),
    ],
)
def test_a_damaged_file_is_one_line(text: Any, said: str, out: Path) -> None:
    if isinstance(text, tuple):
        entry = {"id": 1, "edit": text[0], **text[1]}
        made = {"format": "videoseg-edits", "version": 1, "run": run_mark(MANIFEST)}
        text = json.dumps({**made, "edits": [entry]})
    (out / NAME).write_text(text)
    with pytest.raises(RunLogError, match=said) as caught:
        EditLog.load(out)
    assert "\n" not in str(caught.value)
    assert str(out / NAME) in str(caught.value)


def test_entries_are_numbered_from_one(out: Path) -> None:
    EditLog.load(out).append(ALL[0])
    text = (out / NAME).read_text("utf-8")
    (out / NAME).write_text(text.replace('"id": 1', '"id": 2'), "utf-8")
    with pytest.raises(RunLogError, match="entry 1 has the id 2"):
        EditLog.load(out)


def test_a_link_is_not_followed(out: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret.json"
    elsewhere.write_text("{}")
    (out / NAME).symlink_to(elsewhere)
    with pytest.raises(RunLogError, match=r"cannot be read: edits.json is a link"):
        EditLog.load(out)
