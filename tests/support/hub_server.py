"""A stand-in for the Hugging Face hub on this machine: lists a repository, and serves its files.

It can break off answers, send other bytes than it lists, and refuse.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What it serves, and what was asked of it.

    Attributes:
        repository: Its only repository.
        folder: The files of that.
        breaks_after: Bytes of a large file after which an answer ends; None = as many as there are.
        breaks: How many answers end early.
        damaged: Whether large files are sent with a byte that is another one.
        status: Of every answer, if not 200.
        sent: Bytes of large files that were sent.
        ranges: What was asked for of large files, by ``Range``; empty for a whole one.
        address: Where it listens.
    """

    repository: str
    folder: Path
    breaks_after: int | None = None
    breaks: int = 1 << 30
    damaged: bool = False
    status: int = 200
    sent: int = 0
    ranges: list[str] = field(default_factory=list)
    address: str = ""

    def entries(self) -> list[dict[str, Any]]:
        """The files, as the hub lists a tree."""
        found = []
        for path in sorted(self.folder.iterdir()):
            data = path.read_bytes()
            entry: dict[str, Any] = {
                "type": "file",
                "path": path.name,
                "size": len(data),
                "oid": git_digest(data),
            }
            if path.suffix == ".safetensors":
                digest = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 130}
            found.append(entry)
        return found


def git_digest(data: bytes) -> str:
    """What git calls a file of these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Within, the hub listens on this machine."""

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers what the hub's package asks."""

    protocol_version = "HTTP/1.1"
    served: Hub

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer(body=False)

    def do_GET(self) -> None:
        """Answer."""
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, *, body: bool) -> None:
        hub, path = self.served, self.path.partition("?")[0]
        if hub.status != 200:
            self._refuse(hub.status, {"X-Error-Code": "RepoNotFound"} if hub.status == 404 else {})
        elif path.startswith(f"/api/models/{hub.repository}/tree/"):
            self._json(hub.entries())
        elif path.startswith(f"/api/models/{hub.repository}"):
            siblings = [
                {"rfilename": each["path"], "size": each["size"], "blobId": each["oid"]}
                | ({"lfs": {**each["lfs"], "sha256": each["lfs"]["oid"]}} if "lfs" in each else {})
                for each in hub.entries()
            ]
            self._json({"id": hub.repository, "sha": REVISION, "siblings": siblings})
        elif match := re.fullmatch(rf"/{hub.repository}/resolve/{REVISION}/(.+)", path):
            self._file(hub.folder / match[1], body=body)
        else:
            self._refuse(404, {"X-Error-Code": "RepoNotFound"})

    def _refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, document: object) -> None:
        data = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _file(self, path: Path, *, body: bool) -> None:
        if not path.is_file():
            self._refuse(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": REVISION})
            return
        data = path.read_bytes()
        is_large = path.suffix == ".safetensors"
        etag = hashlib.sha256(data).hexdigest() if is_large else git_digest(data)
        asked = self.headers.get("Range", "") if body else ""
        start = int(asked.partition("=")[2].partition("-")[0]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("X-Linked-Etag", f'"{etag}"')
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("Content-Length", str(len(data) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if not body:
            return
        if is_large:
            self._large(data, start, asked)
        else:
            self.wfile.write(data)

    def _large(self, data: bytes, start: int, asked: str) -> None:
        hub = self.served
        hub.ranges.append(asked)
        end = len(data)
        if hub.breaks_after is not None and hub.breaks > 0:
            hub.breaks -= 1
            end = min(end, start + hub.breaks_after)
        piece = bytearray(data[start:end])
        if hub.damaged and piece:
            piece[-1] ^= 1
        self.wfile.write(piece)
        hub.sent += len(piece)
        if end < len(data):
            self.close_connection = True
