"""Phrases as users write them: what is understood, what is refused, and how it is said."""

from __future__ import annotations

import pytest

from videoseg.errors import UnknownPhraseError
from videoseg.models.embedded.phrases import Pick, Query, read
from videoseg.models.embedded.words import vocabulary


def _read(phrase: str) -> Query:
    return read(phrase, vocabulary())


def _classes(phrase: str) -> set[str]:
    """Names of all network classes that a one-noun phrase stands for."""
    (things,) = _read(phrase).things
    assert things.noun is not None
    target, words = things.noun.target, vocabulary()
    return {words.classes[h] for h in target.heads} | {words.imagenet[i] for i in target.imagenet}


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("the dog", "dog"),
        ("a puppy", "dog"),
        ("kittens", "cat"),
        ("coffee cup", "cup"),
        ("mug", "cup"),
        ("bike", "bicycle"),
        ("the men", "person"),
        ("women", "person"),
        ("dancer", "person"),
        ("astronauts", "person"),
        ("cars", "car"),
        ("knives", "knife"),
        ("swan", "black swan"),
        ("camel", "arabian camel"),
        ("PERSON!", "person"),
        ("hot dogs", "hot dog"),
        ("an orange", "orange"),
        ("black bear", "american black bear"),
    ],
)
def test_everyday_nouns_reach_their_class(phrase: str, expected: str) -> None:
    assert expected in _classes(phrase)


def test_a_hypernym_covers_its_kinds() -> None:
    animals = _classes("animal")
    assert {"dog", "cat", "horse", "tiger", "arabian camel"} <= animals
    assert not {"car", "person", "cup", "chair"} & animals


def test_a_kind_of_dog_is_asked_among_dogs() -> None:
    (things,) = _read("beagle").things
    assert things.noun is not None
    assert things.noun.target.within == vocabulary().head("dog")


def test_an_unlisted_kind_is_taken_in_general_and_says_so() -> None:
    query = _read("the dachshund")
    assert _classes("dachshund") == {"dog"}
    assert query.notes == ("any dog is taken for 'dachshund'",)
    assert _read("the dog").notes == ()


@pytest.mark.parametrize(
    ("phrase", "noun", "colour", "picks"),
    [
        ("red cup", "cup", "red", ()),
        ("orange cup", "cup", "orange", ()),
        ("leftmost cup", "cup", None, (Pick("left"),)),
        ("the cup on the left", "cup", None, (Pick("left"),)),
        ("second red cup from the right", "cup", "red", (Pick("right", 1),)),
        ("third person from left", "person", None, (Pick("left", 2),)),
        ("second largest dog", "dog", None, (Pick("large", 1),)),
        ("the smallest dog", "dog", None, (Pick("small"),)),
        ("cup in the middle", "cup", None, (Pick("middle"),)),
    ],
)
def test_colour_and_order(
    phrase: str, noun: str, colour: str | None, picks: tuple[Pick, ...]
) -> None:
    (things,) = _read(phrase).things
    assert things.noun is not None
    assert (things.noun.word, things.colour, things.picks) == (noun, colour, picks)


def test_counts_sizes_and_relations() -> None:
    (three,) = _read("three red cups").things
    assert (three.count, three.colour) == (3, "red")
    (small,) = _read("the small dog").things
    assert small.size == "small"
    (rider,) = _read("person on a bicycle").things
    ((relation, bicycle),) = rider.related
    assert bicycle.noun is not None
    assert (relation, bicycle.noun.word) == ("touching", "bicycle")


@pytest.mark.parametrize(
    ("phrase", "relation"),
    [
        ("cup left of the plate", "left"),
        ("the cup to the left of the bowl", "left"),
        ("the person on the right of the dog", "right"),
        ("chair behind the dining table", "behind"),
        ("dog in front of the car", "before"),
        ("cat under a chair", "below"),
        ("clock above the sofa", "above"),
        ("lamp next to the bed", "near"),
        ("person in a red shirt", "touching"),
        ("cat on top of the car", "touching"),
    ],
)
def test_relations_are_told_apart(phrase: str, relation: str) -> None:
    (things,) = _read(phrase).things
    assert [found for found, _ in things.related] == [relation]
    assert not things.picks


def test_a_side_of_the_frame_is_no_relation() -> None:
    (things,) = _read("the cup on the left").things
    assert not things.related
    (things,) = _read("leftmost cup behind the second bowl from the right").things
    assert things.picks == (Pick("left"),)
    ((relation, bowl),) = things.related
    assert (relation, bowl.picks) == ("behind", (Pick("right", 1),))


@pytest.mark.parametrize("phrase", ["wooden chair", "brick wall", "the old striped cat"])
def test_what_cannot_be_judged_is_said(phrase: str) -> None:
    query = _read(phrase)
    assert query.things[0].noun is not None
    assert [note for note in query.notes if "is not judged" in note]


def test_a_list_is_said_to_be_one_object_of_parts_that_touch() -> None:
    assert any("ask for several one by one" in note for note in _read("dog, cup").notes)
    assert not _read("dog and cup").notes


def test_and_names_several_things() -> None:
    horse, rider = _read("horse and rider").things
    assert horse.noun is not None
    assert rider.noun is not None
    assert (horse.noun.word, rider.noun.word) == ("horse", "rider")


def test_a_colour_grounds_a_generic_noun_and_says_so() -> None:
    query = _read("blue blocks")
    assert query.things[0].noun is None
    assert query.things[0].colour == "blue"
    assert "colour alone" in query.notes[0]


@pytest.mark.parametrize(
    ("phrase", "understood", "unknown"),
    [
        ("sleepy dog", "'dog'", "'sleepy'"),
        ("toy car", "'car'", "'toy'"),
        ("robot arm", "nothing", "'robot'"),
        ("12 cups", "'cups'", "'12'"),
        ("first dog", "'dog'", "'first'"),
        ("the dog's left ear", "'left'", '"dog\'s"'),
        ("xyzzy", "nothing", "'xyzzy'"),
        ("собака", "nothing", "'собака'"),
        ("the largest", "'largest'", "singles nothing out"),
        ("block", "'block'", "singles nothing out"),
        ("the", "nothing", "singles nothing out"),
        ("???", "nothing", "singles nothing out"),
        ("dog and", "'dog'", ""),
    ],
)
def test_what_is_not_understood_is_refused_in_one_helpful_line(
    phrase: str, understood: str, unknown: str
) -> None:
    if not unknown:
        assert _read(phrase).things  # a stray "and" harms nothing
        return
    with pytest.raises(UnknownPhraseError) as caught:
        _read(phrase)
    message = str(caught.value)
    assert caught.value.phrase == phrase
    assert "\n" not in message
    assert understood in message
    assert unknown in message
    assert "a box or a point" in message


def test_a_long_phrase_is_read_in_time() -> None:
    with pytest.raises(UnknownPhraseError):
        _read("red " * 5000 + "frobnicator " * 5000)
