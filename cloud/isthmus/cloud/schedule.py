"""Whose work is done next: all the work of a server, in slices, fairly between its peers.

Theory of operation. Work comes as a generator of steps (`isthmus.cloud.half.Steps`), which says before each step how
much that step takes. Between two steps anybody else may have a turn, and work that nobody waits for any more is left.

Who has the next turn: the peer that was served least, in seconds of a core as they were measured; among the streams of
a peer, each in turn. A peer that comes back from a pause is put level with the others: it has saved up nothing. So a
peer that floods a cloud lengthens its own queue, and what anybody else waits for is one step.

How long is one step? A batch of clouds is cut to a few milliseconds, an image to tiles; but a frame of video of eight
megapixels is one run of a network, and nothing cuts that. So steps are sorted into lanes by their work, each lane with
a thread of its own: small steps never wait behind large ones, and the operating system, which can interrupt anything,
shares the cores among the lanes, the larger ones with a lower priority where it has such.

What takes no longer than the hop to a thread may be done where it is (`run_here`), in the event loop, if the queue
would not have put anybody else first.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from isthmus.cloud.half import Steps, done
from isthmus.cloud.memory import Memory

T = TypeVar("T")

LANES: tuple[tuple[float, int], ...] = ((1 << 16, 0), (1 << 19, 5), (math.inf, 10))
"""Of each lane: the most work of a step in it, and how much lower its priority is."""

# In each such time, a peer may have so much done in the event loop while others have something done there too.
WINDOW_S, WINDOW_SHARE_S = 0.05, 0.01

# A job that waits for memory holds back others that want more than this.
SMALL_BYTES = 4 << 20

MAX_IDLE_PEERS = 1024

_log = logging.getLogger("isthmus.cloud")


class _Job(Generic[T]):
    """Work under way. `work` is that of its next step."""

    __slots__ = ("future", "has_memory", "is_dropped", "loop", "memory_bytes", "peer", "steps", "work")

    def __init__(self, steps: Steps[T], work: int, peer: _Peer, memory_bytes: int) -> None:
        self.steps, self.work, self.peer, self.memory_bytes = steps, work, peer, memory_bytes
        self.has_memory = memory_bytes == 0
        self.is_dropped = False
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()


class _Peer:
    """One peer: what it was given, and what it waits for in each lane."""

    __slots__ = ("job_count", "queues", "used_s")

    def __init__(self, lane_count: int, used_s: float) -> None:
        self.used_s = used_s
        self.queues: tuple[deque[_Job[Any]], ...] = tuple(deque() for _ in range(lane_count))
        self.job_count = 0


class _Lane:
    """Steps of about one size, and the thread that does them."""

    def __init__(self, number: int, niceness: int, lock: threading.Lock) -> None:
        self.number, self.niceness = number, niceness
        self.waiting: dict[_Peer, None] = {}  # those with a job in this lane's queue, in the order of their coming
        self.has_work = threading.Condition(lock)
        self.began_s = math.inf


class Scheduler:
    """All the work of one server.

    Args:
        memory: what work may allocate.
        clock: seconds of a core that the calling thread has had.
    """

    def __init__(self, memory: Memory, clock: Callable[[], float] = time.thread_time) -> None:
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes = tuple(_Lane(number, niceness, self._lock) for number, (_, niceness) in enumerate(LANES))
        self._peers: dict[str, _Peer] = {}
        self._level_s = 0.0  # what the peer had been given whose turn was last
        self._hungry: _Job[Any] | None = None  # the first that waits for memory
        self._is_closed = False
        self._window_end_s = 0.0
        self._window: dict[str, float] = {}
        memory.when_freed = self.look_again
        for lane in self._lanes:
            # Daemons: a step that never ends must not keep the process from ending.
            threading.Thread(target=self._work, args=(lane,), name=f"isthmus-lane-{lane.number}", daemon=True).start()

    async def run(self, steps: Steps[T], peer: str, memory_bytes: int = 0) -> T:
        """What the steps come to, done in turn with all other work. Cancelled, they are left at the next one.

        Args:
            steps: may raise what the caller is then raised.
            peer: for whom.
            memory_bytes: that they allocate at once, at most; they begin when so much is free.
        """
        try:
            work = next(steps)
        except StopIteration as end:
            found: T = end.value
            return found
        with self._lock:
            owner = self._peer(peer)
            job = _Job(steps, work, owner, memory_bytes)
            owner.job_count += 1
            self._enqueue(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.is_dropped = True
            self.look_again()
            raise

    def may_run_here(self, peer: str) -> bool:
        """Whether a brief piece of work would be the next to be done anyhow, so that it need not queue."""
        now_s = time.monotonic()
        if now_s > self._window_end_s:
            self._window_end_s = now_s + WINDOW_S
            self._window.clear()
        window = self._window
        if window.get(peer, 0.0) > WINDOW_SHARE_S and len(window) > 1:
            return False
        waiting = self._lanes[0].waiting
        if not waiting:
            return True
        with self._lock:
            used_s = self._peer(peer).used_s
            return all(used_s <= other.used_s for other in waiting)

    def run_here(self, steps: Steps[T], peer: str) -> T:
        """What the steps come to, done at once."""
        start_s = self._clock()
        try:
            return done(steps)
        finally:
            taken_s = self._clock() - start_s
            self._window[peer] = self._window.get(peer, 0.0) + taken_s
            with self._lock:
                self._peer(peer).used_s += taken_s

    def longest_s(self) -> float:
        """For how long the step that began first has been under way; 0.0 if there is none."""
        return max(0.0, time.monotonic() - min(lane.began_s for lane in self._lanes))

    def look_again(self) -> None:
        """Something that waited may begin now: memory came free, or what was before it is gone."""
        with self._lock:
            for lane in self._lanes:
                lane.has_work.notify()

    def close(self) -> None:
        """Take no more, and leave what is waiting; threads end after the step that they are in."""
        with self._lock:
            self._is_closed = True
            for lane in self._lanes:
                lane.has_work.notify()

    def _peer(self, name: str) -> _Peer:
        """A peer by name, level with the others if it has had nothing to do. The lock is held."""
        peer = self._peers.get(name)
        if peer is None:
            if len(self._peers) > MAX_IDLE_PEERS:
                idle = [n for n, p in self._peers.items() if not p.job_count and p.used_s <= self._level_s]
                for gone in idle:
                    del self._peers[gone]
            peer = self._peers[name] = _Peer(len(self._lanes), self._level_s)
        elif not peer.job_count:
            peer.used_s = max(peer.used_s, self._level_s)
        return peer

    def _enqueue(self, job: _Job[Any]) -> None:
        """Put a job where its next step belongs. The lock is held."""
        number = next(n for n, (most, _) in enumerate(LANES) if job.work <= most)
        job.peer.queues[number].append(job)
        lane = self._lanes[number]
        lane.waiting[job.peer] = None
        lane.has_work.notify()

    def _next(self, lane: _Lane) -> _Job[Any] | None:
        """Take the job whose turn it is out of its queue; None if there is none that can begin. The lock is held."""
        for peer in sorted(lane.waiting, key=_used_s) if len(lane.waiting) > 1 else tuple(lane.waiting):
            queue = peer.queues[lane.number]
            for _ in range(len(queue)):
                job = queue.popleft()
                if self._may_begin(job):
                    if not queue:
                        del lane.waiting[peer]
                    self._level_s = max(self._level_s, peer.used_s)
                    return job
                queue.append(job)
        return None

    def _may_begin(self, job: _Job[Any]) -> bool:
        """Whether a job has the memory that it needs, or gets it now. The lock is held."""
        if job.has_memory or job.is_dropped:
            return True
        if self._hungry is not None and self._hungry.is_dropped:
            self._hungry = None
        if self._hungry not in (None, job) and job.memory_bytes > SMALL_BYTES:
            return False
        if not self._memory.reserve(job.memory_bytes):
            self._hungry = self._hungry or job
            return False
        if self._hungry is job:
            self._hungry = None
        job.has_memory = True
        return True

    def _work(self, lane: _Lane) -> None:
        """The thread of a lane."""
        _be_nice(lane.niceness)
        while True:
            with self._lock:
                while (job := self._next(lane)) is None:
                    if self._is_closed:
                        return
                    lane.has_work.wait()
                lane.began_s = time.monotonic()
            start_s = self._clock()
            goes_on = self._step(job)
            taken_s = self._clock() - start_s
            with self._lock:
                lane.began_s = math.inf
                job.peer.used_s += taken_s
                if goes_on and not self._is_closed:
                    self._enqueue(job)
                    continue
                job.peer.job_count -= 1
            if job.has_memory and job.memory_bytes:
                self._memory.release(job.memory_bytes)
            del job

    def _step(self, job: _Job[T]) -> bool:
        """One step of a job; answers whether there are more."""
        try:
            if job.is_dropped or self._is_closed:
                job.steps.close()
                return False
            job.work = next(job.steps)
        except StopIteration as end:
            _settle(job, end.value, None)
        except BaseException as error:
            _settle(job, None, error)
        else:
            return True
        return False


def _used_s(peer: _Peer) -> float:
    return peer.used_s


def _settle(job: _Job[T], value: T | None, error: BaseException | None) -> None:
    """Hand what came out to the event loop, unless that is gone."""

    def tell() -> None:
        if job.future.done():
            return
        if error is None:
            job.future.set_result(value)  # type: ignore[arg-type]  # what the steps returned
        else:
            job.future.set_exception(error)

    try:
        job.loop.call_soon_threadsafe(tell)
    except RuntimeError:
        _log.debug("a result came after the event loop had ended")


def _be_nice(niceness: int) -> None:
    """Lower this thread's priority, where threads have one: on Linux."""
    if niceness and hasattr(os, "setpriority"):
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
        except OSError as error:
            _log.debug("this thread keeps its priority: %s", error)
