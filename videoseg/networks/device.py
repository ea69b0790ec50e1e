"""Where a network runs and in what precision, how much memory is free there, and what ran out."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from videoseg.errors import ModelError, OutOfMemoryError, missing_package

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "transformers")
"""What every network of transformers needs."""
Precision: TypeAlias = Literal["auto", "fp32", "tf32", "bf16", "fp16"]

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"""What allocators say; CUDA has an error class of its own, others do not."""


def need_packages(part: str, packages: Sequence[str], extra: str | None) -> None:
    """Check that the packages are installed which a part cannot do without.

    Args:
        part: What needs them, for the message.
        packages: Their names.
        extra: The extra that brings them.

    Raises:
        MissingDependencyError: They are not; says how to get them.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise missing_package(part, " and ".join(missing), extra=extra)


@dataclass(frozen=True, slots=True)
class Device:
    """A place to compute.

    Attributes:
        torch_device: The device, as torch names it.
        dtype: What weights and activations are kept in there.
    """

    torch_device: torch.device
    dtype: torch.dtype

    @property
    def is_cuda(self) -> bool:
        """Whether work is queued on CUDA streams."""
        return str(self.torch_device.type) == "cuda"

    @property
    def name(self) -> str:
        """For messages: the device and, where it has one, its product name."""
        import torch

        if self.is_cuda:
            return f"{self.torch_device} ({torch.cuda.get_device_name(self.torch_device)})"
        return str(self.torch_device)

    def put(self, values: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Numbers of this machine (an array or nested lists) on the device, without waiting."""
        import torch

        tensor = torch.as_tensor(values, dtype=dtype)
        if not self.is_cuda:
            return tensor.to(self.torch_device)
        return tensor.pin_memory().to(self.torch_device, non_blocking=True)

    def free_bytes(self) -> int:
        """Bytes that may still be allocated: of the GPU's memory, or of this machine's."""
        import torch

        if self.is_cuda:
            free, _ = torch.cuda.mem_get_info(self.torch_device)
            kept = torch.cuda.memory_reserved(self.torch_device)
            return int(free + kept - torch.cuda.memory_allocated(self.torch_device))
        return _free_host_bytes()


def choose(device: str, precision: Precision) -> Device:
    """The device and precision that the settings name; ``auto`` takes the best there is.

    ``tf32`` is float32 of which products are rounded to 10 bits on NVIDIA's GPUs, which is several
    times as fast there; torch can say so only for the whole process. Elsewhere it is ``fp32``.

    Raises:
        ModelError: There is no such device here, or it cannot compute like this.
    """
    import torch

    name = device
    if device == "auto":
        mps = torch.backends.mps.is_available()
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    try:
        chosen = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"device {name!r} is none of auto, cpu, cuda, cuda:1, mps") from error
    _check_there(chosen)
    if precision == "auto":
        if chosen.type == "cuda" and torch.cuda.is_bf16_supported():
            return Device(chosen, torch.bfloat16)
        return Device(chosen, torch.float32)
    if precision == "tf32":
        torch.set_float32_matmul_precision("high")
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    return Device(chosen, kinds.get(precision, torch.float32))


def _check_there(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            built = "" if torch.version.cuda else "; this torch is built without CUDA"
            raise ModelError(f"device {str(device)!r}: no CUDA GPU here{built}; use --device cpu")
        if (device.index or 0) >= count:
            raise ModelError(f"device {str(device)!r}: GPUs here are cuda:0 to cuda:{count - 1}")
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise ModelError("device 'mps': no Apple GPU here; use --device cpu")
    elif device.type not in ("cpu", "mps"):
        raise ModelError(f"device {str(device)!r} is none of auto, cpu, cuda, cuda:1, mps")


def _free_host_bytes() -> int:
    """Memory that new work may take without swapping."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    if sys.platform != "win32":
        with contextlib.suppress(ValueError, OSError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 8 << 30


@contextlib.contextmanager
def memory_errors(device: Device | None) -> Iterator[None]:
    """Within, whatever says that memory ran out becomes ``OutOfMemoryError``.

    Raises:
        OutOfMemoryError: Memory of the device or this machine ran out.
    """
    try:
        yield
    except OutOfMemoryError:
        raise
    except (RuntimeError, MemoryError) as error:
        text = str(error)
        if not isinstance(error, MemoryError) and not any(s in text.lower() for s in _NO_MEMORY):
            raise
        where = device.name if device is not None else "this machine"
        raise OutOfMemoryError(f"not enough memory on {where}") from error


def empty_cache(device: Device) -> None:
    """Give back what the allocator keeps for later."""
    import torch

    if device.is_cuda:
        torch.cuda.empty_cache()


@dataclass(slots=True)
class Lanes:
    """Where work of different kinds is queued, so that none waits for another without need.

    On CUDA: frames go up on one stream, the network runs on the current one, and what was found is
    cut out and comes down on a third, each while the others are at another batch. Elsewhere there
    is one lane, and these contexts do nothing.
    """

    device: Device
    _up: Any = field(init=False, repr=False, default=None)
    _down: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        import torch

        cuda: Any = torch.cuda
        if self.device.is_cuda:
            self._up = cuda.Stream(self.device.torch_device)
            # What is cut out is little work that the caller waits for.
            self._down = cuda.Stream(self.device.torch_device, priority=-1)

    def up(self) -> contextlib.AbstractContextManager[Any]:
        """Queue uploads."""
        return self._on(self._up)

    def down(self) -> contextlib.AbstractContextManager[Any]:
        """Queue what is done with results."""
        return self._on(self._down)

    def mark(self) -> Mark:
        """A place in the queue of the current lane."""
        return Mark.now(self.device)

    def _on(self, stream: Any) -> contextlib.AbstractContextManager[Any]:
        import torch

        return contextlib.nullcontext() if stream is None else torch.cuda.stream(stream)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a lane's queue: passed once all queued before it is done."""

    event: Any
    seconds: float

    @classmethod
    def now(cls, device: Device) -> Mark:
        """The end of the current lane's queue."""
        import torch

        if not device.is_cuda:
            if device.torch_device.type == "mps":
                torch.mps.synchronize()
            return cls(None, time.perf_counter())
        cuda: Any = torch.cuda
        event = cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(device.torch_device))
        return cls(event, 0.0)

    def wait(self) -> None:
        """Let this thread wait until it is passed."""
        if self.event is not None:
            self.event.synchronize()

    def hold(self) -> None:
        """Let the current lane wait until it is passed; this thread goes on."""
        if self.event is not None:
            self.event.wait()

    def since(self, start: Mark) -> float:
        """Seconds between two marks of one lane; both must be passed."""
        if self.event is not None:
            return float(start.event.elapsed_time(self.event)) / 1000
        return self.seconds - start.seconds
