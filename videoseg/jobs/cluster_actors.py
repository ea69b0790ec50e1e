"""The actors of a run on a cluster: the desk, the workers, and the runs (``jobs.cluster``).

This file and ``jobs/cluster.py`` alone know Ray, which is imported where it runs already.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import os
import pickle
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

from videoseg import registry
from videoseg.config.run_config import RunConfig
from videoseg.errors import ConfigError, MissingDependencyError, ModelError, UnknownPhraseError
from videoseg.jobs.batch import OnFrame, Outcome, Task, attempt, failed
from videoseg.jobs.job import Job
from videoseg.jobs.processes import Failure, Forwarding
from videoseg.jobs.ranges import Answerer, AnswerRange, AskedRun, Loaded
from videoseg.jobs.workers import News
from videoseg.pipeline import Tally
from videoseg.protocols import Segmenter

NAMESPACE = "videoseg"
ATTEMPTS = 3
"""How often a range, or a run whose process died, is begun at most."""
_PIECE = 8
"""Lines of the log that travel together."""
_PIECES_AHEAD = 16
"""Pieces that a worker is ahead of whom it answers."""
_MOST_AHEAD = 32
"""Ranges of one input that are under way at most."""
LOOK_EVERY = 0.25
"""Seconds between two looks at how far the runs are."""
_FOR_ALL = (ConfigError, MissingDependencyError, UnknownPhraseError)


class Desk:
    """Lends workers to runs, first come, first served, and keeps what they say until it is heard.

    Who asks for a worker that has answered about the same input before gets that one if it is free.
    """

    def __init__(self) -> None:
        self._workers: list[Any] = []
        self._free: dict[int, str] = {}
        self._lent: dict[int, str] = {}
        self._asking: deque[tuple[str, str, asyncio.Future[int]]] = deque()
        self._heard: deque[News | logging.LogRecord] = deque(maxlen=10_000)
        self._counts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def employ(self, workers: Sequence[Any]) -> None:
        """Take in workers, each as soon as it lives."""
        self._workers = list(workers)
        for number in range(len(workers)):
            self._welcome(number)

    async def borrow(self, run: str, about: str) -> tuple[int, Any]:
        """Wait for a worker; gives its number, too."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asking.append((run, about, future))
        self._lend()
        number = await future
        return number, self._workers[number]

    async def give_back(self, number: int, about: str, *, failed: bool, died: bool) -> None:
        """Take a worker back; one that has died is waited for."""
        self._lent.pop(number, None)
        self._counts["ranges"] += not failed
        self._counts["asked_again"] += failed
        if died:
            self._counts["deaths"] += 1
            self._welcome(number)
        else:
            self._free[number] = about
            self._lend()

    async def forget(self, run: str) -> None:
        """A run has died: what it had asked for, and the workers that answer it, begin anew."""
        import ray

        self._asking = deque(each for each in self._asking if each[0] != run)
        for number in [number for number, by in self._lent.items() if by == run]:
            del self._lent[number]
            ray.kill(self._workers[number], no_restart=False)
            self._welcome(number)

    async def tell(self, said: News | logging.LogRecord) -> None:
        """Keep what a run or a worker has to say."""
        self._heard.append(said)

    async def heard(self) -> list[News | logging.LogRecord]:
        """What was said since the last time."""
        heard, self._heard = list(self._heard), deque(maxlen=10_000)
        return heard

    async def counts(self) -> dict[str, int]:
        """Workers that live, those at work, ranges that were answered, and asked again, deaths."""
        alive = len(self._free) + len(self._lent)
        counted = {name: self._counts[name] for name in ("ranges", "asked_again", "deaths")}
        return {"workers": alive, "busy": len(self._lent), "waiting": len(self._asking), **counted}

    def _welcome(self, number: int) -> None:
        task = asyncio.get_running_loop().create_task(self._await(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _await(self, number: int) -> None:
        import ray

        while True:
            try:
                await self._workers[number].lives.remote()
                break
            except ray.exceptions.RayError:
                await asyncio.sleep(0.5)
        self._free[number] = ""
        self._lend()

    def _lend(self) -> None:
        while self._free and self._asking:
            run, about, future = self._asking.popleft()
            if future.done():
                continue
            known = (number for number, last in self._free.items() if last == about)
            number = next(known, next(iter(self._free)))
            del self._free[number]
            self._lent[number] = run
            future.set_result(number)


class Worker:
    """Holds a model and answers about one input after another."""

    def __init__(self, desk: str, folder: str) -> None:
        _begin(_desk(desk), folder)
        self._config: RunConfig | None = None
        self._model: Segmenter | None = None
        self._asked = b""
        self._answerer: Answerer | None = None

    def lives(self) -> bool:
        """It does."""
        return True

    def loaded(self, run: AskedRun) -> Loaded | Failure:
        """Load the model; gives what it has to say of the prompts."""
        try:
            return self._ready(run).loaded
        except (Exception, SystemExit) as error:  # a plug-in may call sys.exit
            self._let_go()
            return Failure.of(error)

    def answer(self, run: AskedRun, asked: AnswerRange) -> Iterator[list[str] | Failure]:
        """The lines of a range in pieces; an error in its place."""
        try:
            lines = self._ready(run).answer(asked)
            while piece := list(itertools.islice(lines, _PIECE)):
                yield piece
        except (Exception, SystemExit) as error:  # as above
            self._let_go()
            yield Failure.of(error)

    def _ready(self, run: AskedRun) -> Answerer:
        asked = pickle.dumps(run)  # marks have arrays, which do not compare
        if self._answerer is not None and self._asked == asked and not run.in_one_go:
            return self._answerer
        if self._answerer is not None:
            self._answerer.__exit__()
            self._answerer = None
        if self._model is None or self._config != run.config:
            self._let_go()
            self._model = run.config.part("models", run.config.run.model)
            self._config = run.config
        self._answerer, self._asked = Answerer(run, self._model), asked
        return self._answerer

    def _let_go(self) -> None:
        if self._answerer is not None:
            self._answerer.__exit__()
        if self._model is not None:
            registry.release(self._model, "the model")
        self._answerer = self._model = self._config = None


class InputRun:
    """Does all of an input but what workers answer."""

    def __init__(self, desk: str, folder: str) -> None:
        self._desk = _desk(desk)
        _begin(self._desk, folder)

    def do(self, task: Task, workers: int) -> Outcome | Failure:
        """Do a task; what is wrong with its input alone becomes its outcome."""
        begun = time.perf_counter()
        try:
            crew = functools.partial(_Borrowed, self._desk, workers)
            return attempt(task, self._telling(task), crew=crew)
        except _FOR_ALL as error:
            return Failure.of(error)
        except (Exception, SystemExit) as error:  # a plug-in may call sys.exit
            return failed(task, begun, error)

    def _telling(self, task: Task) -> Callable[[Job], AbstractContextManager[OnFrame]]:
        @contextmanager
        def watch(job: Job) -> Iterator[OnFrame]:
            last = 0.0

            def tell(tally: Tally) -> None:
                nonlocal last
                if time.monotonic() - last >= LOOK_EVERY:
                    last = time.monotonic()
                    self._desk.tell.remote(News(task, tally.frames, job.frame_count))

            yield tell

        return watch


def _desk(name: str) -> Any:
    import ray

    return ray.get_actor(name, namespace=NAMESPACE)


def _begin(desk: Any, folder: str) -> None:
    """Show what is logged where the command was given, and be there, if the folder is here, too."""
    if os.path.isdir(folder):
        os.chdir(folder)
    handler = Forwarding(lambda record: desk.tell.remote(record))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


class _Borrowed(AbstractContextManager["_Borrowed"]):
    """The workers that answer a run (``ranges.Crew``), each borrowed for a range.

    Attributes:
        ahead: Ranges that are handed over beyond the one whose answers are taken.
    """

    def __init__(self, desk: Any, workers: int, run: AskedRun) -> None:
        import ray

        self.ahead = 0 if run.in_one_go else min(2 * workers, _MOST_AHEAD)
        self._ray = ray
        self._desk = desk
        self._run = run
        self._me = str(ray.get_runtime_context().get_actor_id())
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def loaded(self) -> Loaded:
        """Wait until a model is loaded; what it has to say of the prompts."""
        lines = _Pieces(0)

        def ask(worker: Any) -> Iterator[Any]:
            yield self._ray.get(worker.loaded.remote(self._run))

        self._fetch(lines, ask)
        for said in lines.items():
            assert isinstance(said, Loaded)  # noqa: S101
            return said
        raise ModelError("a worker has said nothing")

    def begin(self, asked: AnswerRange) -> Iterator[str]:
        """Have a range answered, and return at once; iterating waits for the lines."""
        pieces = _Pieces(_PIECES_AHEAD if self._run.in_one_go else 0)
        work = functools.partial(self._fetch, pieces, functools.partial(self._pieces_of, asked))
        threading.Thread(target=work, name="videoseg-range", daemon=True).start()
        return itertools.chain.from_iterable(pieces.items())

    def _pieces_of(self, asked: AnswerRange, worker: Any) -> Iterator[Any]:
        answer = worker.answer.options(
            num_returns="streaming", _generator_backpressure_num_objects=_PIECES_AHEAD
        )
        for ref in answer.remote(self._run, asked):
            yield self._ray.get(ref)

    def _fetch(self, pieces: _Pieces, ask: Callable[[Any], Iterator[Any]]) -> None:
        """Fetch what a worker answers, of another one where one fails."""
        fault: Failure | None = None
        try:
            for _ in range(ATTEMPTS):
                if self._ended.is_set():
                    return
                fault = self._attempt(pieces, ask)
                if fault is None or _is_for_all(fault):
                    break
        except Exception as error:
            fault = Failure.of(error)
        pieces.end(fault)

    def _attempt(self, pieces: _Pieces, ask: Callable[[Any], Iterator[Any]]) -> Failure | None:
        about = self._run.location
        number, worker = self._ray.get(self._desk.borrow.remote(self._me, about))
        fault: Failure | None = None
        died = False
        try:
            for place, piece in enumerate(() if self._ended.is_set() else ask(worker)):
                if isinstance(piece, Failure):
                    fault = piece
                elif not pieces.add(place, piece, self._ended):
                    died = True  # nobody listens: it need not go on
                    self._ray.kill(worker, no_restart=False)
                    break
        except self._ray.exceptions.RayError as error:
            died = True
            fault = Failure.of(ModelError(f"a worker died ({first_line(error)})"))
        back = self._desk.give_back.remote(number, about, failed=fault is not None, died=died)
        self._ray.get(back)
        return fault


def first_line(error: BaseException) -> str:
    """What an error says first, without the trace of another process."""
    return str(error).strip().partition("\n")[0]


def _is_for_all(fault: Failure) -> bool:
    try:
        fault.reraise()
    except _FOR_ALL:
        return True
    except BaseException:
        return False
    return False


@dataclass(slots=True)
class _Pieces:
    """What a worker answers, in pieces and in order, each once, however often it was asked for.

    Attributes:
        most: Pieces that wait to be taken; 0: all.
    """

    most: int
    _queue: queue.Queue[Any] = field(init=False)
    _added: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._queue = queue.Queue(self.most)

    def add(self, place: int, piece: Any, ended: threading.Event) -> bool:
        """Add the piece with this place, from 0, if it is new; False where nobody takes it."""
        if place < self._added:
            return True
        while not ended.is_set():
            with suppress(queue.Full):
                self._queue.put(piece, timeout=LOOK_EVERY)
                self._added += 1
                return True
        return False

    def end(self, fault: Failure | None) -> None:
        """No more will come."""
        self._queue.put(_End(fault))

    def items(self) -> Iterator[Any]:
        """The pieces, as they come.

        Raises:
            VideosegError: What was wrong, in its place.
        """
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                if item.fault is not None:
                    item.fault.reraise()
                return
            yield item


@dataclass(frozen=True, slots=True)
class _End:
    """No more pieces will come, and why if something was wrong."""

    fault: Failure | None
