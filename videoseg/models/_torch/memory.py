"""Memories of the SAM 2 kind: networks that follow objects through a stream, frame after frame.

One ``VideoSegmenter`` over ``Sam2VideoModel``, ``Sam3TrackerVideoModel`` and ``EdgeTamVideoModel``
of transformers. An object comes in as a mask, which the network takes as the truth on that frame
(a conditioning frame); on the others it attends to conditioning frames and to its last few answers.
transformers keeps all of them for ever; here what no later frame reads is let go after each step,
so that what is held does not grow with the stream.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt, Le
from typing_extensions import Doc

from videoseg.models._torch import float8
from videoseg.models._torch.answers import Answer, Candidates, Group
from videoseg.models._torch.images import Colours, Placement, Uploader, squeezed
from videoseg.models._torch.model import TorchSegmenter
from videoseg.models._torch.precision import precise_prompts
from videoseg.models._torch.promptable import GONE, coverage
from videoseg.networks import weights
from videoseg.networks.device import Device, memory_errors
from videoseg.protocols import VideoSegmenter
from videoseg.types import Detections, Frame, Instance, Mask, Prompt
from videoseg.types.snapshot import Snapshot, joined, parted

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)
MEMORY = "memory_attention"
"""The part of a network without which it follows nothing."""
_LAST_CONDITIONING = 3
"""Conditioning frames of an object that are kept beside its first one."""
_KINDS = ("cond_frame_outputs", "non_cond_frame_outputs")
"""Where a session keeps what it found: on conditioning frames, and on the others."""
_KEPT = ("maskmem_features", "object_pointer", "object_score_logits")
"""What later frames read of a frame, beside the code of places, which is the same for all."""


def load_memory(name: str, folder: Path, device: Device) -> Any:
    """The network of one of transformers' classes for video, by its name.

    Raises:
        ModelError: The weights are not those of such a network.
        OutOfMemoryError: They do not fit.
    """
    import transformers

    network = weights.load(getattr(transformers, name), folder, device)
    precise_prompts(network, device.dtype)
    network._use_mask_as_output = _with_whole_scores(network._use_mask_as_output)
    return network


def _with_whole_scores(take: Any) -> Any:
    """EdgeTAM's network gives the score of a given mask in one dimension less than of a found one.

    (transformers 5.24; then two objects of which one is given cannot be put together.)
    """

    def taken(*given: Any, **named: Any) -> Any:
        made = take(*given, **named)
        if made.object_score_logits.ndim == 2:
            made.object_score_logits = made.object_score_logits.unsqueeze(-1)
        return made

    return taken


@dataclass
class RememberingSegmenter(TorchSegmenter):
    """A model that follows objects by such a network, if its weights hold one."""

    memory_class_name: ClassVar[str]
    memory_colours: ClassVar[Colours]

    fp8: Annotated[
        bool, Doc("multiply matrices of the backbone in 8 bits; refused where masks change")
    ] = False
    fp8_agreement: Annotated[
        float, Doc("IoU that masks in 8 bits have at least with those before"), Gt(0), Le(1)
    ] = 0.95

    _memory: Any = field(init=False, repr=False, default=None)

    def video_segmenter(self) -> VideoSegmenter | None:
        """A memory for one stream; None where the weights have none.

        Raises:
            MissingDependencyError: Weights or packages are missing.
            ModelError: The weights are not right.
        """
        lanes = self._load()
        if self._memory is None:
            if not weights.holds(self._fetched(), MEMORY):
                return None
            encoder = self._vision_encoder()
            self._memory = load_memory(self.memory_class_name, self._fetched(), lanes.device)
            self._memory.vision_encoder = encoder
        return NetworkMemory(
            self.card.name, self._memory, Uploader(lanes), self.memory_colours, self.keep_logits
        )

    def _finish_loading(self, device: Device) -> None:
        """Go over to 8 bits, if that is asked for.

        Raises:
            ModelError: The device cannot, or masks on the known picture are others then.
        """
        if not self.fp8:
            return
        import torch

        try:
            float8.need_float8(device)
            with torch.compiler.set_stance("force_eager"):
                before = float8.known_answers(self)
                count = float8.take_float8(self._heavy())
                self._features.clear()
                self._seen = ()
                after = float8.known_answers(self)
            name = self.card.name
            agreement = float8.check_agreement(name, before, after, self.fp8_agreement)
        except BaseException:
            self.close()
            raise
        _log.warning("%s: %d layers in 8 bits, masks agree to %.3f", name, count, agreement)

    def _heavy(self) -> Sequence[Any]:
        """Parts of the network that take most time, and that see no coordinates."""
        return (self._vision_encoder(),)

    def _vision_encoder(self) -> Any:
        """The encoder of the network for marks, which the memory shares."""
        raise NotImplementedError

    def _drop(self) -> None:
        self._memory = None


@dataclass(slots=True)
class NetworkMemory:
    """A ``VideoSegmenter``: objects in the memory of such a network, for one stream.

    Attributes:
        name: Name of the model, for messages.
        network: The network, which several streams may share.
        uploader: Brings frames to its device.
        colours: Mean and deviation that it expects.
        keep_logits: Whether masks keep how sure the network is of every pixel.
    """

    name: str
    network: Any
    uploader: Uploader
    colours: Colours
    keep_logits: bool = False
    _prompts: tuple[Prompt, ...] = field(init=False, repr=False, default=())
    _objects: list[tuple[int, int | None]] = field(init=False, repr=False, default_factory=list)
    _session: Any = field(init=False, repr=False, default=None)
    _time: int = field(init=False, repr=False, default=0)
    _code: torch.Tensor | None = field(init=False, repr=False, default=None)

    def start(self, prompts: Sequence[Prompt]) -> None:
        self.finish()
        self._prompts = tuple(prompts)

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        import torch

        given = detections.instances if detections is not None else ()
        if not given and not self._objects:
            return Detections(frame.stream, frame.index)
        device = self.uploader.lanes.device
        if self._session is None:
            self._session = self._new_session(frame)
        with torch.inference_mode(), memory_errors(device):
            begun = self.uploader.lanes.mark()
            images = self.uploader.upload([frame])
            side = int(self.network.prompt_encoder.input_image_size)
            pixels, placement = squeezed(images, side, side, self.colours, device)
            self._take(given, side)
            made = self.network(self._session, frame=pixels[0], frame_idx=self._time)
            self._prune()
            self._time += 1
            known = {(one.prompt, one.object_id) for one in given}
            wanted = [n for n, key in enumerate(self._objects) if key not in known]
            prompts = tuple(self._prompts[prompt] for prompt, _ in self._objects)
            group = Group((0,), prompts, tuple(_candidates(made, wanted, placement)))
            answer = Answer(
                self.name, (frame,), (group,), self.uploader.lanes, begun, self.keep_logits
            )
        (found,) = answer.result()
        followed = tuple(self._named(one) for one in found.instances)
        return Detections(frame.stream, frame.index, given + followed)

    def reset(self) -> None:
        if self._session is not None:
            for outputs in self._session.output_dict_per_obj.values():
                outputs["non_cond_frame_outputs"].clear()

    def finish(self) -> None:
        self._session, self._code, self._time = None, None, 0
        self._objects = []

    def snapshot(self) -> Snapshot:
        if self._session is None:
            return {}
        assert self._code is not None  # noqa: S101
        states: dict[str, Snapshot] = {
            "all": {"time": np.array(self._time), "code": _as_array(self._code)},
        }
        for place, (prompt, object_id) in enumerate(self._objects):
            number = -1 if object_id is None else object_id
            states[f"object {place}"] = {"key": np.array([prompt, number])}
        for place, outputs in self._session.output_dict_per_obj.items():
            for kind in _KINDS:
                for time, output in outputs[kind].items():
                    states[f"{place}:{kind}:{time}"] = {
                        name: _as_array(output[name]) for name in _KEPT if name in output
                    }
        return joined(states)

    def restore(self, state: Snapshot, last: Frame) -> None:
        self.finish()
        parts = parted(state)
        if not parts:
            return
        common = parts.pop("all")
        self._session = self._new_session(last)
        self._time, self._code = int(common["time"]), self._as_tensor(common["code"])
        for name, part in parts.items():
            if name.startswith("object "):
                prompt, number = (int(value) for value in part["key"])
                self._objects.append((prompt, None if number < 0 else number))
                self._session.obj_id_to_idx(len(self._objects) - 1)
                continue
            place, kind, time = name.split(":")
            output = {key: self._as_tensor(value) for key, value in part.items()}
            if "maskmem_features" in output:
                output["maskmem_pos_enc"] = self._code
            self._session.output_dict_per_obj[int(place)][kind][int(time)] = output

    def _new_session(self, frame: Frame) -> Any:
        device = self.uploader.lanes.device
        name = type(self.network).__name__.removesuffix("Model") + "InferenceSession"
        height, width = frame.image.shape[:2]
        return getattr(sys.modules[type(self.network).__module__], name)(
            video_height=height,
            video_width=width,
            inference_device=device.torch_device,
            inference_state_device=device.torch_device,
            video_storage_device=device.torch_device,
            dtype=device.dtype,
        )

    def _take(self, given: Sequence[Instance], side: int) -> None:
        """Note how objects lie on the frame of this step, new ones and corrections."""
        numbers = []
        for one in given:
            key = (one.prompt, one.object_id)
            if key not in self._objects:
                self._objects.append(key)
            number = self._objects.index(key)
            numbers.append(number)
            place = self._session.obj_id_to_idx(number)
            self._session.add_mask_inputs(place, self._time, self._as_input(one.mask, side))
        self._session.obj_with_new_inputs = numbers

    def _as_input(self, mask: Mask, side: int) -> torch.Tensor:
        """A mask as the network takes it: (1, 1, side, side) of zeros and ones."""
        import torch

        covered = coverage(mask, (side, side), self.uploader.lanes.device)
        # One that is too thin for the network's own pixels is still there.
        least = torch.minimum(covered.amax(), covered.new_tensor(0.5))
        return (covered >= least).to(torch.float32)

    def _prune(self) -> None:
        """Let go of what no later frame reads."""
        session, now = self._session, self._time
        session.processed_frames.clear()
        session.cache.clear_all()
        for place, outputs in session.output_dict_per_obj.items():
            session.mask_inputs_per_obj[place].clear()
            session.frames_tracked_per_obj[place].clear()
            given, found = (outputs[kind] for kind in _KINDS)
            for time in sorted(given)[1:-_LAST_CONDITIONING]:
                del given[time]
            config = self.network.config
            for time in [t for t in found if t < now + 2 - config.max_object_pointers_in_encoder]:
                del found[time]
            for time, output in found.items():
                if time < now + 2 - config.num_maskmem:
                    output.pop("maskmem_features", None)
                    output.pop("maskmem_pos_enc", None)
            for output in (given.get(now), found.get(now)):
                if output is not None:
                    self._thin(output)

    def _thin(self, output: dict[str, Any]) -> None:
        """Keep of a frame's output what later frames read, and nothing of other objects."""
        if self._code is None:
            self._code = output["maskmem_pos_enc"].clone()
        for name in [name for name in output if name not in _KEPT]:
            del output[name]
        output["maskmem_pos_enc"] = self._code
        # A part of a tensor of all objects would keep the whole of it.
        output["maskmem_features"] = output["maskmem_features"].clone()

    def _named(self, found: Instance) -> Instance:
        prompt, object_id = self._objects[found.prompt]
        return replace(found, prompt=prompt, object_id=object_id)

    def _as_tensor(self, array: Any) -> torch.Tensor:
        import torch

        tensor = self.uploader.lanes.device.put(array)
        return tensor.view(torch.bfloat16) if tensor.dtype == torch.uint16 else tensor


def _candidates(made: Any, wanted: Sequence[int], placement: Placement) -> Iterator[Candidates]:
    """The mask of each wanted object, which counts where the object is visible."""
    visible = made.object_score_logits.float().flatten()
    for place in wanted:
        score = visible[place].view(1, 1)
        yield Candidates(
            place,
            made.pred_masks[place][None],
            score.sigmoid().where(score > 0, GONE),
            placement,
        )


def _as_array(tensor: torch.Tensor) -> Any:
    """A tensor on this machine; numpy has no bfloat16, its bits are kept as uint16."""
    import torch

    held = tensor.detach().cpu()
    return (held.view(torch.uint16) if held.dtype == torch.bfloat16 else held).numpy()
