"""Services on this machine that speak as Moondream, Gemini and OpenAI do, faults and all.

Each looks for red, green or blue things in the picture that it is sent, so that what it answers can
be checked against the frame.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from tests.support.fakes import CHANNELS, _coloured
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten
from videoseg.outlines.vectorize import outline_of
from videoseg.types import Bitmap, Mask, RgbImage

KEY = "sk-THE-KEY-that-must-show-up-nowhere"


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What a server sends; ``fault`` is ``drop``, ``half`` or ``slow``."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    fault: str = ""


def answer(value: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(json.dumps(value).encode(), status, named)


PAGE = Answer(b"<!DOCTYPE html><html><body>Sign in</body></html>", content_type="text/html")
BROKEN_JSON = Answer(b'{"path": "M 0 0')


Speak: TypeAlias = Callable[[Request], Answer]
"""What a server says to a request."""


@dataclass
class Loopback:
    """A server on the loopback interface; faults that wait are answered first, one a request."""

    speak: Speak
    faults: list[Answer] = field(default_factory=list)
    latency: float = 0.0
    requests: list[Request] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)

    def handle(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            fault = self.faults.pop(0) if self.faults else None
        try:
            if self.latency:
                time.sleep(self.latency)
            return fault if fault is not None else self.speak(request)
        finally:
            with self._lock:
                self._now -= 1


@contextmanager
def serving(speak: Speak, *faults: Answer, latency: float = 0.0) -> Iterator[Loopback]:
    loopback = Loopback(speak, list(faults), latency)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else head and body come 40 ms apart

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, self.rfile.read(length))
            self._send(loopback.handle(request))

        def _send(self, sent: Answer) -> None:
            if sent.fault == "drop":
                self.close_connection = True
                return
            if sent.fault == "slow":
                # Bytes trickle, so that only a deadline over the whole call can end it.
                self.send_response(200)
                self.send_header("content-length", "100000")
                self.end_headers()
                while not loopback.stopping.wait(0.05):
                    try:
                        self.wfile.write(b" ")
                    except OSError:
                        break
                self.close_connection = True
                return
            self.send_response(sent.status)
            self.send_header("content-type", sent.content_type)
            self.send_header("content-length", str(len(sent.body)))
            for name, value in sent.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if sent.fault == "half":
                self.wfile.write(sent.body[: len(sent.body) // 2])
                self.close_connection = True
                return
            self.wfile.write(sent.body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: Any) -> None:
            """A client that leaves is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    loopback.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield loopback
    finally:
        loopback.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def picture_of(address: str) -> RgbImage:
    """The picture in a data address, or in base64 alone, plain or for URLs."""
    data = address.rpartition("base64,")[2].translate(str.maketrans("-_", "+/"))
    raw = np.frombuffer(base64.b64decode(data + "=" * (-len(data) % 4)), np.uint8)
    image = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def pieces(image: RgbImage, words: str) -> list[Bitmap]:
    """Each connected thing of the colour that the words name, larger than some specks."""
    named = [colour for colour in CHANNELS if colour in words]
    if not named:
        return []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        _coloured(image, named[0]).astype(np.uint8)
    )
    return [labels == n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] > 20]


def encoded_path(bitmap: Bitmap, *, of_image: bool = False) -> dict[str, Any]:
    """A mask as Moondream gives it: curves in thousandths of the box, written tightly."""
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    height, width = bitmap.shape
    tight = masks.bounding_box(mask)
    box = np.array(tight, float) / [width, height, width, height]
    x1, y1, x2, y2 = (0, 0, width, height) if of_image else tight
    path = "".join(
        tight_curves((flatten(ring) - [x1, y1]) / [x2 - x1, y2 - y1])
        for ring in outline_of(mask, tolerance=0.25).rings
    )
    sides = zip(("x_min", "y_min", "x_max", "y_max"), box.tolist(), strict=True)
    return {"path": path, "bbox": dict(sides)}


def tight_curves(points: npt.NDArray[np.float64]) -> str:
    """A ring as ``M.1,.2C...z``: straight edges as cubics, three decimals, no leading zero."""

    def number(value: float) -> str:
        text = f"{value:.3f}"
        return text.replace("0.", ".", 1) if abs(value) < 1 else text

    def pair(point: npt.NDArray[np.float64]) -> str:
        return f"{number(float(point[0]))},{number(float(point[1]))}"

    curves = []
    for begin, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        controls = (begin + (end - begin) / 3, begin + (end - begin) * 2 / 3, end)
        curves.append(",".join(map(pair, controls)))
    return f"M{pair(points[0])}C{','.join(curves)}z"


def moondream(request: Request) -> Answer:
    """Moondream's skills, documented shapes; what it finds is one thing a call."""
    asked = request.json
    image = picture_of(asked["image_url"])
    height, width = image.shape[:2]
    found = pieces(image, asked["object"])
    skill = request.path.rpartition("/")[2]
    metrics = {"metrics": {"input_tokens": 700, "output_tokens": 90}}
    if skill == "detect":
        boxes = [encoded_path(one)["bbox"] for one in found]
        return answer({"objects": boxes, "finish_reason": "stop", **metrics})
    if skill == "point":
        return answer({"points": [_centre(one) for one in found], **metrics})
    for ref in asked.get("spatial_refs", ()):
        x, y = (ref[0] + ref[-2]) / 2 * width, (ref[1] + ref[-1]) / 2 * height
        reach = [one for one in found if _holds(one, x, y)]
        found = reach or found
    if not found:
        return answer({"path": "", "finish_reason": "stop"})
    whole = encoded_path(found[0])
    if not asked["stream"]:
        return answer(whole)
    return Answer(streamed(whole), content_type="text/event-stream")


def streamed(whole: dict[str, Any]) -> bytes:
    """The outline as events: the box, a coarse outline in pieces, the refined one."""
    events: list[dict[str, Any]] = [
        {"type": "bbox", "bbox": whole["bbox"]},
        {"type": "path_delta", "chunk": "M 0 0 L 1 0", "completed": False},
        {"type": "path_delta", "chunk": "L 1 1 L 0 1", "completed": False},
        {"type": "final", **whole, "completed": True},
    ]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def _centre(bitmap: Bitmap) -> dict[str, float]:
    rows, columns = np.nonzero(bitmap)
    height, width = bitmap.shape
    return {"x": float(columns.mean()) / width, "y": float(rows.mean()) / height}


def _holds(bitmap: Bitmap, x: float, y: float) -> bool:
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    x1, y1, x2, y2 = masks.bounding_box(mask)
    return x1 <= x < x2 and y1 <= y < y2


def box_2d(mask: Mask) -> list[int]:
    x1, y1, x2, y2 = masks.bounding_box(mask)
    width, height = mask.frame_width, mask.frame_height
    across, down = 1000 / width, 1000 / height
    return [round(y1 * down), round(x1 * across), round(y2 * down), round(x2 * across)]


def as_png(mask: Mask) -> dict[str, Any]:
    """A mask as Gemini 2.5 gives it: a PNG of the box, of a size of its own."""
    box = box_2d(mask)
    y1, x1, y2, x2 = (value / 1000 for value in box)
    width, height = mask.frame_width, mask.frame_height
    side = 256
    columns = (x1 + (np.arange(side) + 0.5) / side * (x2 - x1)) * width - 0.5
    rows = (y1 + (np.arange(side) + 0.5) / side * (y2 - y1)) * height - 0.5
    map_x, map_y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    full = masks.to_bitmap(mask).astype(np.float32) * 255
    sure = cv2.remap(full, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    done, data = cv2.imencode(".png", sure.round().astype(np.uint8))
    assert done
    text = f"data:image/png;base64,{base64.b64encode(bytes(data)).decode()}"
    return {"box_2d": box, "mask": text, "label": "thing"}


def as_tokens(mask: Mask) -> dict[str, Any]:
    """A mask as 512 tokens, the bytes of a 64 x 64 bitmap of the box."""
    box = box_2d(mask)
    y1, x1, y2, x2 = (value / 1000 for value in box)
    columns = (x1 + (np.arange(64) + 0.5) / 64 * (x2 - x1)) * mask.frame_width
    rows = (y1 + (np.arange(64) + 0.5) / 64 * (y2 - y1)) * mask.frame_height
    full = masks.to_bitmap(mask)
    small = full[
        np.minimum(rows.astype(int), mask.frame_height - 1)[:, None],
        np.minimum(columns.astype(int), mask.frame_width - 1)[None],
    ]
    codes = np.packbits(small.ravel()).tolist()
    text = "".join(f"<seg_{code}>" for code in codes)
    return {"box_2d": box, "mask": f"<start_of_mask>{text}", "label": "thing"}


def as_polygons(mask: Mask, *, swapped: bool = False) -> dict[str, Any]:
    """A mask as later models give it: polygons in thousandths of the picture."""
    scale = np.array([1000 / mask.frame_width, 1000 / mask.frame_height])
    rings = [np.round(flatten(r) * scale, 1) for r in outline_of(mask, tolerance=0.25).rings]
    polygons = [(ring[:, ::-1] if swapped else ring).tolist() for ring in rings]
    return {"box_2d": box_2d(mask), "mask": polygons, "label": "thing", "confidence": 0.8}


def gemini_text(text: str, reason: str = "STOP") -> Answer:
    """An answer of ``generateContent`` with words."""
    content = {"parts": [{"text": text}], "role": "model"}
    counts = {"promptTokenCount": 300, "candidatesTokenCount": 200, "thoughtsTokenCount": 0}
    candidate = {"content": content, "finishReason": reason, "index": 0}
    return answer({"candidates": [candidate], "usageMetadata": counts})


def gemini(request: Request) -> Answer:
    """Gemini as a segmenter: fenced JSON, in the form that it is asked for."""
    words, picture = request.json["contents"][0]["parts"]
    image = picture_of(picture["inlineData"]["data"])
    named = re.search(r'"(\w+[^"]*)"', words["text"])
    assert named is not None
    found = [masks.from_bitmap(one) for one in pieces(image, named.group(1))]
    if "polygon" in words["text"]:
        text = json.dumps({"boxes": [as_polygons(mask) for mask in found if mask is not None]})
    else:
        text = json.dumps([as_png(mask) for mask in found if mask is not None])
    return gemini_text(f"```json\n{text}\n```")


Turn = tuple[str, dict[str, Any]]
"""A tool's name and its arguments."""


def openai_call(name: str, arguments: dict[str, Any]) -> Answer:
    """An answer of chat completions that calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": f"call_{name}", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    usage = {"prompt_tokens": 900, "completion_tokens": 30, "total_tokens": 930}
    return answer({"choices": [{"index": 0, "message": message}], "usage": usage})


def gemini_call(name: str, arguments: dict[str, Any]) -> Answer:
    """An answer of ``generateContent`` that calls a function, with a signed thought."""
    parts = [
        {"text": "I think", "thought": True},
        {"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "c2lnbmVk"},
    ]
    content = {"parts": parts, "role": "model"}
    counts = {"promptTokenCount": 900, "candidatesTokenCount": 30, "thoughtsTokenCount": 40}
    return answer({"candidates": [{"content": content}], "usageMetadata": counts})


def openai_agent(turns: Callable[[Request], Turn]) -> Speak:
    return lambda request: openai_call(*turns(request))


def gemini_agent(turns: Callable[[Request], Turn]) -> Speak:
    return lambda request: gemini_call(*turns(request))


def script(*turns: Turn) -> Callable[[Request], Turn]:
    """The same turns for every conversation, by how much of it has been said."""

    def next_turn(request: Request) -> Turn:
        asked = request.json
        said = asked.get("messages") or asked["contents"]
        own = sum(message.get("role") in ("assistant", "model") for message in said)
        return turns[own]

    return next_turn


def things(
    *places: tuple[int, int, int, int], width: int = 320, height: int = 240, colour: str = "red"
) -> RgbImage:
    """A grey picture with filled boxes of a colour."""
    image = np.full((height, width, 3), 90, np.uint8)
    for x1, y1, x2, y2 in places:
        image[y1:y2, x1:x2] = 30
        image[y1:y2, x1:x2, CHANNELS[colour]] = 230
    return image


def known_mask(width: int = 640, height: int = 480) -> Mask:
    """A round thing with a hole and a second piece, cut off by the frame's right border."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    from_centre = np.hypot(columns - width * 0.85, (rows - height / 2) * 1.2)
    bitmap = (from_centre < width * 0.24) & (from_centre > width * 0.09)
    bitmap |= np.hypot(columns - width * 0.5, rows - height * 0.3) < width * 0.06
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    return mask
