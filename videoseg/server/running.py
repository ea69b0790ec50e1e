"""Runs an application on an address until it is told to end, and then ends completely."""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from videoseg.errors import ServerError, missing_package, shown
from videoseg.server.asgi import App

EXTRA = "web"
_BACKLOG = 512
_KEEP_ALIVE_SECONDS = 15
_LAST_SECONDS = 2
"""For answers that are under way when the server is told to end."""
_START_SECONDS = 60.0
_POLL_SECONDS = 0.2
"""How often the main thread looks about; on Windows, Ctrl-C waits for that."""


def check_installed(what: str) -> None:
    """Whether the packages of the extra are there.

    Args:
        what: What needs them, for the message.

    Raises:
        MissingDependencyError: One is not.
    """
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise missing_package(what, error.name or "uvicorn", extra=EXTRA) from error


@dataclass(frozen=True)
class Listening:
    """An address that is ours, before anything answers there.

    Attributes:
        host: As the user gave it.
        socket: What listens.
    """

    host: str
    socket: socket.socket

    @property
    def port(self) -> int:
        """The port, also where the system chose it."""
        return int(self.socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Where a browser on this machine reaches it."""
        named = self.host.strip("[]")
        try:
            address = ipaddress.ip_address(named)
        except ValueError:
            return f"http://{named}:{self.port}"
        if address.is_unspecified:
            named = "127.0.0.1" if address.version == 4 else "::1"
        return f"http://[{named}]:{self.port}" if ":" in named else f"http://{named}:{self.port}"


def listen(host: str, port: int) -> Listening:
    """Take an address, or say why it cannot be had.

    Args:
        host: An address or a name of this machine.
        port: 0 = any that is free.

    Raises:
        ServerError: It is taken, not ours, or not known.
    """
    try:
        found = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise ServerError(
            f"--host {shown(host)}: there is no such address; use 127.0.0.1 for this machine alone"
        ) from error
    # A name may stand for both versions; the older is the one that every client tries.
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    taken = socket.socket(family, kind, protocol)
    try:
        if os.name == "nt":  # where SO_REUSEADDR lets others take a port that is in use
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(_BACKLOG)
    except OSError as error:
        taken.close()
        raise ServerError(_why_not(host, port, error)) from error
    except BaseException:
        taken.close()
        raise
    return Listening(host, taken)


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken; choose another with --port, or 0 for any"
    if error.errno == errno.EACCES:
        return f"port {port} is not allowed to you; choose one from 1024 on with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {shown(host)} is no address of this machine; use 127.0.0.1 or 0.0.0.0"
    return f"{host}:{port} cannot be listened on ({error.strerror}); choose another with --port"


class Running(AbstractContextManager["Running"]):
    """An application that answers while the context is open; Ctrl-C only ends ``wait``.

    Args:
        app: The application, its guard before it.
        listening: Where.
        last_seconds: For answers that are under way at the end; then they are broken off.

    Raises:
        MissingDependencyError: The extra is not installed.
        ServerError: The application does not start.
    """

    def __init__(
        self, app: App, listening: Listening, *, last_seconds: int = _LAST_SECONDS
    ) -> None:
        check_installed("a server")
        import uvicorn

        from videoseg.server.connection import TimedConnection

        self.url = listening.url
        self._socket = listening.socket
        self._server: Any = uvicorn.Server(
            uvicorn.Config(
                app,
                http=TimedConnection,
                ws="none",
                loop="asyncio",
                lifespan="on",
                # Requests are not logged: a token may stand in an address.
                access_log=False,
                log_config=None,
                log_level="critical",
                server_header=False,
                # Nobody else's word for who asks.
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=last_seconds,
            )
        )
        # On a thread of its own it leaves signals to us.
        self._thread = threading.Thread(target=self._work, name="videoseg-server", daemon=True)
        self._failed: BaseException | None = None
        self._told_to_end = threading.Event()
        self._signals = ExitStack()

    def __enter__(self) -> Self:
        # From here on, so that no Ctrl-C falls between the start and ``wait``.
        self._signals.enter_context(_on_signals(self._told_to_end.set))
        self._thread.start()
        left = _START_SECONDS
        while not self._server.started and self._thread.is_alive() and left > 0:
            self._thread.join(0.01)
            left -= 0.01
        if not self._server.started:
            self.__exit__()
            raise ServerError(f"the server does not start ({shown(str(self._failed))})")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._signals.close()
        with _on_signals(self._force):
            while self._thread.is_alive():
                self._thread.join(_POLL_SECONDS)
        self._socket.close()

    def wait(self) -> None:
        """Return when Ctrl-C or a signal to end has come, or the server has ended by itself."""
        while self._thread.is_alive() and not self._told_to_end.wait(_POLL_SECONDS):
            pass

    def _work(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except BaseException as error:  # SystemExit, where the application does not start
            self._failed = error

    def _force(self) -> None:
        self._server.force_exit = True


@contextmanager
def _on_signals(called: Callable[[], None]) -> Iterator[None]:
    """Within, Ctrl-C and SIGTERM call a function and do nothing else.

    Only the main thread ever gets signals, so in others this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: called()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
