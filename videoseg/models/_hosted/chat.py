"""Talking with a language model that calls tools, over two protocols.

What was said is kept as messages of the protocol itself: a service may want back exactly what it
sent (Gemini's thought signatures, for one).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from videoseg.models._hosted.google import (
    TOKENS_OF_A_PICTURE,
    JsonObject,
    body_of,
    parts_of,
    path_of,
    picture_part,
    text_part,
    turn,
)
from videoseg.models._hosted.pictures import data_uri
from videoseg.models._hosted.prices import Counted, Tokens, counted
from videoseg.models._hosted.reading import UnreadableError, from_json, parsed
from videoseg.models._hosted.service import Service
from videoseg.models._hosted.settings import Provider

_MOST_SPOKEN = 1 << 16
"""Characters of text in which a call is looked for, at most."""
_MOST_STARTS = 100
"""Places in the text at which a call is tried to be read, at most."""
_PICTURES = {"image_url", "inlineData"}
"""Keys under which the two protocols hold pictures."""

OPENAI = Provider(
    name="OpenAI",
    table="openai",
    url="https://api.openai.com/v1",
    keys=("OPENAI_API_KEY",),
    header="Authorization",
    prefix="Bearer ",
)


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that the language model may ask for.

    Attributes:
        name: What it is called.
        about: What it does, for the model.
        parameters: JSON Schema of its arguments by name; all are required.
    """

    name: str
    about: str
    parameters: Mapping[str, JsonObject]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the language model asks for; ``name`` is empty where it only talked."""

    name: str
    arguments: Mapping[str, Any]
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """One turn of the language model: what it asks for, and the message as it came."""

    call: ToolCall
    message: JsonObject


class Chat(Protocol):
    """A protocol in which language models are talked with."""

    def user(self, text: str, pictures: Sequence[bytes] = ()) -> list[JsonObject]:
        """Messages that say something and show JPEG pictures."""
        ...

    def result(self, call: ToolCall, text: str, pictures: Sequence[bytes] = ()) -> list[JsonObject]:
        """Messages that answer a call."""
        ...

    def ask(self, system: str, messages: Sequence[JsonObject], tools: Sequence[Tool]) -> Answered:
        """The model's next turn, which should call one of the tools.

        Raises:
            UnreadableError: It is neither words nor a call.
            ModelError: The service refuses or fails.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenAiChat:
    """Any endpoint that is compatible with OpenAI's chat completions.

    Attributes:
        service: Where it is.
        model: Name of the model there.
        max_tokens: Tokens of one turn.
    """

    service: Service
    model: str
    max_tokens: int

    def user(self, text: str, pictures: Sequence[bytes] = ()) -> list[JsonObject]:
        """One message; pictures follow the words."""
        shown = [{"type": "image_url", "image_url": {"url": data_uri(p)}} for p in pictures]
        return [{"role": "user", "content": [{"type": "text", "text": text}, *shown]}]

    def result(self, call: ToolCall, text: str, pictures: Sequence[bytes] = ()) -> list[JsonObject]:
        """The answer to a call, which takes words alone, and what it shows as a message after."""
        answer: JsonObject = {"role": "tool", "tool_call_id": call.call_id, "content": text}
        shown = self.user("The picture that belongs to this:", pictures) if pictures else []
        return [answer, *shown]

    def ask(self, system: str, messages: Sequence[JsonObject], tools: Sequence[Tool]) -> Answered:
        """The model's next turn."""
        body = self.request(system, messages, tools)
        worst = _worst(messages, self.max_tokens)
        return self.service.ask("/chat/completions", body, _read_openai, worst=worst)

    def request(self, system: str, messages: Sequence[JsonObject], tools: Sequence[Tool]) -> bytes:
        """A request's body, written as OpenAI's own client writes it."""
        functions = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.about,
                    "parameters": {
                        "type": "object",
                        "properties": dict(tool.parameters),
                        "required": list(tool.parameters),
                    },
                },
            }
            for tool in tools
        ]
        body = {
            "model": self.model,
            "messages": [{"role": "system", "content": system}, *messages],
            "max_completion_tokens": self.max_tokens,
            "temperature": 0.0,
            "tool_choice": "required",
            "tools": functions,
        }
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8", errors="replace")  # half a character that the model wrote


@dataclass(frozen=True, slots=True)
class GeminiChat:
    """Gemini's function calling.

    Attributes:
        service: Where it is.
        model: Name of the model.
        max_tokens: Tokens of one turn, thoughts among them.
    """

    service: Service
    model: str
    max_tokens: int

    def user(self, text: str, pictures: Sequence[bytes] = ()) -> list[JsonObject]:
        """One turn; pictures follow the words."""
        return [turn("user", [text_part(text), *map(picture_part, pictures)])]

    def result(self, call: ToolCall, text: str, pictures: Sequence[bytes] = ()) -> list[JsonObject]:
        """One turn with the answer to a call, and what it shows."""
        answer = {"functionResponse": {"name": call.name, "response": {"output": text}}}
        return [turn("user", [answer, *map(picture_part, pictures)])]

    def ask(self, system: str, messages: Sequence[JsonObject], tools: Sequence[Tool]) -> Answered:
        """The model's next turn."""
        body = self.request(system, messages, tools)
        worst = _worst(messages, self.max_tokens)
        return self.service.ask(path_of(self.model), body, _read_gemini, worst=worst)

    def request(self, system: str, messages: Sequence[JsonObject], tools: Sequence[Tool]) -> bytes:
        """A request's body."""
        return body_of(
            messages,
            {"temperature": 0.0, "maxOutputTokens": self.max_tokens},
            systemInstruction=turn("user", [text_part(system)]),
            tools=[{"functionDeclarations": [_declared(tool) for tool in tools]}],
            toolConfig={"functionCallingConfig": {"mode": "ANY"}},
        )


def _declared(tool: Tool) -> JsonObject:
    declared: JsonObject = {"description": tool.about, "name": tool.name}
    if tool.parameters:
        declared["parameters"] = {
            "properties": {name: _upper(schema) for name, schema in tool.parameters.items()},
            "required": list(tool.parameters),
            "type": "OBJECT",
        }
    return declared


def _upper(schema: JsonObject) -> JsonObject:
    """A schema in Google's spelling, its keys in the order of Google's client."""
    found: JsonObject = {}
    for key in sorted(schema):
        value = schema[key]
        found[key] = _upper(value) if isinstance(value, dict) else value
    return {**found, "type": str(schema["type"]).upper()}


def _worst(messages: Sequence[JsonObject], most: int) -> Tokens:
    """Tokens of a call at most: one for two characters of words, and those of the pictures."""
    words, pictures = _weight(list(messages))
    return Tokens(words // 2 + pictures * TOKENS_OF_A_PICTURE + 2_000, most)


def _weight(value: Any) -> tuple[int, int]:
    """Characters and pictures of messages."""
    if isinstance(value, str):
        return len(value), 0
    if isinstance(value, dict):
        if _PICTURES & value.keys():
            return 0, 1
        value = list(value.values())
    if not isinstance(value, list):
        return 1, 0
    each = [_weight(one) for one in value]
    return sum(words for words, _ in each), sum(pictures for _, pictures in each)


def _read_openai(body: bytes) -> tuple[Answered, Counted | None]:
    answer = parsed(body)
    try:
        message = answer["choices"][0]["message"]  # type: ignore[index]
        said, calls = _text(message.get("content")), message.get("tool_calls") or []
        if not calls:
            return Answered(_spoken(said), {"role": "assistant", "content": said}), _used(answer)
        # One call a turn: an answer that asks for more is taken by its first.
        function = calls[0]["function"]
        arguments = _arguments(function["arguments"])
        call = ToolCall(_text(function["name"]), arguments, _text(calls[0]["id"]))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise UnreadableError("it answered without a message") from error
    kept = {"role": "assistant", "content": said or None, "tool_calls": calls[:1]}
    return Answered(call, kept), _used(answer)


def _read_gemini(body: bytes) -> tuple[Answered, Counted | None]:
    parts, tokens = parts_of(body)
    try:
        for number, part in enumerate(parts):
            if "functionCall" in part:
                given = part["functionCall"]
                call = ToolCall(_text(given["name"]), _arguments(given.get("args") or {}))
                return Answered(call, turn("model", parts[: number + 1])), tokens
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableError("it answered with a call that is none") from error
    text = "".join(_text(part.get("text")) for part in parts)
    return Answered(_spoken(text), turn("model", parts or [text_part("")])), tokens


def _arguments(given: Any) -> Mapping[str, Any]:
    if isinstance(given, str):
        try:
            given = from_json(given or "{}")
        except ValueError as error:
            raise UnreadableError("it called a tool with arguments that are no JSON") from error
    if not isinstance(given, dict):
        raise UnreadableError("it called a tool with arguments that are no object")
    return given


def _spoken(text: str) -> ToolCall:
    """A call that a model without tool calls wrote as JSON among its words; else an empty one."""
    text = text[:_MOST_SPOKEN]
    starts = (index for index, character in enumerate(text) if character == "{")
    for at in islice(starts, _MOST_STARTS):
        try:
            _, end = json.JSONDecoder().raw_decode(text, at)
            value = from_json(text[at:end])
        except (ValueError, RecursionError):
            continue
        given = value.get("arguments", value.get("parameters", {}))
        if isinstance(value.get("name"), str) and isinstance(given, dict):
            return ToolCall(value["name"], given)
    return ToolCall("", {})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _used(answer: Mapping[str, Any]) -> Counted | None:
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    return counted(usage.get("prompt_tokens"), usage.get("completion_tokens"))
