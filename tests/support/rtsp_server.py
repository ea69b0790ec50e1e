"""A camera of RTSP on this machine: one stream of H.264, for one client at a time."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av

from tests.support import media

_SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=camera
c=IN IP4 127.0.0.1
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
a=control:streamid=0
"""
_RATE = 25
_SIZE = (192, 128)


@dataclass
class Camera:
    """What the camera has seen of its client.

    Attributes:
        address: Where it is.
        sends: Whether it sends pictures; a camera that hangs does not.
        asked: What it was asked for, such as ``PLAY``.
        left: Set when the client has closed its connection.
    """

    address: str
    sends: bool = True
    asked: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)


@contextmanager
def camera() -> Iterator[Camera]:
    """A camera that films ``media.moving_square`` at 25 pictures a second."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Camera(f"rtsp://127.0.0.1:{server.getsockname()[1]}/camera")
        thread = threading.Thread(target=_serve, args=(server, made), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.left.set()


def _serve(server: socket.socket, camera: Camera) -> None:
    with suppress(OSError):
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            while request := _request(lines):
                connection.sendall(_answer(request, camera).encode())
    camera.left.set()


def _request(lines: Any) -> list[str]:
    """The lines of a request; none where the client has left."""
    found: list[str] = []
    while line := lines.readline().decode().rstrip("\r\n"):
        found.append(line)
    return found


def _answer(request: list[str], camera: Camera) -> str:
    verb = request[0].split()[0]
    fields = dict(line.split(": ", 1) for line in request[1:])
    camera.asked.append(verb)
    said, body = [f"CSeq: {fields['CSeq']}", "Session: 1"], ""
    if verb == "OPTIONS":
        said.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
    elif verb == "DESCRIBE":
        body = _SDP.replace("\n", "\r\n")
        said += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
    elif verb == "SETUP":
        found = re.search(r"client_port=(\d+)", fields["Transport"])
        assert found is not None
        threading.Thread(target=_film, args=(camera, int(found[1])), daemon=True).start()
        said.append(f"Transport: {fields['Transport']};server_port=5000-5001")
    return "\r\n".join(["RTSP/1.0 200 OK", *said, "", body])


def _film(camera: Camera, port: int) -> None:
    """Send pictures to a port until the client has left."""
    options = {"tune": "zerolatency", "x264-params": "keyint=5:repeat-headers=1:log-level=none"}
    with av.open(f"rtp://127.0.0.1:{port}?pkt_size=1200", "w", format="rtp") as out:
        stream = out.add_stream("libx264", rate=_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = *_SIZE, "yuv420p"
        stream.time_base = Fraction(1, _RATE)
        index = 0
        while not camera.left.is_set():
            if camera.sends:
                picture = media.moving_square(index % 60, *_SIZE)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, index = index, index + 1
                with suppress(av.error.FFmpegError):  # nobody listens yet, or any more
                    out.mux(stream.encode(frame))
            time.sleep(1 / _RATE)
