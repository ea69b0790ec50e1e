"""A server on its address: how it begins, what slow clients can do, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from tests.support import web
from tests.support.asgi import echo
from tests.support.memory import peak
from tests.support.waiting import PATIENCE
from videoseg.errors import MissingDependencyError, ServerError
from videoseg.server import running
from videoseg.server.access import Access
from videoseg.server.asgi import Receive, Scope, Send
from videoseg.server.guard import Guard, Limits

web.need_web()

from videoseg.server import connection  # noqa: E402 - needs the extra

HERE = Access.at("127.0.0.1")
GUARDED = Guard(echo, HERE)


def test_it_answers() -> None:
    with web.running(GUARDED) as place:
        status, headers, body = web.send(place, "POST", "/", b"hello")
    assert (status, body) == (200, b"hello")
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_a_port_that_is_taken_is_said() -> None:
    with running.listen("127.0.0.1", 0).socket as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} of 127.0.0.1 is taken; choose another"):
            running.listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "said"), [("no.such.host.invalid", "no such address"), ("203.0.113.1", "no address")]
)
def test_an_address_that_is_not_ours_is_said(host: str, said: str) -> None:
    with pytest.raises(ServerError, match=said):
        running.listen(host, 0)


def test_a_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingDependencyError, match=r"serve needs uvicorn: .*'videoseg\[web\]'"):
        running.check_installed("serve")


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("::1", "[::1]"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - nothing is bound
        ("::", "[::1]"),
    ],
)
def test_its_url_is_one_that_a_browser_opens(host: str, shown: str) -> None:
    with running.listen("127.0.0.1", 0).socket as listening:
        port = listening.getsockname()[1]
        assert running.Listening(host, listening).url == f"http://{shown}:{port}"


def test_an_application_that_does_not_start_is_said() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(ServerError, match="does not start"), web.running(broken):
        pass


def test_a_head_that_does_not_come_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    with web.running(GUARDED) as place, web.raw(place) as silent, web.raw(place) as slow:
        begun = time.monotonic()
        with pytest.raises(OSError, match=r"."):  # one letter after another does not put it off
            while time.monotonic() - begun < PATIENCE:
                slow.sendall(b"G")
                time.sleep(0.05)
        assert web.all_of(silent) == b""


def test_a_second_head_must_come_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    with web.running(GUARDED) as place, web.raw(place) as client:
        client.sendall(f"GET / HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"0\r\n\r\n"):
            answer += client.recv(65536)
        client.sendall(b"GET /")
        begun = time.monotonic()
        assert web.all_of(client) == b""
        assert time.monotonic() - begun < running._KEEP_ALIVE_SECONDS


def test_a_client_that_takes_no_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.3)
    ended = threading.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await echo(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1 << 14):  # once the connection is gone, all of it goes nowhere
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        ended.set()

    with web.running(endless) as place, web.raw(place) as client:
        client.sendall(f"GET / HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
        assert ended.wait(PATIENCE)


def test_connections_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECTIONS", 3)
    with web.running(GUARDED) as place, ExitStack() as stack:
        clients = [stack.enter_context(web.raw(place)) for _ in range(3)]
        for client in clients:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
            assert b"200 OK" in client.recv(65536)
        assert web.all_of(stack.enter_context(web.raw(place))) == b""


def test_nonsense_is_refused_in_json() -> None:
    with web.running(GUARDED) as place:
        for nonsense in (b"\x16\x03\x01\x00\xa5\x01", b"GET / HTTP/9.9\r\n\r\n", b"x" * 100_000):
            with web.raw(place) as client:
                client.sendall(nonsense + b"\r\n\r\n")
                answer = web.all_of(client)
            assert answer.startswith(b"HTTP/1.1 400") or answer == b""
            assert b"Traceback" not in answer


@pytest.mark.slow
@pytest.mark.parametrize("how", ["Content-Length: 1073741824", "Transfer-Encoding: chunked"])
def test_a_gigabyte_is_refused_and_takes_no_memory(how: str) -> None:
    piece = b"x" * (1 << 20)
    framed = b"100000\r\n" + piece + b"\r\n" if "chunked" in how else piece

    def send(mebibytes: int) -> None:
        with web.running(GUARDED) as place, web.raw(place) as client:
            client.sendall(f"POST / HTTP/1.1\r\nHost: {place}\r\n{how}\r\n\r\n".encode())
            with suppress(OSError):
                for _ in range(mebibytes):
                    client.sendall(framed)
            assert client.recv(65536).startswith(b"HTTP/1.1 413")

    assert peak(send, 1024) < 64 << 20, "at most what a request may have, twice"


def test_a_slow_body_is_ended() -> None:
    app = Guard(echo, HERE, Limits(grace_seconds=0.3))
    with web.running(app) as place, web.raw(place) as client:
        client.sendall(f"POST / HTTP/1.1\r\nHost: {place}\r\nContent-Length: 99\r\n\r\nx".encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 408")


SERVER = """
import sys
from tests.support.asgi import echo
from videoseg.server.access import Access
from videoseg.server.guard import Guard
from videoseg.server.running import Running, listen
with Running(Guard(echo, Access.at("127.0.0.1")), listen("127.0.0.1", 0)) as server:
    print(server.url, flush=True)
    server.wait()
print("ended", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of other processes need a console on Windows")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_completely(number: int) -> None:
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        place = process.stdout.readline().decode().strip().removeprefix("http://")
        with web.raw(place) as held:  # a request whose body never ends
            held.sendall(f"POST / HTTP/1.1\r\nHost: {place}\r\nContent-Length: 9\r\n\r\n".encode())
            time.sleep(0.2)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, b"ended\n", b"")
        host, port = place.split(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)))
