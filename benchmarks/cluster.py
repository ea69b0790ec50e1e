"""Clips on two Ray nodes of this machine, by one worker and by several, with a model that sleeps.

    python -m benchmarks.cluster [--clips N] [--frames N] [--seconds S] [--workers 1 2 4]

The model sleeps before each answer, so that what is measured is how well work is shared out and not
how many cores there are. Files must be those of a run without a cluster. Needs videoseg[cluster].
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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.kill_resume import contents
from tests.support.media import clip
from tests.support.places import ROOT
from tests.support.plug_ins import install_models
from videoseg import load_config
from videoseg.jobs.batch import Task
from videoseg.jobs.cluster import Cluster, on_cluster
from videoseg.prompts import as_prompts


def main() -> int:
    """Measure and print; 1 where results differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--frames", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=0.2, help="time for a frame")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(given.clips):
            shutil.copy(clip(frames=given.frames), folder / f"{number}.mp4")
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
