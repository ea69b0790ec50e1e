"""Many inputs on many machines, with Ray: whoever has a model answers, the rest is as everywhere.

Three kinds of actors. *Workers* hold a model each and answer ranges (``jobs.ranges``), or a whole
input where the model remembers. *Runs* do all else of an input: decode, track, smooth, write; where
an input or an output is on this machine they are here, too. The *desk* lends workers to runs, first
come, first served, and passes on what they have to say.

Whatever dies is made again. A range is asked three times at most, then its input has failed, alone;
a run that died goes on from what it had noted.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from videoseg.errors import OutputError, missing_package
from videoseg.jobs.batch import Outcome, Task
from videoseg.jobs.cluster_actors import (
    ATTEMPTS,
    LOOK_EVERY,
    NAMESPACE,
    Desk,
    InputRun,
    Worker,
    first_line,
)
from videoseg.jobs.processes import Failure, Said
from videoseg.jobs.workers import News, at_once
from videoseg.system.addresses import is_stored
from videoseg.system.workers import core_count

LOCAL = "local"
_PATIENCE = 60.0
"""Seconds after which it is said that the cluster has no room."""

_KNOCKS = 5.0
"""Seconds to wait for an address."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, and what is wanted of it.

    Attributes:
        address: As ``ray.init`` takes it: ``auto``, ``host:port``; ``local``: processes of this
            machine, without Ray.
        workers: Models at work at the same time; None: as many as there is room for.
        gpus: GPUs, or a part of one, for each of them.
        cpus: Cores for each of them.
    """

    address: str
    workers: int | None = None
    gpus: float = 0.0
    cpus: float = 1.0


def on_cluster(
    tasks: Sequence[Task], cluster: Cluster, on_news: Callable[[News], None]
) -> Generator[Outcome, None, None]:
    """Do tasks on a cluster; yields outcomes as they come.

    Raises:
        ConfigError, MissingDependencyError: What would fail for every input; Ray is not installed.
        OutputError: The cluster cannot be reached.
    """
    if cluster.address == LOCAL:
        count = min(cluster.workers or core_count(), len(tasks))
        yield from at_once(tasks, max(1, count), on_news, cluster.gpus)
        return
    with _connected(cluster.address) as ray:
        crew = _Staff(ray, cluster, len(tasks))
        try:
            yield from crew.work(tasks, on_news)
        finally:
            crew.dismiss()


def status(address: str) -> dict[str, Any]:
    """What a cluster has, and what runs of videoseg are on it.

    Raises:
        MissingDependencyError: Ray is not installed.
        OutputError: The cluster cannot be reached.
    """
    with _connected(address) as ray:
        nodes = [node for node in ray.nodes() if node["Alive"]]
        names = [each["name"] for each in ray.util.list_named_actors(all_namespaces=True)]
        runs = {}
        for name in names:
            if name.startswith("desk-"):
                desk = ray.get_actor(name, namespace=NAMESPACE)
                with suppress(ray.exceptions.RayError):
                    runs[name.removeprefix("desk-")] = ray.get(desk.counts.remote(), timeout=10)
        return {
            "nodes": [_node(node) for node in nodes],
            "free": _resources(ray.available_resources()),
            "runs": runs,
        }


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    return {"address": node["NodeManagerAddress"], **_resources(node["Resources"])}


def _resources(found: Mapping[str, float]) -> dict[str, float]:
    return {"cpus": found.get("CPU", 0.0), "gpus": found.get("GPU", 0.0)}


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster; a connection that was there stays."""
    try:
        import ray
    except ImportError as error:
        raise missing_package("--cluster", "ray", extra="cluster") from error
    if ray.is_initialized():
        yield ray
        return
    try:
        _knock(address)
        ray.init(
            address=address,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
        )
    except (OSError, RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise OutputError(
            f"--cluster {address}: cannot be reached ({text}); `ray start --head` begins one, and "
            "`ray status` says whether it is there"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Look whether somebody is at an address at all; Ray would wait for minutes.

    Raises:
        OSError: Nobody is.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_KNOCKS).close()


class _Staff:
    """The actors of one command, and its tasks."""

    def __init__(self, ray: Any, cluster: Cluster, tasks: int) -> None:
        self._ray = ray
        self._said = Said()
        self._name = f"desk-{uuid.uuid4().hex}"
        desk = ray.remote(max_concurrency=1000, num_cpus=0)(Desk)
        self._desk = desk.options(
            name=self._name, namespace=NAMESPACE, scheduling_strategy=self._here()
        ).remote()
        count = cluster.workers or self._room(cluster)
        worker = ray.remote(
            num_cpus=cluster.cpus,
            num_gpus=cluster.gpus,
            max_restarts=-1,
            scheduling_strategy="SPREAD",
        )(Worker)
        self._workers = [worker.remote(self._name, os.getcwd()) for _ in range(count)]
        ray.get(self._desk.employ.remote(self._workers))
        self._runs: dict[Any, tuple[Any, bool, Task, int]] = {}
        self._idle: dict[bool, list[Any]] = {False: [], True: []}
        self._most = min(tasks, max(2, count))

    def _room(self, cluster: Cluster) -> int:
        """How many workers there is room for."""
        has = _resources(self._ray.cluster_resources())
        by_cpus = has["cpus"] / cluster.cpus if cluster.cpus else float("inf")
        by_gpus = has["gpus"] / cluster.gpus if cluster.gpus else float("inf")
        return max(1, int(min(by_cpus, by_gpus)))

    def _here(self) -> Any:
        """Where this process is."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node = self._ray.get_runtime_context().get_node_id()
        return NodeAffinitySchedulingStrategy(node, soft=False)

    def work(
        self, tasks: Sequence[Task], on_news: Callable[[News], None]
    ) -> Generator[Outcome, None, None]:
        """Do the tasks.

        Raises:
            VideosegError: What would fail for every input.
        """
        waiting, begun, warned = deque(tasks), time.monotonic(), False
        while waiting or self._runs:
            while waiting and len(self._runs) < self._most:
                self._begin(waiting.popleft(), 1)
            ready, _ = self._ray.wait(list(self._runs), timeout=LOOK_EVERY)
            for ended in ready:
                outcome = self._ended(ended)
                if outcome is not None:
                    yield outcome
            self._hear(on_news)
            if not warned and time.monotonic() - begun > _PATIENCE:
                warned = True
                if not self._counts()["workers"]:
                    _log.warning("no worker has begun: `ray status` says what the cluster lacks")
        again = self._counts()["asked_again"]
        if again:
            _log.warning("ranges that were asked again, since a worker failed or died: %d", again)

    def _begin(self, task: Task, number: int) -> None:
        elsewhere = is_stored(task.location) and is_stored(str(task.out))
        run = self._run_process(elsewhere)
        again = replace(task, resume=True) if number > 1 else task
        self._runs[run.do.remote(again, len(self._workers))] = (run, elsewhere, task, number)

    def _run_process(self, elsewhere: bool) -> Any:
        """Who does an input, on any machine or on this one: one that is idle, or a new one."""
        if self._idle[elsewhere]:
            return self._idle[elsewhere].pop()
        where = "SPREAD" if elsewhere else self._here()
        run = self._ray.remote(num_cpus=0, scheduling_strategy=where)(InputRun)
        return run.remote(self._name, os.getcwd())

    def _ended(self, ref: Any) -> Outcome | None:
        """What became of a run; None where it is begun once more."""
        run, elsewhere, task, number = self._runs.pop(ref)
        try:
            ended: Outcome | Failure = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._ray.get(self._desk.forget.remote(_name_of(run)))
            if number < ATTEMPTS:
                self._begin(task, number + 1)
                return None
            return Outcome(task, "failed", 0.0, reason=f"its process died ({first_line(error)})")
        self._idle[elsewhere].append(run)
        if isinstance(ended, Failure):
            ended.reraise()
            raise AssertionError
        return replace(ended, task=task)

    def _hear(self, on_news: Callable[[News], None]) -> None:
        for each in self._ray.get(self._desk.heard.remote()):
            if isinstance(each, News):
                on_news(each)
            else:
                self._said.show(each)

    def _counts(self) -> Mapping[str, int]:
        found: Mapping[str, int] = self._ray.get(self._desk.counts.remote())
        return found

    def dismiss(self) -> None:
        """End all actors."""
        runs = [each[0] for each in self._runs.values()] + self._idle[False] + self._idle[True]
        for actor in (*runs, *self._workers, self._desk):
            with suppress(Exception):
                self._ray.kill(actor)


def _name_of(actor: Any) -> str:
    return str(actor._actor_id.hex())
