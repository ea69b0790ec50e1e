"""What was freed is given back to the system."""

from __future__ import annotations

import mmap
import platform
import threading
from pathlib import Path

from videoseg.system import free_memory

KEPT: list[bytearray] = []


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * mmap.PAGESIZE


def scattered() -> None:
    """Fill the heap of this thread, and free nearly all of it, but not its end."""
    blocks = [bytearray(b"x" * 100_000) for _ in range(1000)]
    KEPT.extend(blocks[::100])
    KEPT.append(blocks[-1])


def test_memory_between_what_is_still_used_is_given_back() -> None:
    thread = threading.Thread(target=scattered)
    thread.start()
    thread.join()
    try:
        if platform.libc_ver()[0] == "glibc":
            before = resident()
            free_memory.give_back()
            assert before - resident() > 50_000_000
        else:
            free_memory.give_back()
    finally:
        KEPT.clear()
