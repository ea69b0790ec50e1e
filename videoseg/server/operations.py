"""What a server can be asked, said once: routes, checks of requests, and the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from videoseg import __version__
from videoseg.server.asgi import Refusal, RefusedError
from videoseg.server.moondream_schema import Problem

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Asked = TypeVar("Asked", bound=BaseModel)
_JSON = "application/json"
_REFERENCE = "#/components/schemas/{model}"
_LONGEST = 300
"""Letters of a message about a request."""
_MOST_VALUES = 100_000
"""In the JSON of a request: as many bytes of empty lists take 40 times their room in memory."""
_PROBLEMS = {
    400: "It is no request to this server.",
    401: "A token is asked for, or the one that came is wrong.",
    403: "It comes from a page of another server.",
    404: "There is no such thing.",
    405: "The path takes other methods.",
    408: "It came too slowly.",
    413: "It is too large.",
    415: "It is of another type.",
    422: "Something in it does not fit.",
    429: "Too many wrong tokens came, or a limit on calls is reached.",
    500: "The server failed.",
    501: "This server does not do that.",
    502: "The model failed.",
    503: "The server is busy; Retry-After says when to ask again.",
    504: "The model did not answer in time.",
    507: "There is no room for the file.",
}


@dataclass(frozen=True)
class Operation:
    """One thing that a server can be asked.

    Attributes:
        method: ``GET``, ``POST`` or ``DELETE``.
        path: Where, with ``{names}`` for what varies.
        endpoint: What answers.
        about: What it does, in one sentence.
        gives: What it answers; None = what ``media`` says.
        takes: What is posted; None = nothing.
        media: Types of answers that are not JSON.
        status: Of an answer that is none of a problem.
        problems: Further statuses that it may answer with.
        uploads: Whether it may also be posted as a form with a file.
        parameters: What varies in the path, and what it is.
    """

    method: str
    path: str
    endpoint: Endpoint
    about: str
    gives: type[BaseModel] | None = None
    takes: type[BaseModel] | None = None
    media: Sequence[str] = ()
    status: int = 200
    problems: Sequence[int] = ()
    uploads: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status that means a problem."""
        usual = {400, 401, 403, 405, 429, 500, 503}
        posted = {408, 413, 415, 422} if self.takes is not None else set()
        found = {404} if "{" in self.path else set()
        return tuple(sorted(usual | posted | found | set(self.problems)))


def routes_of(operations: Sequence[Operation]) -> list[Route]:
    """The routes of a server."""
    return [
        Route(one.path.replace("{path}", "{path:path}"), one.endpoint, methods=[one.method])
        for one in operations
    ]


async def read(request: Request, form: type[Asked]) -> Asked:
    """What was posted as JSON, checked.

    Raises:
        RefusedError: It is of another type, or does not fit.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise RefusedError(Refusal(415, f"send JSON with Content-Type: {_JSON}"))
    return checked(await request.body(), form)


def checked(body: bytes | str, form: type[Asked]) -> Asked:
    """JSON as a form has it.

    Raises:
        RefusedError: It does not fit; says where and why.
    """
    try:
        data = body.encode() if isinstance(body, str) else body
        if sum(data.count(mark) for mark in (b"[", b"{", b",")) > _MOST_VALUES:
            raise RefusedError(
                Refusal(413, f"the request holds more than {_MOST_VALUES:,} values; send fewer")
            )
        return form.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(piece) for piece in first["loc"])
        text = f"{where}: {first['msg']}" if where else first["msg"]
        raise RefusedError(Refusal(422, " ".join(text.split())[:_LONGEST])) from error
    except UnicodeError as error:
        raise RefusedError(Refusal(422, "the request is no UTF-8")) from error


def document(operations: Sequence[Operation], *, title: str, about: str) -> dict[str, Any]:
    """The OpenAPI document of a server."""
    forms: list[type[BaseModel]] = [
        form for one in operations for form in (one.takes, one.gives) if form is not None
    ]
    forms.append(Problem)
    _, schemas = models_json_schema(
        [(form, "validation") for form in dict.fromkeys(forms)], ref_template=_REFERENCE
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _described(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__, "description": about},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "bearerAuth": {"type": "http", "scheme": "bearer"},
                "moondreamAuth": {"type": "apiKey", "in": "header", "name": "X-Moondream-Auth"},
            },
        },
        # A token where one is asked for; none where the server is for this machine alone.
        "security": [{"bearerAuth": []}, {"moondreamAuth": []}, {}],
    }


def _described(one: Operation) -> dict[str, Any]:
    """One operation, as OpenAPI has it."""
    name = one.path.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "root"
    said: dict[str, Any] = {
        "operationId": f"{one.method.lower()}-{name}",
        "summary": one.about,
        "responses": {str(one.status): _answer(one)},
    }
    for status in one.statuses:
        said["responses"][str(status)] = {
            "description": _PROBLEMS[status],
            "content": {_JSON: {"schema": _reference(Problem)}},
        }
    if one.parameters:
        said["parameters"] = [
            {
                "name": key,
                "in": "path",
                "required": True,
                "description": about,
                "schema": {"type": "string"},
            }
            for key, about in one.parameters.items()
        ]
    if one.takes is not None:
        said["requestBody"] = {"required": True, "content": _body(one)}
    return said


def _answer(one: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {"schema": {"type": "string"}} for kind in one.media}
    if one.gives is not None:
        content[_JSON] = {"schema": _reference(one.gives)}
    return {"description": one.about, "content": content}


def _body(one: Operation) -> dict[str, Any]:
    assert one.takes is not None  # noqa: S101
    content: dict[str, Any] = {_JSON: {"schema": _reference(one.takes)}}
    if one.uploads:
        content["multipart/form-data"] = {
            "schema": {
                "type": "object",
                "required": ["file", "job"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "job": {"type": "string", "description": "The request, as JSON."},
                },
            }
        }
    return content


def _reference(form: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=form.__name__)}


def as_json(answer: BaseModel, status: int = 200) -> Response:
    """An answer as JSON; what is None is left out."""
    text = json.dumps(answer.model_dump(exclude_none=True, mode="json"))
    return Response(text, status, media_type=_JSON)
