"""A language model chooses among numbered masks, and is told what it needs to do so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.support import hosted_servers as servers
from tests.support.fakes import Colours
from tests.support.hosted_servers import Answer, serving, things
from videoseg.config.run_config import load
from videoseg.errors import ConfigError, UsageError
from videoseg.geometry import masks
from videoseg.models._hosted.marks import close_up, marked
from videoseg.models.agent import Agent
from videoseg.types import Detections, Frame, Instance, Prompt

PLACES = ((20, 30, 90, 120), (150, 60, 230, 200))
LANGUAGES = {"openai": servers.openai_agent, "gemini": servers.gemini_agent}


class Pieces(Colours):
    """Finds each connected thing of a colour."""

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        made = []
        for frame, asked in zip(frames, prompts, strict=True):
            found = [
                Instance(mask, 0.5 + n / 10, number)
                for number, prompt in enumerate(asked)
                for n, one in enumerate(servers.pieces(frame.image, prompt.text or ""))
                if (mask := masks.from_bitmap(one)) is not None
            ]
            made.append(Detections(frame.stream, frame.index, tuple(found)))
        return made


def frame(*places: tuple[int, int, int, int]) -> Frame:
    return Frame("cam", 0, 0, Fraction(1, 25), things(*(places or PLACES)))


def ask(
    language: str, script: Callable[[servers.Request], servers.Turn], **settings: Any
) -> tuple[Detections, list[servers.Request], Agent]:
    return ask_of(LANGUAGES[language](script), language, **settings)


def ask_of(
    speak: servers.Speak, language: str, **settings: Any
) -> tuple[Detections, list[servers.Request], Agent]:
    with serving(speak) as server:
        agent = Agent(
            url=server.url,
            cache="off",
            language=language,  # type: ignore[arg-type]
            attempts=1,
            **settings,
        )
        agent.compose(lambda _: Pieces())
        prompts = (Prompt("left one", text="the red thing on the left"),)
        agent.prepare(prompts)
        (found,) = agent.segment([frame()], [prompts])
        agent.close()
    return found, server.requests, agent


def said(request: servers.Request) -> str:
    """All words that a request holds, and how many pictures."""
    text = json.dumps(request.json.get("messages") or request.json["contents"])
    return f"{text} pictures={text.count('data:image/jpeg') + text.count('inlineData')}"


def find(name: str) -> servers.Turn:
    return "segment_phrase", {"text_prompt": name}


def choose(*numbers: Any) -> servers.Turn:
    return "select_masks_and_return", {"final_answer_masks": list(numbers)}


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_returns_what_was_chosen(language: str) -> None:
    found, requests, agent = ask(language, servers.script(find("red"), choose(2)))
    (instance,) = found.instances
    assert masks.bounding_box(instance.mask)[0] == pytest.approx(150, abs=1)
    assert "pictures=1" in said(requests[0])
    assert "2 masks were found for 'red'" in said(requests[1])
    assert "pictures=2" in said(requests[1])
    assert agent.usage.calls == 2
    assert agent.usage.input_tokens == 1800
    assert agent.usage.output_tokens == (60 if language == "openai" else 140)


def test_it_may_choose_several_or_none(language: str) -> None:
    found, _, _ = ask(language, servers.script(find("red"), choose(1, 2, 2)))
    assert len(found.instances) == 2
    found, _, agent = ask(language, servers.script(find("blue"), ("report_no_mask", {})))
    assert found.instances == ()
    assert agent.usage.unreadable == 0


def test_it_is_told_what_went_wrong(language: str) -> None:
    turns: tuple[servers.Turn, ...] = (
        choose(1),
        find(""),
        find("blue"),
        find("BLUE"),
        find("purple"),
        ("examine_each_mask", {}),
        ("make_coffee", {}),
        find("red"),
        choose(),
        choose(3),
        choose("first"),
        choose(1),
    )
    found, requests, _ = ask(language, servers.script(*turns))
    assert len(found.instances) == 1
    told = said(requests[-1])
    for words in (
        "No such masks. Their numbers are none yet",
        "text_prompt is empty",
        "0 masks were found for 'blue'",
        "'BLUE' was asked already",
        "The model cannot look for 'purple'",
        "There are no masks",
        "There is no such tool",
        "Their numbers are 1 to 2",
    ):
        assert words in told


def test_each_mask_is_examined_and_numbered_anew(language: str) -> None:
    judged: list[str] = []
    main = servers.script(find("red"), ("examine_each_mask", {}), choose(1))

    def turns(request: servers.Request) -> servers.Turn:
        if "judge_mask" not in json.dumps(request.json["tools"]):
            return main(request)
        judged.append(said(request))
        return "judge_mask", {"accept": len(judged) == 2}

    found, requests, _ = ask(language, turns)
    assert len(judged) == 2
    assert all("pictures=2" in words for words in judged)
    assert masks.bounding_box(found.instances[0].mask)[0] == pytest.approx(150, abs=1)
    assert "1 of 2 masks were accepted" in said(requests[-1])


def test_it_may_come_to_no_end(language: str) -> None:
    found, requests, agent = ask(language, lambda _: find("red"), turns=4)
    assert found.instances == ()
    assert len(requests) == 4
    assert agent.usage.unreadable == 1


def test_words_instead_of_a_call() -> None:
    """Models without tool calls write them, or only talk."""
    talk = ["I see two things.", 'I call {"name": "segment_phrase", "arguments": ', ""]
    talk[1] += '{"text_prompt": "red"}}'
    talk[2] = '{"name": "select_masks_and_return", "parameters": {"final_answer_masks": [1]}}'

    def speak(request: servers.Request) -> Answer:
        asked = request.json["messages"]
        own = sum(message["role"] == "assistant" for message in asked)
        message = {"role": "assistant", "content": talk[own]}
        return servers.answer({"choices": [{"message": message}]})

    found, requests, _ = ask_of(speak, "openai")
    assert len(found.instances) == 1
    assert "Call one of the tools" in said(requests[1])


def test_several_calls_at_once_are_taken_by_the_first() -> None:
    def speak(request: servers.Request) -> Answer:
        asked = request.json["messages"]
        own = [message for message in asked if message["role"] == "assistant"]
        if own:
            assert len(own[0]["tool_calls"]) == 1
            return servers.openai_call(*choose(1))
        two = json.loads(servers.openai_call(*find("red")).body)
        calls = two["choices"][0]["message"]["tool_calls"]
        calls.append({**calls[0], "id": "second"})
        return servers.answer(two)

    found, _, _ = ask_of(speak, "openai")
    assert len(found.instances) == 1


def test_signed_thoughts_go_back_and_bare_ones_do_not() -> None:
    _, requests, _ = ask("gemini", servers.script(find("red"), choose(1)))
    model_turn = requests[1].json["contents"][1]
    assert model_turn["parts"][0]["thoughtSignature"] == "c2lnbmVk"
    assert "thought" not in json.dumps(model_turn["parts"][0]["functionCall"])


def test_its_segmenter_is_found_by_name_with_its_settings() -> None:
    config = load(
        flags={"model": "agent"},
        assignments=[
            "models.agent.segmenter=embedded",
            "models.agent.url=http://127.0.0.1:9/v1",
            "models.embedded.threads=1",
        ],
    )
    agent = config.part("models", "agent")
    agent.prepare((Prompt("x", text="x"),))
    assert agent._segmenter.threads == 1
    assert agent.video_segmenter() is not None
    agent.close()


@pytest.mark.parametrize("name", ["agent", "no-such-model"])
def test_a_segmenter_that_cannot_be_is_refused(name: str) -> None:
    config = load(
        flags={"model": "agent"},
        assignments=[f"models.agent.segmenter={name}", "models.agent.url=http://127.0.0.1:9/v1"],
    )
    agent = config.part("models", "agent")
    with pytest.raises((UsageError, ConfigError)):
        agent.prepare(())
    agent.close()


def test_marks_lie_on_their_masks() -> None:
    image = things(*PLACES)
    (answer,) = Pieces().segment([frame()], [(Prompt("r", text="red"),)])
    shown = marked(image, answer.instances, long_side=160)
    assert shown.shape == (120, 160, 3)
    changed = np.abs(shown[15:60, 10:45].astype(int) - image[30:120:2, 20:90:2]).max(axis=2)
    assert (changed > 20).mean() > 0.5
    assert (shown[100:, :60] == 90).all()
    near = close_up(image, answer.instances[0])
    assert near.shape[0] < 160
    assert near.shape[1] < 140
