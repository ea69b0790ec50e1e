"""A pair of models can do what its members can do: no less, and no more."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from tests.contracts.test_pairs import CAT, DOG, Boxes, Fills, frame
from tests.contracts.test_view_abilities import ABLE
from videoseg.models._pair_abilities import OF_EITHER, OF_THE_SEGMENTER, pair_of
from videoseg.protocols import (
    AsyncSegmenter,
    Follows,
    NamesHost,
    Remote,
    Segmenter,
    Sends,
    Weighed,
    destinations_of,
)
from videoseg.types import Cue, Prompt
from videoseg.types.usage import Destination, Usage

ALWAYS: set[type] = {Sends, Weighed}
"""What every pair can do, if only to say that there is nothing."""
SAID_OTHERWISE: set[type] = {NamesHost}
"""A pair may send frames to two hosts, so it has ``destinations`` instead."""
CAT_PROMPT = Prompt("cat", text="cat")
DOG_PROMPT = Prompt("dog", text="dog", cues=(Cue(boxes=((20.0, 0.0, 25.0, 9.0, True),)),))


def boxes(*able: type) -> Any:
    return type("Grounds", (*able, Boxes), {})({"cat": CAT, "dog": DOG})


def fills(*able: type) -> Any:
    return type("Outlines", (*able, Fills), {})()


def test_every_ability_of_models_is_one_of_pairs() -> None:
    assert {*OF_EITHER, *OF_THE_SEGMENTER} | ALWAYS | SAID_OTHERWISE == set(ABLE)
    assert set(OF_THE_SEGMENTER) == {Follows, AsyncSegmenter}


@pytest.mark.parametrize("what", ABLE, ids=lambda what: what.__name__)
def test_a_pair_has_exactly_the_abilities_of_its_members(what: type) -> None:
    for grounder, segmenter in (
        (boxes(), fills()),
        (boxes(ABLE[what]), fills()),
        (boxes(), fills(ABLE[what])),
    ):
        pair = pair_of(grounder, segmenter)
        of_either = isinstance(grounder, what) and what not in OF_THE_SEGMENTER
        wanted = ALWAYS | ({what} if isinstance(segmenter, what) or of_either else set())
        assert isinstance(pair, Segmenter)
        assert {each for each in ABLE if isinstance(pair, each)} == wanted - SAID_OTHERWISE


def test_a_pair_of_able_models_can_do_all() -> None:
    pair = pair_of(boxes(*ABLE.values()), fills(*ABLE.values()))
    assert {each for each in ABLE if isinstance(pair, each)} == set(ABLE) - SAID_OTHERWISE


def test_abilities_reach_both_members() -> None:
    grounder, segmenter = boxes(*ABLE.values()), fills(*ABLE.values())
    pair: Any = pair_of(grounder, segmenter)
    segmenter.keyframe_every, segmenter.concurrency = 9, 3
    assert (pair.keyframe_every, pair.concurrency, pair.batch_size()) == (9, 3, 3)
    assert pair.keyframe_patience == 2
    assert pair.explain([CAT_PROMPT, DOG_PROMPT]) == ["cat is guessed", "dog is guessed"]
    segmenter.usage = Usage(calls=2, cached=1)
    assert pair.usage == Usage(calls=6, cached=1)
    assert len(pair.weight_files()) == 2
    pair.compose(len)
    pair.abandon()
    assert [(one.part, one.abandoned) for one in (grounder, segmenter)] == [(len, True)] * 2


def test_a_host_that_one_names_is_among_the_destinations() -> None:
    pair = pair_of(boxes(), fills(ABLE[NamesHost]))
    assert destinations_of(pair) == (Destination("example.org"),)


def test_the_memory_is_that_of_the_segmenter() -> None:
    segmenter, memory = fills(), object()
    segmenter.video_segmenter = lambda: memory
    pair: Any = pair_of(boxes(), segmenter)
    assert pair.video_segmenter() is memory


def test_what_is_begun_on_is_answered_as_if_it_were_asked() -> None:
    pair: Any = pair_of(boxes(), fills(ABLE[AsyncSegmenter]))
    given = [frame(0), frame(1)], [(CAT_PROMPT, DOG_PROMPT), (CAT_PROMPT,)]
    pending = pair.submit(*given)
    assert 0.25 < pending.seconds < 10
    found, plain = pending.result(), pair_of(boxes(), fills()).segment(*given)
    assert [len(one.instances) for one in found] == [3, 2]
    for one, other in zip(found, plain, strict=True):
        assert [(each.prompt, each.score, each.mask.box) for each in one.instances] == [
            (each.prompt, each.score, each.mask.box) for each in other.instances
        ]


class Crowded:
    """Counts how many threads are in it at once."""

    inside = 0
    most = 0

    def _enter(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        threading.Event().wait(0.02)
        self.inside -= 1


class CrowdedFills(Crowded, Fills):
    def segment(self, frames: Sequence[Any], prompts: Sequence[Any]) -> Any:
        self._enter()
        return super().segment(frames, prompts)


@pytest.mark.parametrize("is_remote", [False, True])
def test_a_member_on_this_machine_takes_one_call_at_a_time(is_remote: bool) -> None:
    far = (ABLE[Remote],) if is_remote else ()
    segmenter: Any = type("Outlines", (*far, CrowdedFills), {})()
    pair = pair_of(boxes(ABLE[Remote]), segmenter)
    threads = [
        threading.Thread(target=pair.segment, args=([frame(n)], [(CAT_PROMPT,)])) for n in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (segmenter.most > 1) is is_remote


@pytest.mark.parametrize(
    ("one", "other", "cost", "priced"),
    [
        (Usage(cost=1.0, priced="a"), Usage(cost=0.5, priced="b"), 1.5, "a; b"),
        (Usage(cost=1.0, priced="a"), Usage(), None, "a"),
        (Usage(cost=1.0, priced="a"), Usage(cost=1.0, priced="a"), 2.0, "a"),
    ],
)
def test_costs_add_up_where_both_are_known(
    one: Usage, other: Usage, cost: float | None, priced: str
) -> None:
    total = one.plus(other)
    assert (total.cost, total.priced) == (cost, priced)
