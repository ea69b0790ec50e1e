"""Phrases as users write them: what is understood, what is refused, and how it is said."""

from __future__ import annotations

import pytest

from videoseg.errors import UnknownPhraseError
from videoseg.models.embedded.language.parser import parse
from videoseg.models.embedded.language.query import Pick, Query, meaning
from videoseg.models.embedded.language.vocabulary import vocabulary


def _read(phrase: str) -> Query:
    return parse(phrase, vocabulary())


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
    (note,) = query.notes
    assert note.startswith("'dachshund' is looked for as any 'dog'; to follow one 'dog', mark it")
    assert _read("the dog").notes == ()


@pytest.mark.parametrize(
    ("phrase", "word", "wider"),
    [
        ("the girl", "girl", "person"),
        ("boys", "boy", "person"),
        ("a man on a horse", "man", "person"),
        ("person on a pony", "pony", "horse"),
        ("red sports car", "sports car", "car"),
        ("puppies", "puppy", "dog"),
        ("the coffee mug", "coffee mug", "cup"),
        ("sparrow", "sparrow", "bird"),
        ("boulder", "boulder", "rock"),
        ("hoodie", "hoodie", "sweater"),
    ],
)
def test_a_word_for_a_wider_class_is_said(phrase: str, word: str, wider: str) -> None:
    (note,) = _read(phrase).notes
    assert note == (
        f"{word!r} is looked for as any {wider!r}; to follow one {wider!r}, mark it with "
        "--box or --point"
    )


@pytest.mark.parametrize("phrase", ["people", "humans", "automobile", "sofa", "bike", "doggy"])
def test_a_true_synonym_needs_no_note(phrase: str) -> None:
    assert _read(phrase).notes == ()


@pytest.mark.parametrize("phrase", ["animal", "taxi", "tabby", "vehicles", "the red cup"])
def test_what_the_model_does_tell_apart_needs_no_note(phrase: str) -> None:
    assert _read(phrase).notes == ()


@pytest.mark.parametrize(("word", "known"), [("neckwear", "tie"), ("pachyderm", "elephant")])
def test_a_word_of_which_one_kind_is_known_is_said(word: str, known: str) -> None:
    assert _read(word).notes == (
        f"{word!r} is looked for as {known!r} only; this model knows no other kind",
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("the girl", "boys", True),
        ("old man", "young man", True),
        ("the red car", "red automobile", True),
        ("red thing", "red block", True),
        ("red car", "blue car", False),
        ("left cup", "right cup", False),
        ("large dog", "dog", False),
        ("two cups", "cups", False),
        ("cup on the table", "cup on the chair", False),
        ("man on a horse", "woman on a pony", True),
        ("horse and rider", "horse", False),
    ],
)
def test_phrases_that_come_down_to_the_same(one: str, other: str, same: bool) -> None:
    assert (meaning(_read(one)) == meaning(_read(other))) is same


@pytest.mark.parametrize(
    ("phrase", "noun", "colour", "picks"),
    [
        ("red cup", "cup", "red", ()),
        ("red wine glass", "wine glass", "red", ()),
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
    assert [note for note in query.notes if "is ignored: this model cannot judge it" in note]


def test_a_list_is_said_to_be_one_object_of_parts_that_touch() -> None:
    assert any("ask for several things one by one" in note for note in _read("dog, cup").notes)
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
    ("phrase", "said"),
    [
        ("sleepy dog", "does not know 'sleepy' in 'sleepy dog'"),
        ("toy gizmo", "does not know 'gizmo' in 'toy gizmo'"),
        ("the toy", ""),
        ("paper and glass on the table", ""),
        ("hamlet gizmo", "does not know 'hamlet', 'gizmo';"),
        ("12 cups", "does not know '12' in '12 cups'"),
        ("first dog", "does not know 'first' in 'first dog'"),
        ("the dog's left gizmo", "does not know 'gizmo' in"),
        ("xyzzy", "does not know 'xyzzy';"),
        ("собака", "does not know 'собака';"),
        ("the largest", "'the largest' could be any object"),
        ("region", "'region' could be any object"),
        ("the", "'the' could be any object"),
        ("???", "'???' could be any object"),
        ("dog and", ""),
    ],
)
def test_what_is_not_understood_is_refused_in_one_helpful_line(phrase: str, said: str) -> None:
    if not said:
        assert _read(phrase).things  # a stray "and" harms nothing
        return
    with pytest.raises(UnknownPhraseError) as caught:
        _read(phrase)
    message = str(caught.value)
    assert caught.value.phrase == phrase
    assert "\n" not in message
    assert said in message
    assert "; mark it with --box or --point, or " in message


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("the robot arm", "no class for 'robot arm': it takes what stands out most"),
        ("robots on the left", "no class for 'robot'"),
        ("a letter block", "'block' may be any object: all that stand out are looked for"),
        ("traffic cones", "the orange thing in 'traffic cones' is looked for by its colour alone"),
        ("red robot", "the red thing in 'red robot' is looked for by its colour alone"),
        ("the dog's head", "'head' is looked for as any 'skin' or 'hair'"),
        ("trump", "'trump' is looked for as 'cornet' only"),
    ],
)
def test_what_has_no_class_of_its_own_is_looked_for_all_the_same_and_said(
    phrase: str, said: str
) -> None:
    (note, *_) = _read(phrase).notes
    assert said in note


def test_only_things_without_a_class_must_not_be_known_ones() -> None:
    unclassed = [_read(phrase).things[0].unclassed for phrase in ("robot", "cube", "red robot")]
    assert unclassed == [True, False, True]
    assert meaning(_read("robot")) == meaning(_read("the gripper"))
    assert meaning(_read("robot")) != meaning(_read("cube"))


def test_a_long_phrase_is_read_in_time() -> None:
    with pytest.raises(UnknownPhraseError):
        _read("red " * 5000 + "frobnicator " * 5000)


@pytest.mark.parametrize(
    ("phrase", "same"),
    [
        ("'cup'", "cup"),
        ("the 'red cup'", "the red cup"),
        ("red-cup", "red cup"),
        ("remote-control", "remote control"),
    ],
)
def test_quotes_and_hyphens(phrase: str, same: str) -> None:
    assert _read(phrase).things == _read(same).things


@pytest.mark.parametrize(
    ("phrase", "same"),
    [
        ("the man's hat", "hat of the man"),
        ("red cup and the dog's blue ball", "red cup and blue ball of the dog"),
        ("toy car", "car"),
    ],
)
def test_owners_and_what_things_stand_for(phrase: str, same: str) -> None:
    assert meaning(_read(phrase)) == meaning(_read(same))


@pytest.mark.parametrize(
    ("phrase", "wider"),
    [
        ("hand", "skin"),
        ("tyres", "wheel"),
        ("cushion", "pillow"),
        ("kettle", "teapot"),
        ("van", "car"),
        ("plant", "flower"),
        ("clouds", "sky"),
        ("blanket", "quilt"),
    ],
)
def test_everyday_words_without_a_class_are_taken_for_a_near_one(phrase: str, wider: str) -> None:
    assert wider in _classes(phrase)
    (note,) = _read(phrase).notes
    assert f"{wider!r}" in note
    assert "mark it with --box or --point" in note


@pytest.mark.parametrize("phrase", ["t-shirt", "ping-pong table"])
def test_hyphens_that_belong_to_a_noun_stay(phrase: str) -> None:
    noun = _read(phrase).things[0].noun
    assert noun is not None
    assert noun.word == phrase
