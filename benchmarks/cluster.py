"""Clips on two Ray nodes of this machine, by one worker and by several, with a model that sleeps.

    python -m benchmarks.cluster [--clips N] [--frames N] [--seconds S] [--workers 1 2 4]
    python -m benchmarks.cluster --memory --frames 100000
    python -m benchmarks.cluster --beside-jobs --clips 20 --frames 32

The model sleeps before each answer, so that what is measured is how well work is shared out and not
how many cores there are. Files must be those of a run without a cluster. ``--memory`` follows the
resident memory of all processes over one clip. ``--beside-jobs`` compares a cluster with ``--jobs``
on this machine, with the same number of workers. Needs videoseg[cluster].
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.kill_resume import contents
from tests.support.media import clip
from tests.support.places import ROOT
from tests.support.plug_ins import install_models
from videoseg import load_config
from videoseg.jobs.batch import Task
from videoseg.jobs.cluster import LOCAL, Cluster, on_cluster
from videoseg.jobs.workers import News
from videoseg.prompts import as_prompts


def main() -> int:
    """Measure and print; 1 where results differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--frames", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=0.2, help="time for a frame")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--memory", action="store_true", help="of one clip, as it goes")
    parser.add_argument("--beside-jobs", action="store_true", help="with two workers each")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.memory:
            return _memory(folder, given.frames, given.seconds)
        for number in range(given.clips):
            shutil.copy(clip(frames=given.frames), folder / f"{number}.mp4")
        if given.beside_jobs:
            return _beside_jobs(folder, given.clips, given.seconds)
        one = _tasks(folder, folder / "one", given.clips, 0.0)
        for _ in on_cluster(one, Cluster("local", 1), lambda _: None):
            pass
        with _nodes(max(given.workers)) as address:
            return _compare(folder, address, given.workers, given.clips, given.seconds)


def _compare(folder: Path, address: str, workers: Sequence[int], clips: int, seconds: float) -> int:
    expected = [contents(folder / "one" / str(number)) for number in range(clips)]
    first, same = 0.0, True
    for count in workers:
        out = folder / f"out-{count}"
        begun = time.perf_counter()
        tasks = _tasks(folder, out, clips, seconds)
        ends = list(on_cluster(tasks, Cluster(address, count), lambda _: None))
        spent = time.perf_counter() - begun
        first = first or spent
        made = [contents(out / str(number)) for number in range(clips)]
        same &= made == expected and all(each.state == "done" for each in ends)
        print(f"{count} workers: {spent:.1f} s, {first / spent:.2f} times; {_most_memory()} here")
    print("the same files" if same else "files that differ")
    return 0 if same else 1


def _beside_jobs(folder: Path, clips: int, seconds: float) -> int:
    """Two processes of ``--jobs``, then two workers of a cluster; their start is counted."""
    spent = []
    with _nodes(2) as address:
        for where in (LOCAL, address):
            tasks = _tasks(folder, folder / where.replace(":", "-"), clips, seconds)
            begun = time.perf_counter()
            ends = list(on_cluster(tasks, Cluster(where, 2), lambda _: None))
            spent.append(time.perf_counter() - begun)
            print(f"{where}: {spent[-1]:.1f} s", flush=True)
            if any(each.state != "done" for each in ends):
                return 1
    print(f"the cluster takes {spent[1] / spent[0]:.3f} of the time")
    return 0


def _memory(folder: Path, frames: int, seconds: float) -> int:
    """Resident memory of all processes while one clip is answered by two workers."""
    shutil.copy(clip(frames=frames), folder / "0.mp4")
    settings = [f"models.slow.seconds={seconds}"]
    config = load_config(flags={"model": "slow", "write": ["measurements"]}, assignments=settings)
    task = Task(str(folder / "0.mp4"), folder / "out", as_prompts("red"), config)
    shown = 0

    def look(news: News) -> None:
        nonlocal shown
        if news.frames >= shown:
            shown = news.frames + frames // 25
            kept = ", ".join(f"{name} {most}" for name, most in _resident().items())
            print(f"frame {news.frames}: MiB: {kept}", flush=True)

    with _nodes(2) as address:
        (end,) = on_cluster([task], Cluster(address, 2), look)
    print(end.state, end.reason)
    return 0 if end.state == "done" else 1


def _resident() -> dict[str, int]:
    """Resident memory, MiB, of this process and of the actors that it has begun."""
    found = {"command": _mebibytes(Path("/proc/self"))}
    mine = os.environ["PYTHONPATH"].encode()
    for each in sorted(Path("/proc").glob("[0-9]*"), key=lambda each: int(each.name)):
        with suppress(OSError):
            title = (each / "cmdline").read_bytes().partition(b"\0")[0].decode()
            if title.startswith("ray::") and mine in (each / "environ").read_bytes():
                name = title.removeprefix("ray::").partition(".")[0]
                if name in ("Desk", "Worker", "InputRun"):
                    found[f"{name} {each.name}"] = _mebibytes(each)
    return found


def _mebibytes(process: Path) -> int:
    lines = (process / "status").read_text().splitlines()
    return int(next(each for each in lines if each.startswith("VmRSS")).split()[1]) // 1024


def _most_memory() -> str:
    """What this process has needed at most so far."""
    if sys.platform == "win32":
        return "unknown"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB"


def _tasks(folder: Path, out: Path, clips: int, seconds: float) -> list[Task]:
    settings = [f"models.slow.seconds={seconds}"]
    config = load_config(flags={"model": "slow", "write": ["svg"]}, assignments=settings)
    places = [(folder / f"{number}.mp4", out / str(number)) for number in range(clips)]
    return [Task(str(film), there, as_prompts("red"), config) for film, there in places]


@contextmanager
def _nodes(cpus: int) -> Iterator[str]:
    """Two nodes on which the model is installed; gives their address."""
    from ray.cluster_utils import Cluster as Nodes

    node: dict[str, Any] = {"num_cpus": (cpus + 1) // 2, "object_store_memory": 80 << 20}
    nodes = Nodes(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    nodes.add_node(**node)
    try:
        yield nodes.address
    finally:
        nodes.shutdown()


def _install() -> None:
    """Make the model known to all processes that this one begins."""
    folder = Path(tempfile.mkdtemp())
    install_models(folder)
    sys.path.insert(0, str(folder))
    path = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


if __name__ == "__main__":
    _install()
    sys.exit(main())
