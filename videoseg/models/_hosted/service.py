"""One service: asks it a question, at most once for the same answer, as long as it makes sense."""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from videoseg.errors import ModelError, UsageError
from videoseg.models._hosted.cache import AnswerCache, name_of
from videoseg.models._hosted.keys import hide
from videoseg.models._hosted.meter import Call, Meter
from videoseg.models._hosted.prices import Counted, Tokens
from videoseg.models._hosted.reading import UnreadableError, from_json
from videoseg.models._hosted.retry import PASSING, Patience, asked_wait
from videoseg.models._hosted.wire import CallFailedError, Reply, Wire

T = TypeVar("T")
_LONGEST_MESSAGE = 200
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """A service that is asked by posting JSON.

    Attributes:
        name: For people.
        url: Address that paths are added to.
        wire: Sends requests.
        meter: Counts them and knows the limits.
        patience: When to ask again.
        cache: Earlier answers, or None.
        key: What must show up nowhere, or None.
        smaller: What to set where a picture is too large, for messages.
    """

    name: str
    url: str
    wire: Wire
    meter: Meter
    patience: Patience
    cache: AnswerCache | None
    key: str | None = field(repr=False)
    smaller: str
    _ended: threading.Event = field(init=False, repr=False, default_factory=threading.Event)

    def ask(
        self,
        path: str,
        body: bytes,
        read: Callable[[bytes], tuple[T, Counted | None]],
        *,
        worst: Tokens,
    ) -> T:
        """Ask, again where that may help, and read the answer.

        Args:
            path: Added to the address.
            body: JSON.
            read: What the answer's body says and the tokens that it took, as it says.
            worst: Tokens that the answer may take at most.

        Raises:
            UnreadableError: ``read`` raised it for every answer.
            ModelError: The service refuses or fails.
            LimitReachedError: A limit of the user's does not allow the call.
        """
        url = f"{self.url}{path}"
        name = name_of(url, body)
        kept = self.cache.get(name) if self.cache is not None else None
        if kept is not None:
            try:
                answer, _ = read(kept)
            except UnreadableError:
                pass  # kept by a version that could read it, or damaged: ask again
            else:
                self.meter.count(cached=1)
                return answer
        return self._ask(url, name, body, read, worst)

    def close(self) -> None:
        """End calls that are under way. A second call does nothing."""
        self._ended.set()
        self.wire.close()

    def _ask(
        self,
        url: str,
        name: str,
        body: bytes,
        read: Callable[[bytes], tuple[T, Counted | None]],
        worst: Tokens,
    ) -> T:
        attempt = 0
        while True:
            attempt += 1
            asked: float | None = None
            with self.meter.call(worst, repeated=attempt > 1) as call:
                try:
                    reply = self._send(url, body, call)
                    if reply.status == 200:
                        answer, counted = self._read(reply, read)
                        call.tokens = counted.or_worst(worst) if counted is not None else None
                        call.cost = self.meter.cost_of(call.tokens, worst)
                        self._keep(name, reply.body)
                        return answer
                    call.cost = 0.0
                    failure: Exception = self._refusal(reply)
                    if reply.status not in PASSING:
                        raise failure
                    asked = asked_wait(reply.headers, reply.body)
                except CallFailedError as error:
                    call.cost = call.cost if error.begun else 0.0
                    failure = ModelError(self._line(str(error)))
                except UnreadableError as error:
                    failure = error  # and it costs what it may cost at most
            wait = self.patience.wait(attempt, asked)
            if wait is None:
                raise self._given_up(failure, attempt, asked)
            if self._ended.wait(wait):
                raise ModelError(self._line("the call was ended before its answer came"))

    def _send(self, url: str, body: bytes, call: Call) -> Reply:
        start = time.perf_counter()
        try:
            return self.wire.post(url, body)
        finally:
            call.seconds = time.perf_counter() - start

    def _read(
        self, reply: Reply, read: Callable[[bytes], tuple[T, Counted | None]]
    ) -> tuple[T, Counted | None]:
        if _is_page(reply):
            raise ModelError(
                self._line("it answered with a web page instead of JSON; is the address right?")
            )
        return read(reply.body)

    def _keep(self, name: str, body: bytes) -> None:
        if self.cache is not None:
            if self.key and self.key.encode() in body:
                body = hide(body.decode("utf-8", errors="replace"), self.key).encode()
            self.cache.put(name, body)

    def _refusal(self, reply: Reply) -> ModelError:
        said = _said(reply)
        what = {
            401: "the key is not accepted (401)",
            402: "the account has no credit left (402)",
            403: "the key is not allowed to do this (403)",
            413: f"the picture is too large (413); set {self.smaller} to fewer pixels",
            429: "too many calls (429)",
        }.get(reply.status)
        if what is None:
            moved = 300 <= reply.status < 400
            what = f"HTTP {reply.status}{' (moved; is the address right?)' if moved else ''}"
        return ModelError(self._line(f"{what}{f': {said}' if said else ''}"))

    def _given_up(self, failure: Exception, attempts: int, asked: float | None) -> Exception:
        if isinstance(failure, UnreadableError):
            self.meter.count(unreadable=1)
            _log.warning("%s; it is left out", self._line(str(failure)))
            return failure
        if asked is not None and asked > self.patience.longest_wait:
            return ModelError(f"{failure}; it asks to wait {asked:.0f} s, so try again later")
        return ModelError(f"{failure}; asked {attempts} times") if attempts > 1 else failure

    def _line(self, text: str) -> str:
        """A message of one line without the key."""
        return hide(_plain(f"{self.name} ({host_of(self.url)}): {text}"), self.key)


def check_address(url: str) -> str:
    """An address to ask at, without a slash at its end.

    Raises:
        UsageError: It is no address, or one that holds a secret.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        usable = has_port = False
    if not (usable and has_port):
        raise UsageError("the url of a service is like https://host/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("the url of a service holds no user, password or query; keys go elsewhere")
    return url.rstrip("/")


def host_of(url: str) -> str:
    """The machine that an address names, with its port if that is a special one."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_page(reply: Reply) -> bool:
    start = reply.body[:64].lstrip().lower()
    page = start.startswith((b"<!doctype html", b"<html"))
    return page or reply.headers.get("content-type", "").startswith("text/html")


def _said(reply: Reply) -> str:
    """What an error says about itself, on one line; nothing of a web page."""
    if _is_page(reply):
        return ""
    try:
        value = from_json(reply.body)
        value = value[0] if isinstance(value, list) and value else value
        error = value.get("error", value)
        said = error if isinstance(error, str) else error.get("message") or error.get("detail")
    except (ValueError, AttributeError, RecursionError):
        said = reply.body.decode("utf-8", errors="replace")
    line = _plain(str(said or "")[: 10 * _LONGEST_MESSAGE])
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."


def _plain(text: str) -> str:
    """On one line, without what a terminal would act upon."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())
