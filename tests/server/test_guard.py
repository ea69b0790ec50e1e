"""What stands before every server: who may ask, how much, how fast."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from tests.support.asgi import HOST, ask, echo, request
from videoseg.server.access import Access, Attempts
from videoseg.server.asgi import Message, Receive, Scope, Send
from videoseg.server.guard import SECURITY_HEADERS, Guard, Limits

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound
RIGHT, SECRET = "right", "the-secret-token"
HERE = Access.at("127.0.0.1")


def guarded(access: Access = HERE, **limits: float) -> Guard:
    return Guard(echo, access, Limits(**limits))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", [HOST, "localhost", "LOCALHOST:1", "[::1]:8000", "127.0.0.2"])
def test_this_machine_is_reached_by_its_own_names(host: str) -> None:
    assert ask(guarded(), request(host=host)).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.0.7", EVERYWHERE],
)
def test_a_rebound_name_is_refused(host: str) -> None:
    answer = ask(guarded(), request(host=host))
    assert answer.status == 403
    assert "is not called" in answer.json["error"]


@pytest.mark.parametrize("host", [(), ("localhost", "evil.example"), "a b", "user@localhost", ""])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    assert ask(guarded(), request(host=host)).status == 400


def test_other_addresses_are_reached_by_number_and_by_their_names() -> None:
    access = Access.at(EVERYWHERE, names=["Studio.local"])
    app = guarded(access)
    token = f"Bearer {access.token}"
    for host, status in (("192.168.0.7:8000", 200), ("studio.LOCAL", 200), ("evil.example", 403)):
        assert ask(app, request(host=host, authorization=token)).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": f"http://{HOST}"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://[a]:8000"}, 403),
        ({"origin": ""}, 403),
        ({"origin": f"http://{HOST}@evil.example"}, 403),
        ({"origin": (f"http://{HOST}", "http://evil.example")}, 403),
        ({"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"}, 200),
        ({"sec_fetch_site": "none", "sec_fetch_mode": "navigate"}, 200),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, 403),
        ({"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"}, 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_of_others_cannot_ask(method: str, headers: dict[str, str], status: int) -> None:
    assert ask(guarded(), request(method, **headers), b"{}").status == status


def test_a_link_can_be_followed_and_a_form_not() -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert ask(guarded(), request("GET", **link)).status == 200
    assert ask(guarded(), request("POST", **link), b"a=b").status == 403


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.168.0.7", "studio.local"])
def test_any_other_address_needs_a_token(host: str) -> None:
    access = Access.at(host)
    assert access.token is not None
    assert len(access.token) >= 32
    assert access.token not in repr(access)
    assert ask(guarded(access), request()).status == 401


def test_this_machine_needs_none_unless_it_is_wanted() -> None:
    assert HERE.token is None
    assert Access.at("localhost", token=True).token
    assert ask(guarded(), request(x_moondream_auth="anything")).status == 200


def test_a_token_comes_as_a_header_or_a_cookie() -> None:
    access = Access.at("::")
    app = guarded(access)
    assert ask(app, request(authorization=f"Bearer {access.token}")).status == 200
    assert ask(app, request(x_moondream_auth=f"{access.token}")).status == 200
    assert ask(app, request(cookie=f"other=1; videoseg-8000={access.token}")).status == 200
    assert ask(app, request(cookie=f"videoseg-9000={access.token}")).status == 401


def test_a_token_in_an_address_becomes_a_cookie() -> None:
    access = Access.at("::")
    answer = ask(guarded(access), request(query=f"a=1&token={access.token}", path="//evil.example"))
    assert answer.status == 303
    assert answer.headers["location"] == "/evil.example?a=1"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    posted = request("POST", query=f"token={access.token}")
    assert ask(guarded(access), posted, b"{}").status == 401


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", ["token", "t%6Fken", "tok%65n"])
def test_no_answer_repeats_a_token(method: str, name: str) -> None:
    access = Access.at("::", token=True)
    answer = ask(guarded(access), request(method, query=f"a=%2F&{name}={access.token}&b"))
    assert answer.status == 303
    assert answer.headers["location"] == "/?a=%2F&b"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
def test_no_application_sees_a_token_in_an_address(method: str) -> None:
    """The router of one would repeat it, where it leads on to another address."""
    seen: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["query_string"])
        await echo(scope, receive, send)

    access = Access.at("::")
    given = request(method, query=f"a=1&token={access.token}", x_moondream_auth=f"{access.token}")
    ask(Guard(app, access), given)
    ask(Guard(app, HERE), given)
    assert set(seen) == {b"a=1"}


def test_guessing_is_slowed() -> None:
    now = [0.0]
    access = Access(loopback=False, token=RIGHT, attempts=Attempts(lambda: now[0]))
    app = guarded(access)

    def statuses(token: str, client: str = "10.0.0.1") -> int:
        return ask(app, request(x_moondream_auth=token, client=client)).status

    heard = 0
    for number in range(10_000):
        now[0] += 0.01  # a hundred a second
        heard += statuses(f"wrong {number}") == 401
    assert heard <= 10
    answer = ask(app, request(x_moondream_auth=RIGHT, client="10.0.0.1"))
    assert answer.status == 429, "else the right one could be told among many"
    assert int(answer.headers["retry-after"]) >= 1
    assert statuses(RIGHT, "10.0.0.2") == 200, "others do not wait"
    now[0] += 61
    assert statuses(RIGHT) == 200
    assert statuses("wrong") == 401, "the right one was forgiven all"


def test_one_request_is_one_guess() -> None:
    many = tuple(f"Bearer {number}" for number in range(100))
    app = guarded(Access(loopback=False, token=RIGHT))
    client = "10.0.0.1"
    guesses = request(authorization=(*many, f"Bearer {RIGHT}"), client=client)
    assert ask(app, guesses).status == 401
    assert ask(app, request(x_moondream_auth=RIGHT, client=client)).status == 429


def test_whoever_shares_a_proxy_is_not_shut_out_with_others() -> None:
    app = guarded(Access(loopback=False, token=RIGHT))
    begun = time.monotonic()
    for _ in range(3):
        assert ask(app, request(x_moondream_auth="wrong")).status == 401
    assert time.monotonic() - begun >= 1.5, "but guessing is slow"
    assert ask(app, request(x_moondream_auth=RIGHT)).status == 200


def test_guesses_of_many_addresses_take_bounded_memory() -> None:
    attempts = Attempts()
    for number in range(20_000):
        attempts.failed(str(number))
    assert len(attempts._wrong) <= 4096


def test_machines_of_one_network_of_ipv6_wait_together() -> None:
    access = Access(loopback=False, token=RIGHT)
    app = guarded(access)
    assert ask(app, request(x_moondream_auth="no", client="2001:db8::1")).status == 401
    assert ask(app, request(x_moondream_auth="no", client="2001:db8::2")).status == 429
    assert ask(app, request(x_moondream_auth="no", client="2001:db8:0:1::2")).status == 401


def test_every_answer_tells_browsers_what_they_may_not() -> None:
    async def loose(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"Content-Security-Policy", b"script-src 'unsafe-inline'")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    for answer in (ask(Guard(loose, HERE), request()), ask(guarded(), request(host="evil"))):
        assert answer.headers.items() >= SECURITY_HEADERS.items()
        assert "unsafe" not in str(answer.headers)
        assert answer.headers["cache-control"] == "no-store"


def test_a_body_that_claims_too_much_is_not_read() -> None:
    answer = ask(guarded(body_bytes=10), request("POST", content_length="1000000000"), b"x")
    assert answer.status == 413
    assert answer.json == {"error": "the request is larger than 10 bytes; send less"}


def test_a_body_that_grows_too_large_is_cut_off() -> None:
    assert ask(guarded(body_bytes=10), request("POST"), b"12345", b"67890").body == b"1234567890"
    assert ask(guarded(body_bytes=10), request("POST"), b"12345", b"678901").status == 413


def test_only_uploads_may_be_large() -> None:
    limits = Limits(body_bytes=10, upload_bytes=100, uploads=("/jobs",))
    app = Guard(echo, HERE, limits)
    kind = "multipart/form-data; boundary=x"
    assert ask(app, request("POST", "/jobs", content_type=kind), b"x" * 50).status == 200
    assert ask(app, request("POST", "/v1/point", content_type=kind), b"x" * 50).status == 413


@pytest.mark.parametrize("kind", ["application/json", (), ("multipart/form-data", "text/plain")])
def test_what_is_read_into_memory_is_no_upload(kind: Any) -> None:
    app = Guard(echo, HERE, Limits(body_bytes=10, upload_bytes=100, uploads=("/jobs",)))
    assert ask(app, request("POST", "/jobs", content_type=kind), b"x" * 50).status == 413


def test_a_body_that_comes_too_slowly_is_ended() -> None:
    answer = ask(guarded(grace_seconds=0.1), request("POST"), b"x", stall=True)
    assert answer.status == 408
    assert "too slowly" in answer.json["error"]


def test_a_refusal_stands_whatever_the_application_says() -> None:
    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await echo(scope, receive, send)
        except Exception:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"all is well"})

    answer = ask(Guard(stubborn, HERE, Limits(body_bytes=1)), request("POST"), b"xx")
    assert answer.status == 413


def test_further_requests_are_sent_away() -> None:
    async def run() -> list[int]:
        release, statuses = asyncio.Event(), []

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await release.wait()
            await echo(scope, receive, send)

        app = Guard(slow, HERE, Limits(requests=2))

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, object]) -> None:
            if "status" in message:
                statuses.append(message["status"])

        asked = [asyncio.create_task(app(request(), receive, send)) for _ in range(3)]  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        release.set()
        await asyncio.gather(*asked)
        return statuses  # type: ignore[return-value]

    assert asyncio.run(run()) == [503, 200, 200]


def test_bodies_together_take_bounded_memory() -> None:
    app = guarded(body_bytes=100, held_bytes=50)
    assert ask(app, request("POST"), b"x" * 51).status == 503
    for _ in range(3):  # what was held is given back
        assert ask(app, request("POST"), b"x" * 50).status == 200
    uploading = Guard(echo, HERE, Limits(held_bytes=50, uploads=("/jobs",)))
    form = request("POST", "/jobs", content_type="multipart/form-data; boundary=x")
    assert ask(uploading, form, b"x" * 99).status == 200


def test_a_fault_is_one_sentence_and_names_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("the inner state")

    access = Access(loopback=False, token=SECRET)
    with caplog.at_level(logging.DEBUG):
        answer = ask(Guard(faulty, access), request(x_moondream_auth=SECRET))
    assert answer.status == 500
    assert answer.json == {"error": "the server failed; its log says more"}
    assert SECRET not in caplog.text
    assert "the inner state" in caplog.text


def test_a_client_that_leaves_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    async def reading(_: Scope, receive: Receive, __: Send) -> None:
        if (await receive())["type"] == "http.disconnect":
            raise RuntimeError("the client has left")

    async def leaves() -> Message:
        return {"type": "http.disconnect"}

    async def never(message: Message) -> None:
        raise AssertionError(message)

    asyncio.run(Guard(reading, HERE)(request("POST"), leaves, never))
    assert not caplog.records


def test_what_is_no_request_is_closed() -> None:
    sent: list[object] = []

    async def run() -> None:
        async def send(message: object) -> None:
            sent.append(message)

        await Guard(echo, HERE)({"type": "websocket"}, None, send)  # type: ignore[arg-type]

    asyncio.run(run())
    assert sent == [{"type": "websocket.close", "code": 1008}]
