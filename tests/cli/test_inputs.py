"""What the words of a command line mean, and where results go."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from videoseg.cli._inputs import Inputs, expand, output_folders, read_list, tell_apart
from videoseg.errors import SourceNotFoundError, UsageError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with clips, a sequence, and things that are neither."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "clips/c10.mp4", "clips/c2.mov", "clips/notes.txt", "clips/.hid.mp4"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    for name in ("shots/2.png", "shots/10.png", "mixed/a.mp4", "mixed/a.jpg", "x[1].mp4", "dog/_"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    Path("done").mkdir()
    Path("done/run.json").touch()
    Path("done/overlay.mp4").touch()


WORDS = [
    (["a.mp4", "the dog"], ["a.mp4"], "the dog"),
    (["a.mp4", ""], ["a.mp4"], ""),
    (["a.mp4"], ["a.mp4"], None),
    (["a.mp4", "clips"], ["a.mp4"], "clips"),  # as it always was: nothing else could be asked
    (["a.mp4", "clips/"], ["a.mp4", "clips/"], None),
    (["a.mp4", "b.mp4"], ["a.mp4", "b.mp4"], None),
    (["a.mp4", "b.MOV", "red cup"], ["a.mp4", "b.MOV"], "red cup"),
    (["a.mp4", "clips/*.mp4"], ["a.mp4", "clips/*.mp4"], None),
    (["a.mp4", "what is this?"], ["a.mp4"], "what is this?"),
    (["a.mp4", "*"], ["a.mp4", "*"], None),
    (["a.mp4", "gone.mcap"], ["a.mp4", "gone.mcap"], None),
    (["a.mp4", "rtsp://camera"], ["a.mp4", "rtsp://camera"], None),
    (["a.mp4", "-"], ["a.mp4", "-"], None),
    (["-", "dog: brown"], ["-"], "dog: brown"),
    (["shot.%04d.png", "cup"], ["shot.%04d.png"], "cup"),
    (["a.mp4", "x.%04d.png"], ["a.mp4", "x.%04d.png"], None),
]


@pytest.mark.parametrize(("words", "inputs", "text"), WORDS)
def test_the_last_word_is_the_phrase_unless_it_names_an_input(
    words: list[str], inputs: list[str], text: str | None
) -> None:
    read = tell_apart(words, texts=(), otherwise_asked=False)
    assert (list(read.inputs), read.texts) == (inputs, () if text is None else (text,))


def test_an_option_says_outright() -> None:
    read = tell_apart(["a.mp4", "clips"], texts=["dog", "cat"], otherwise_asked=False)
    assert (read.inputs, read.texts) == (("a.mp4", "clips"), ("dog", "cat"))


def test_a_list_takes_the_place_of_words() -> None:
    read = tell_apart(["red cup"], texts=(), otherwise_asked=False, listed=["b.mp4"])
    assert (read.inputs, read.texts) == (("b.mp4",), ("red cup",))
    with pytest.raises(UsageError, match="no input"):
        tell_apart([], texts=(), otherwise_asked=False)


@pytest.mark.parametrize("words", [["a.mp4", "a.mp4", "dog"], ["a.mp4", "dog"]])
def test_a_word_that_could_be_both_is_asked_about(words: list[str]) -> None:
    with pytest.raises(UsageError, match=r"write --text 'dog' .* or './dog' as an input"):
        tell_apart(words, texts=(), otherwise_asked=True)


def test_a_folder_of_videos_is_many_inputs_and_one_of_pictures_a_sequence() -> None:
    clips = expand(["clips"], "auto")
    assert clips == Inputs(("clips/c2.mov", "clips/c10.mp4"), several=True)
    assert expand(["shots"], "auto") == Inputs(("shots",), several=False)
    assert expand(["clips"], "images") == Inputs(("clips",), several=False)
    with pytest.raises(UsageError, match="holds 1 videos and 1 pictures"):
        expand(["mixed"], "auto")


def test_a_folder_of_logs_is_many_inputs_and_a_bag_of_ros_2_is_one() -> None:
    for name in ("logs/run10.mcap", "logs/run2.mcap", "logs/a.bag", "logs/c.mp4", "bag/bag_0.mcap"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    Path("bag/metadata.yaml").write_text("rosbag2_bagfile_information: {}\n")
    Path("logs/notes.yaml").touch()
    logs = ("logs/a.bag", "logs/c.mp4", "logs/run2.mcap", "logs/run10.mcap")
    assert expand(["logs"], "auto") == Inputs(logs, several=True)
    assert expand(["logs"], "mcap").locations == ("logs/a.bag", *logs[2:])
    assert expand(["bag"], "auto") == expand(["bag"], "rosbag") == Inputs(("bag",), several=False)
    assert expand(["bag"], "mcap").locations == ("bag/bag_0.mcap",)
    Path("bag/bag_0.mcap").rename("bag/bag_0.db3")
    assert expand(["[bl]*g*"], "auto").locations == ("bag", *logs)
    Path("logs/a.jpg").touch()
    Path("logs/c.mp4").unlink()
    with pytest.raises(UsageError, match=r"3 logs and 1 pictures; give 'logs/\*\.bag' for the"):
        expand(["logs"], "auto")


def test_wildcards_find_media_in_natural_order_but_no_results() -> None:
    assert expand(["clips/*"], "auto").locations == ("clips/c2.mov", "clips/c10.mp4")
    assert expand(["s*"], "auto") == Inputs(("shots",), several=True)
    assert expand(["clips/*.txt"], "auto").locations == ("clips/notes.txt",)
    assert expand(["**/c*.mp4"], "auto").locations == ("clips/c10.mp4",)
    assert expand(["x[1].mp4"], "auto") == Inputs(("x[1].mp4",), several=False)
    assert expand(["a.mp4", "a.mp4", "*.mp4"], "auto").locations == ("a.mp4", "x[1].mp4")


def test_all_that_is_not_there_is_named_before_any_work() -> None:
    with pytest.raises(SourceNotFoundError, match=r"no\.mp4, nor/\*\.mov: no such file"):
        expand(["a.mp4", "no.mp4", "nor/*.mov"], "auto")
    with pytest.raises(SourceNotFoundError, match="use --text for a phrase"):
        expand(["a.mp4", "red/white flag"], "auto")
    with pytest.raises(SourceNotFoundError):
        expand(["don*"], "auto")


def test_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffa.mp4\r\n\n  \nclips/ä b.mp4\n".encode())
    assert read_list(path) == ("a.mp4", "clips/ä b.mp4")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x.mp4\ny.mp4")))
    assert read_list(Path("-")) == ("x.mp4", "y.mp4")
    path.write_text("\n")
    for bad in (path, tmp_path / "none.txt"):
        with pytest.raises(UsageError):
            read_list(bad)


def folders(template: str | None, *locations: str, several: bool = True) -> list[str]:
    made = output_folders(Inputs(locations, several), template, "embedded")
    return [str(path) for path in made]


def test_where_results_go() -> None:
    assert folders(None, "in/a.mp4", several=False) == ["a.videoseg"]
    assert folders("out", "in/a.mp4", several=False) == ["out"]
    assert folders("out", "in/a.mp4") == [os.path.join("out", "a")]
    assert folders("o/{parent}-{stem}", "p/a.mp4", "q/a.mp4") == ["o/p-a", "o/q-a"]
    assert folders("{index:03d}-{name}-{model}", "p/a.mp4") == ["001-a.mp4-embedded"]
    assert folders("{{x}}", "a.mp4", several=False) == ["{x}"]
    assert folders(None, "-", "v1.2") == ["stdin.videoseg", "v1.videoseg"]


def test_names_made_from_inputs_stay_inside_and_hide_what_is_secret() -> None:
    here = Path.cwd()
    assert folders("{parent}-{stem}", "../q/x.mp4") == ["q-x"]
    assert folders("{parent}-{stem}", "shots/../a.mp4") == [f"{here.name}-a"]
    assert folders("{name}", ".") == [here.name]
    address = "https://me:secret@host/day%201/clip.mp4?token=secret"
    assert folders("{parent}-{name}", address) == ["day 1-clip.mp4"]
    assert folders("{parent}-{name}", "http://host/%2e%2e/..") == ["root-host"]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{stam}", "no field {stam}"),
        ("{stem.real}", "no field"),
        ("{stem!r}", "no field"),
        ("{0}", "no field"),
        ("{}", "no field"),
        ("{stem:>99999999}", "no field"),
        ("{index:q}", "-o {index:q}"),
        ("{stem", "write {{ for a brace"),
    ],
)
def test_templates_that_cannot_be_filled(template: str, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        folders(template, "a.mp4")
    assert says in str(raised.value)


def test_two_inputs_for_one_folder_are_refused() -> None:
    for one, other in (("p/a.mp4", "q/a.mp4"), ("a.mp4", "A.mov")):
        with pytest.raises(UsageError, match=r"would both write to a|would both write to A"):
            folders(None, one, other)
