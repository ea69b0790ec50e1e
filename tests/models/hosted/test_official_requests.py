"""What is sent is what the services' own clients send, byte for byte.

``benchmarks/official_clients.py`` has written down what those clients sent; the questions here are
the same.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.support.hosted_servers import Answer, Request, answer, gemini_text, serving
from tests.support.places import GOLDEN
from videoseg.models import gemini, moondream
from videoseg.models._hosted.chat import Chat, GeminiChat, OpenAiChat, Tool, ToolCall
from videoseg.models._hosted.google import body_of, path_of, picture_part, text_part, turn
from videoseg.models._hosted.reading import UnreadableError
from videoseg.models.agent import Agent
from videoseg.types import Cue, Frame, Prompt

REQUESTS = GOLDEN / "requests"
SIZE = 1000
"""Of the frame, so that references have round numbers."""


def golden(name: str) -> Any:
    return json.loads((REQUESTS / f"{name}.json").read_text(encoding="utf-8"))


ASKED = golden("asked")
PHRASE, REFS, RESULT = ASKED["phrase"], ASKED["refs"], ASKED["result"]
PICTURE = base64.b64decode(ASKED["picture"])


@pytest.fixture(autouse=True)
def _one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def picture(*_: Any, **__: Any) -> bytes:
        return PICTURE

    monkeypatch.setattr(moondream, "jpeg", picture)
    monkeypatch.setattr(gemini, "jpeg", picture)
    monkeypatch.setenv("A_KEY", ASKED["key"])


def same(ours: Request, name: str) -> None:
    theirs = golden(name)
    assert ours.body == theirs["body"].encode()
    assert ours.path == theirs["path"]
    for header, value in theirs["headers"].items():
        assert ours.headers[header] == value


def nothing_found(request: Request) -> Answer:
    skill = request.path.rpartition("/")[2]
    return answer(
        {"segment": {"path": ""}, "detect": {"objects": []}, "point": {"points": []}}[skill]
    )


def cue(refs: list[list[float]]) -> Cue:
    scaled = [[value * SIZE for value in ref] for ref in refs]
    points = tuple((ref[0], ref[1], True) for ref in scaled if len(ref) == 2)
    boxes = tuple((ref[0], ref[1], ref[2], ref[3], True) for ref in scaled if len(ref) == 4)
    return Cue(points=points, boxes=boxes)


MOONDREAM: dict[str, tuple[dict[str, Any], tuple[Cue, ...]]] = {
    "moondream-segment": ({"several": "one"}, ()),
    "moondream-segment-refs": ({}, (cue(REFS),)),
    "moondream-segment-stream": ({"several": "one", "stream": True}, ()),
    "moondream-segment-model": ({"model": "moondream3.1-9B-A2B"}, (cue(REFS[1:]),)),
    "moondream-detect": ({}, ()),
    "moondream-point-model": ({"several": "point", "model": "moondream3.1-9B-A2B"}, ()),
}


@pytest.mark.parametrize("name", MOONDREAM)
def test_moondream(name: str) -> None:
    settings, cues = MOONDREAM[name]
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    with serving(nothing_found) as server:
        model = moondream.Moondream(url=server.url, key_from="A_KEY", cache="off", **settings)
        frame = Frame("cam", 0, 0, Fraction(1, 25), image)
        model.segment([frame], [(Prompt("x", text=PHRASE, cues=cues),)])
        model.close()
    same(server.requests[0], name)


def test_gemini() -> None:
    """The words differ, for theirs are the phrase alone; all around them is the same."""
    with serving(lambda _: gemini_text("[]")) as server:
        url = server.url.replace("/v1", "/v1beta")
        model = gemini.Gemini(url=url, key_from="A_KEY", cache="off")
        frame = Frame("cam", 0, 0, Fraction(1, 25), np.zeros((9, 9, 3), np.uint8))
        model.segment([frame], [(Prompt("x", text=PHRASE),)])
        model.close()
    request = server.requests[0]
    words = request.json["contents"][0]["parts"][0]["text"]
    body = request.body.replace(json.dumps(words).encode(), json.dumps(PHRASE).encode())
    same(Request(request.path, request.headers, body), "gemini-masks")


def asked(make: Callable[[Agent], Chat], language: str, call: ToolCall, message: Any) -> Request:
    """A conversation of one call and its answer, as the agent would go on with it."""
    tools = [Tool(**each) for each in ASKED["tools"]]
    with serving(lambda _: answer({})) as server:
        url = server.url if language == "openai" else server.url.replace("/v1", "/v1beta")
        agent = Agent(
            language=language,  # type: ignore[arg-type]
            url=url,
            key_from="A_KEY",
            cache="off",
            attempts=1,
        )
        chat = make(agent)
        said = [*chat.user(PHRASE, [PICTURE]), message, *chat.result(call, RESULT, [PICTURE])]
        with pytest.raises(UnreadableError):
            chat.ask(ASKED["system"], said, tools)
        agent.close()
    return server.requests[0]


def test_openai_tools() -> None:
    function = {"name": "segment_phrase", "arguments": '{"text_prompt": "cat"}'}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    call = ToolCall("segment_phrase", {}, "call_1")
    request = asked(
        lambda agent: OpenAiChat(agent.connect(), "a-model", 4096), "openai", call, message
    )
    same(request, "openai-tools")


def test_gemini_tools() -> None:
    function = {"args": {"text_prompt": "cat"}, "name": "segment_phrase"}
    message = turn("model", [{"functionCall": function}])
    request = asked(
        lambda agent: GeminiChat(agent.connect(), "gemini-2.5-pro", 4096),
        "gemini",
        ToolCall("segment_phrase", {}),
        message,
    )
    same(request, "gemini-tools")


def test_a_body_alone() -> None:
    """The pieces that bodies are made of, without a model around them."""
    generation = {
        "temperature": 0.5,
        "maxOutputTokens": 8192,
        "thinkingConfig": {"thinking_budget": 0},
    }
    body = body_of([turn("user", [text_part(PHRASE), picture_part(PICTURE)])], generation)
    assert body.decode() == golden("gemini-masks")["body"]
    assert path_of("models/gemini-2.5-flash") == path_of("gemini-2.5-flash")
