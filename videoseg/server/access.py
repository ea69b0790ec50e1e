"""Who may ask a server: by which names it is reached, from which pages, and with which token.

A page that a browser has open anywhere can send requests to this machine. Its name in ``Host``
(DNS rebinding) or in ``Origin`` (forged requests) gives it away, whatever address it resolves to.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, unquote_plus

from videoseg.errors import shown
from videoseg.server.asgi import Refusal, Scope, values_of

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")
_ORIGIN = re.compile(r"https?://([^/?#@\\\s]+)")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = "bearer "
_IN_ADDRESS = "token"
"""What a token is called in an address."""
_KEYS = 4096
"""Addresses of which wrong tokens are remembered, at most."""
_PLACES = 4
"""Where tokens may stand in a request, each once."""
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 60.0
_FOR_SHARED = 0.5
"""Seconds until a wrong token of this machine is answered."""
_FORGOTTEN_AFTER = 600.0
_MOST_DOUBLINGS = 16


def is_loopback(host: str) -> bool:
    """Whether a name or an address can be reached from this machine alone."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass
class Attempts:
    """Slows down whoever guesses: every wrong token of an address doubles its time to wait."""

    clock: Callable[[], float] = time.monotonic
    _wrong: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict, init=False)

    def wait(self, client: str) -> float:
        """Seconds for which no token of an address is looked at."""
        wrong, since = self._wrong.get(client, (0, 0.0))
        if not wrong:
            return 0.0
        passed = self.clock() - since
        if passed > _FORGOTTEN_AFTER:
            del self._wrong[client]
            return 0.0
        doubled = 2.0 ** min(wrong - 1, _MOST_DOUBLINGS)
        return max(0.0, min(_FIRST_WAIT * doubled, _LONGEST_WAIT) - passed)

    def failed(self, client: str) -> None:
        """Remember a wrong token."""
        wrong, _ = self._wrong.pop(client, (0, 0.0))
        self._wrong[client] = (wrong + 1, self.clock())
        while len(self._wrong) > _KEYS:
            self._wrong.popitem(last=False)

    def passed(self, client: str) -> None:
        """Forget the wrong ones, for the right one came."""
        self._wrong.pop(client, None)


@dataclass(frozen=True)
class Access:
    """By which names a server is reached, and whether a token is asked for.

    Attributes:
        loopback: Whether it listens on the loopback interface alone.
        names: Further names that ``Host`` may say, in lower case.
        token: What opens it; None = nothing is asked for.
        open_paths: Paths that need no token, such as one for probes.
        attempts: Wrong tokens so far.
    """

    loopback: bool = True
    names: frozenset[str] = frozenset()
    token: str | None = field(default=None, repr=False)
    open_paths: frozenset[str] = frozenset()
    attempts: Attempts = field(default_factory=Attempts)

    @classmethod
    def at(
        cls,
        host: str,
        *,
        names: Iterable[str] = (),
        token: bool = False,
        open_paths: Iterable[str] = (),
    ) -> Access:
        """Access to a server that listens on an address.

        Args:
            host: The address or name.
            names: Further names by which it is reached.
            token: Whether a token is asked for on the loopback interface, too; anywhere else it
                always is.
            open_paths: Paths that need no token.
        """
        here = is_loopback(host)
        wanted = token or not here
        every = frozenset(name.lower().rstrip(".") for name in (host, *names))
        made = secrets.token_urlsafe(32) if wanted else None
        return cls(here, every, made, frozenset(open_paths))

    def check(self, scope: Scope) -> Refusal | None:
        """Why a request is not met; None where nothing speaks against it."""
        return self._check_host(scope) or self._check_page(scope) or self._check_token(scope)

    def _check_host(self, scope: Scope) -> Refusal | None:
        given = values_of(scope, "host")
        found = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if found is None:
            return Refusal(400, "send one Host header with the name of this server")
        if self._is_ours(found[1] or found[2]):
            return None
        return Refusal(
            403,
            f"this server is not called {shown(given[0])}; use the address that it printed",
        )

    def _is_ours(self, name: str) -> bool:
        plain = name.lower().rstrip(".")
        if is_loopback(plain) or plain in self.names:
            return True
        if self.loopback:
            return False
        # No name was resolved, so nobody can have it resolved to something else.
        try:
            ipaddress.ip_address(plain)
        except ValueError:
            return False
        return True

    def _check_page(self, scope: Scope) -> Refusal | None:
        """Pages of other servers can neither ask nor embed; links from them can be followed."""
        host = values_of(scope, "host")[0].lower()
        origins = values_of(scope, "origin")
        if any(_host_of(origin) != host for origin in origins):
            return Refusal(403, "pages of other servers may not ask this one")
        site = values_of(scope, "sec-fetch-site")
        foreign = any(each in ("cross-site", "same-site") for each in site)
        followed = "navigate" in values_of(scope, "sec-fetch-mode") and scope["method"] in _SAFE
        if foreign and not followed:
            return Refusal(403, "pages of other servers may not ask this one")
        return None

    def _check_token(self, scope: Scope) -> Refusal | None:
        if self.token is None or scope["path"] in self.open_paths:
            return None
        given = _tokens(scope)
        if not given:
            return Refusal(
                401,
                "a token is asked for: send Authorization: Bearer TOKEN or X-Moondream-Auth",
                {"www-authenticate": "Bearer"},
            )
        client = _address_of(scope)
        # Everybody behind a proxy on this machine has its address: they are not shut out together.
        shared = is_loopback(client)
        wait = 0.0 if shared else self.attempts.wait(client)
        if wait > 0:
            seconds = str(int(wait) + 1)
            return Refusal(
                429, f"too many wrong tokens; wait {seconds} s", {"retry-after": seconds}
            )
        right = self.token.encode()
        # One request is one guess, however many tokens it carries.
        if len(given) > _PLACES or not any(
            secrets.compare_digest(each.encode(), right) for each in given
        ):
            self.attempts.failed(client)
            after = _FOR_SHARED if shared else 0.0
            return Refusal(401, "the token is wrong", {"www-authenticate": "Bearer"}, after)
        self.attempts.passed(client)
        return self._with_cookie(scope)

    def _with_cookie(self, scope: Scope) -> Refusal | None:
        """A page that was opened with the token in its address goes on with a cookie instead."""
        query: bytes = scope["query_string"]
        rest = _without_token(query)
        if scope["method"] not in ("GET", "HEAD") or rest == query:
            return None
        # Two slashes at the beginning would name another server.
        path = "/" + scope.get("raw_path", b"/").decode("latin-1").lstrip("/\\")
        cookie = f"{_cookie_name(scope)}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        location = f"{path}?{rest.decode('latin-1')}" if rest else path
        return Refusal(303, "go on without the token", {"location": location, "set-cookie": cookie})


def without_token(scope: Scope) -> Scope:
    """A request whose address holds no token, so that no answer to it can repeat one."""
    return {**scope, "query_string": _without_token(scope["query_string"])}


def _without_token(query: bytes) -> bytes:
    """What an address says behind its question mark, without tokens."""
    return b"&".join(piece for piece in query.split(b"&") if not _is_token(piece))


def _is_token(piece: bytes) -> bool:
    return unquote_plus(piece.partition(b"=")[0].decode("latin-1")) == _IN_ADDRESS


def _host_of(origin: str) -> str | None:
    """Host and port of an origin; None where it has none (``null``, or nonsense)."""
    found = _ORIGIN.fullmatch(origin.lower())
    return None if found is None else found[1]


def _tokens(scope: Scope) -> list[str]:
    """Every token that comes with a request, from wherever it may stand."""
    bearer = values_of(scope, "authorization")
    found = [each[len(_BEARER) :] for each in bearer if each.lower().startswith(_BEARER)]
    found += values_of(scope, "x-moondream-auth")
    name = _cookie_name(scope)
    for text in values_of(scope, "cookie"):
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(text)
        except CookieError:
            continue
        found += [jar[name].value] if name in jar else []
    if scope["method"] in _SAFE:
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        found += [value for key, value in query if key == _IN_ADDRESS]
    return [each.strip() for each in found if each.strip()]


def _cookie_name(scope: Scope) -> str:
    """Servers on several ports of one machine share a jar of cookies."""
    _, port = scope.get("server") or ("", 0)
    return f"videoseg-{port}"


def _address_of(scope: Scope) -> str:
    """Who asks; of IPv6 the network, for every machine has a whole one."""
    host, _ = scope.get("client") or ("", 0)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))
