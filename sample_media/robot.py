"""Makes the sample log of a robot again: ``python -m sample_media.robot``.

Two cameras of a robot look at a cat: the head camera sends H.264, the wrist camera the raw mosaic
of its sensor. Stamps are not even, the log is written some milliseconds after them, and the head
camera pauses once. Two topics have no pictures: how the wrist turns, and where its joints are.
Needs the extra ``robotics``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sample_media import clips
from sample_media._drawing import Pose
from sample_media.make import committed
from videoseg.types import Bitmap, RgbImage

LOG = Path(__file__).parent / "robot.mcap"
PHRASE = "the cat"
_START = 1_772_000_000_000_000_000
"""Stamp of the first picture: ns since 1970."""
_NS = 10**9
_JITTER = 0.12
"""Greatest shift of a stamp, in distances of two pictures."""
_LATENCY = (2_000_000, 9_000_000)
"""Nanoseconds from a stamp to the time in the log, least and most."""
_CHUNK = 1 << 17
"""Bytes of a chunk; small, so that a part of the file has several."""
_JOINTS = 50
"""Messages of the robot's joints a second."""
_TURN = 40
"""Messages of joints until the wrist has turned by one more radian."""


@dataclass(frozen=True)
class Camera:
    """A camera of the robot.

    Attributes:
        topic: Where it sends its pictures.
        frame_id: Name of its frame of coordinates.
        clip: What it sees.
        paused: Frames that it did not send.
        seed: Of its stamps.
    """

    topic: str
    frame_id: str
    clip: clips.Clip
    paused: range
    seed: int

    def stamps(self) -> list[int]:
        """When each frame was taken, ns, also those that were not sent."""
        random = np.random.default_rng(self.seed)
        step = _NS / self.clip.frame_rate
        shifts = random.uniform(-_JITTER, _JITTER, self.clip.frame_count)
        return [_START + int(step * (n + 1 + shift)) for n, shift in enumerate(shifts)]

    def frames(self) -> Iterator[tuple[int, RgbImage, Bitmap]]:
        """Stamp, picture and truth of each frame that was sent."""
        for number, (stamp, (image, truth)) in enumerate(
            zip(self.stamps(), clips.frames(self.clip), strict=True)
        ):
            if number not in self.paused:
                yield stamp, image, truth


def cameras() -> tuple[Camera, Camera]:
    """The head camera and the wrist camera."""
    (cat,) = (clip for clip in committed().values() if clip.name == "cat")
    head = replace(cat, name="head", width=480, height=270, frame_rate=Fraction(20), frame_count=60)
    head = replace(head, background=_scaled(cat.background, 0.75))
    wrist = replace(cat, name="wrist", width=320, height=180, frame_rate=Fraction(8))
    wrist = replace(
        wrist,
        frame_count=24,
        background=clips.Layer(
            "chelsea",
            start=Pose(x=142, y=102, scale=0.78, degrees=-3),
            end=Pose(x=164, y=92, scale=0.72, degrees=3),
            sway=(3, 1, 1),
        ),
    )
    return (
        Camera("/head_camera/video", "head_camera", head, paused=range(26, 36), seed=1),
        Camera("/wrist_camera/image_raw", "wrist_camera", wrist, paused=range(0), seed=2),
    )


def write(path: Path) -> None:
    """Write the log."""
    from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
    from foxglove_schemas_protobuf.RawImage_pb2 import RawImage
    from mcap_protobuf.writer import Writer

    head, wrist = cameras()
    messages: list[tuple[int, int, str, Any]] = []
    random = np.random.default_rng(3)
    sent = list(head.frames())
    for (stamp, _, _), unit in zip(sent, _access_units(head.clip, sent), strict=True):
        video = CompressedVideo(frame_id=head.frame_id, data=unit, format="h264")
        messages.append((_logged(stamp, random), stamp, head.topic, video))
    for stamp, image, _ in wrist.frames():
        height, width = image.shape[:2]
        raw = RawImage(
            frame_id=wrist.frame_id,
            width=width,
            height=height,
            step=width,
            encoding="bayer_rggb8",
            data=_mosaic(image),
        )
        messages.append((_logged(stamp, random), stamp, wrist.topic, raw))
    with path.open("wb") as file, Writer(file, chunk_size=_CHUNK) as writer:
        for number, (logged, stamp, topic, message) in enumerate(
            sorted([*messages, *_joints()], key=lambda each: each[0])
        ):
            message.timestamp.FromNanoseconds(stamp)
            writer.write_message(topic, message, logged, stamp, sequence=number)


def _joints() -> Iterator[tuple[int, int, str, Any]]:
    """Topics without pictures: how the wrist turns, and where all joints are."""
    from foxglove_schemas_protobuf.FrameTransform_pb2 import FrameTransform
    from foxglove_schemas_protobuf.JointState_pb2 import JointState
    from foxglove_schemas_protobuf.JointStates_pb2 import JointStates

    for number in range(3 * _JOINTS + 2):  # up to the last picture
        stamp = _START + number * _NS // _JOINTS
        turned = FrameTransform(parent_frame_id="arm", child_frame_id="wrist_camera")
        turned.rotation.z = float(np.sin(number / _TURN))
        turned.rotation.w = float(np.cos(number / _TURN))
        yield stamp + _LATENCY[0], stamp, "/tf", turned
        positions = {"head_pan": float(np.sin(number / _JOINTS)), "wrist_roll": 2 * number / _TURN}
        joints = [JointState(name=name, position=at) for name, at in positions.items()]
        yield stamp + _LATENCY[0], stamp, "/joint_states", JointStates(joints=joints)


def _logged(stamp: int, random: np.random.Generator) -> int:
    return stamp + int(random.integers(*_LATENCY))


def _scaled(layer: clips.Layer, factor: float) -> clips.Layer:
    def smaller(pose: Pose) -> Pose:
        return replace(pose, x=pose.x * factor, y=pose.y * factor, scale=pose.scale * factor)

    return replace(layer, start=smaller(layer.start), end=smaller(layer.end))


def _mosaic(image: RgbImage) -> bytes:
    """What a sensor with a filter of red, green / green, blue would have measured."""
    measured = image[..., 1].copy()
    measured[::2, ::2] = image[::2, ::2, 0]
    measured[1::2, 1::2] = image[1::2, 1::2, 2]
    return measured.tobytes()


def _access_units(clip: clips.Clip, sent: list[tuple[int, RgbImage, Bitmap]]) -> Iterator[bytes]:
    """H.264 as Foxglove asks for it: Annex B, one frame a message, none that waits for others."""
    import av

    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = clip.width, clip.height, "yuv420p"
    encoder.time_base, encoder.framerate = 1 / clip.frame_rate, clip.frame_rate
    encoder.thread_count = 1  # the same bytes on every machine
    encoder.options = {
        "preset": "slow",
        "tune": "zerolatency",
        "crf": "23",
        "x264-params": "keyint=20:scenecut=0:repeat-headers=1:annexb=1:bframes=0:log-level=none",
    }
    for number, (_, image, _) in enumerate(sent):
        frame = av.VideoFrame.from_ndarray(image).reformat(
            format="yuv420p", dst_colorspace=5, dst_color_range=1
        )
        frame.pts = number
        for packet in encoder.encode(frame):
            yield bytes(packet)


if __name__ == "__main__":
    write(LOG)
