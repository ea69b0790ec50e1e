"""HTTP calls from many threads over one client, each of which can be ended at any moment.

The client lives on an event loop in a thread of its own. That gives a call one deadline for all of
it, however slowly bytes trickle in, and lets ``close`` end calls that still wait for an answer.
"""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from videoseg.errors import ModelError, missing_package

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")
_PACKED = "gzip"
"""How an answer may be packed."""

_CLOSING_SECONDS = 5.0
"""How long ``close`` waits until connections are shut; the thread goes on after it."""

_ENDED = "the call was ended before its answer came"


class CallFailedError(Exception):
    """A call that got no whole answer.

    Attributes:
        begun: Whether the service may have begun to work on it.
    """

    def __init__(self, message: str, *, begun: bool) -> None:
        super().__init__(message)
        self.begun = begun


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever it says.

    Attributes:
        status: HTTP status.
        headers: By name in lower case.
        body: All of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """A client for one service.

    Args:
        url: Where the service is.
        headers: Sent with every call; a key among them is sent nowhere else: redirects are not
            followed.
        timeout: Seconds for a whole call.
        calls: Calls that may be under way at once.
        local: Whether the service is on this machine, which no proxy is asked for.
        most_bytes: Of an answer, unpacked. What goes beyond is not read.

    Raises:
        MissingDependencyError: The package for HTTP is not installed.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout: float,
        calls: int,
        local: bool,
        most_bytes: int,
    ) -> None:
        try:
            import httpx2
        except ImportError as error:
            raise missing_package("a model that is a service", "httpx2", extra="hosted") from error
        self._timeout, self._most_bytes = timeout, most_bytes
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="videoseg-wire", daemon=True)
        self._closed = False
        self._closing = threading.Lock()
        self._waiting: set[Future[Any]] = set()
        self._calls: set[asyncio.Task[Any] | None] = set()
        limits = httpx2.Limits(max_connections=calls, max_keepalive_connections=calls)
        self._client = httpx2.AsyncClient(
            headers={**headers, "Accept-Encoding": _PACKED},
            # Without TLS there is no certificate to check, and no need to load what checks it.
            verify=not url.startswith("http:"),
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0)),
            limits=limits,
            trust_env=not local,
            follow_redirects=False,
        )
        self._thread.start()

    def post(self, url: str, body: bytes) -> Reply:
        """Send one request and wait for all of its answer.

        Raises:
            CallFailedError: No whole answer came.
            ModelError: The wire was closed meanwhile.
        """
        return self._wait(self._post(url, body))

    def close(self) -> None:
        """End every call and the thread. A second call does nothing."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            # Who waits for an answer goes on here: the loop may be slow to get to its end.
            for future in self._waiting:
                future.cancel()
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop)
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        # Whatever begins before the end is known to it, and is ended.
        with self._closing:
            if self._closed:
                work.close()
                raise ModelError(_ENDED)
            future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._waiting.add(future)
        try:
            return future.result()
        except CancelledError as error:
            raise ModelError(_ENDED) from error
        except BaseException:
            future.cancel()
            raise
        finally:
            with self._closing:
                self._waiting.discard(future)

    async def _post(self, url: str, body: bytes) -> Reply:
        import httpx2

        begun, here = False, asyncio.current_task()
        self._calls.add(here)
        try:
            async with asyncio.timeout(self._timeout):
                async with self._client.stream("POST", url, content=body) as response:
                    begun = True
                    return await _whole(response, self._most_bytes)
        except TimeoutError as error:
            raise CallFailedError(f"no answer in {self._timeout:g} s", begun=True) from error
        except httpx2.ConnectError as error:
            raise CallFailedError(f"cannot connect ({_plain(error)})", begun=False) from error
        except httpx2.TimeoutException as error:
            raise CallFailedError(f"no answer in {self._timeout:g} s", begun=True) from error
        except httpx2.TransportError as error:
            what = "the connection broke off" if begun else "the connection was dropped"
            raise CallFailedError(f"{what} ({_plain(error)})", begun=True) from error
        finally:
            self._calls.discard(here)

    async def _shut(self) -> None:
        # The calls alone: what they have started is theirs to end.
        calls = [call for call in self._calls if call is not None]
        try:
            with suppress(Exception):
                for call in calls:
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)
                await self._client.aclose()
                await self._loop.shutdown_asyncgens()
        finally:
            self._loop.stop()


async def _whole(response: httpx2.Response, most: int) -> Reply:
    """All of an answer. It is unpacked here, for httpx2 unpacks a bomb at once."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    packed = headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("identity", "", _PACKED):
        raise CallFailedError("the answer is packed in a way that was not asked for", begun=True)
    unpack = zlib.decompressobj(wbits=31) if packed == _PACKED else None
    whole = bytearray()
    try:
        async for piece in response.aiter_raw():
            whole += piece if unpack is None else unpack.decompress(piece, most + 1 - len(whole))
            if len(whole) > most:
                raise CallFailedError(f"the answer is larger than {most} bytes", begun=True)
    except zlib.error as error:
        raise CallFailedError(f"the answer is damaged ({_plain(error)})", begun=True) from error
    return Reply(response.status_code, headers, bytes(whole))


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
