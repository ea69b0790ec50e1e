"""Google's ``generateContent``: what is sent, and the text or the calls that come back.

Bodies are written as Google's own Python client writes them, key for key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from videoseg.models._hosted.prices import Counted, counted
from videoseg.models._hosted.reading import UnreadableError, parsed
from videoseg.models._hosted.settings import Provider

JsonObject: TypeAlias = dict[str, Any]

GOOGLE = Provider(
    name="Gemini",
    table="gemini",
    url="https://generativelanguage.googleapis.com/v1beta",
    keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    header="x-goog-api-key",
)
TOKENS_OF_A_PICTURE = 3_000
"""Input tokens of one picture at most: 258 for each of its tiles."""


def path_of(model: str) -> str:
    """Where a model is asked, below the service's address."""
    return f"/models/{model.removeprefix('models/')}:generateContent"


def text_part(text: str) -> JsonObject:
    """Words."""
    return {"text": text}


def picture_part(picture: bytes) -> JsonObject:
    """A JPEG."""
    data = base64.urlsafe_b64encode(picture).decode()
    return {"inlineData": {"data": data, "mime_type": "image/jpeg"}}


def turn(role: str, parts: Sequence[JsonObject]) -> JsonObject:
    """What one side says; ``role`` is ``user`` or ``model``."""
    return {"parts": list(parts), "role": role}


def body_of(contents: Sequence[JsonObject], generation: Mapping[str, Any], **others: Any) -> bytes:
    """A request's body; ``others`` stand between the contents and how to generate."""
    return json.dumps({"contents": contents, **others, "generationConfig": generation}).encode()


def parts_of(body: bytes) -> tuple[list[JsonObject], Counted | None]:
    """The parts of an answer's first candidate.

    Raises:
        UnreadableError: There is none, or Google blocked it.
    """
    answer = parsed(body)
    blocked = answer.get("promptFeedback")
    try:
        candidate = answer["candidates"][0]  # type: ignore[index]
        parts = candidate.get("content", {}).get("parts", [])
        found = [part for part in parts if isinstance(part, dict) and not part.get("thought")]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        reason = blocked.get("blockReason") if isinstance(blocked, dict) else None
        named = isinstance(reason, str) and reason
        why = f"it blocked the question ({reason})" if named else "it answered without a candidate"
        raise UnreadableError(why) from error
    return found, _tokens(answer)


def text_of(body: bytes) -> tuple[str, Counted | None]:
    """The words of an answer.

    Raises:
        UnreadableError: It has none.
    """
    parts, tokens = parts_of(body)
    text = "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    if not text.strip():
        raise UnreadableError("it answered without words")
    return text, tokens


def _tokens(answer: Mapping[str, Any]) -> Counted | None:
    given = answer.get("usageMetadata")
    if not isinstance(given, dict):
        return None
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    return counted(*(given.get(name) for name in names))
