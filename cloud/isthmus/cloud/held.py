"""What a cloud holds of named streams, so that they outlive their connections: bounded in bytes, count and age.

Theory of operation. A named stream is frames counted from 0, of which the cloud has answered those below `next_index`.
It holds the results from `base_index` on, which the client has not yet taken for good, and the answerer, in which a
video's references are. A connection that breaks leaves that behind; the next one, of a higher epoch, finds it: the
results that were on their way are given again, and nothing is run twice. Frames that came and were not answered are
forgotten: the client has them, and is told from which one on to send.

    frames   0 ........ base ........ next ........
             taken       held          not answered

What is answered as the connection breaks is answered to its end, since an answerer cannot be left between two states.
Whoever opens the stream again waits for that, and so sees one state alone. An opening of no higher epoch is an old one
that was late, and refused; a connection of an older epoch is ended (`Holder.end`).

`is_resumed` is said only where going on is right: held results reach back to what the client has not taken, and the
state began when the client says it began. Had another cloud answered frames in between, video frames here would refer
to a state that the client's encoder has left.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from isthmus.cloud.counted import CountedAnswerer
from isthmus.cloud.held_stream import HeldStream, Holder, Holding, Total
from isthmus.cloud.memory import Memory
from isthmus.common import protocol
from isthmus.common.errors import FencedError

SHARE = 4
"""One of so many parts of a server's memory may be held."""
OVER_AGE_S = 10.0
"""For how long a stream is held that seems to be over: as long as a client waits before it comes back, twice."""


class HeldStreams:
    """All named streams of a cloud, by their owner and name.

    Args:
        holding: how much is held.
        memory: of the server; at most a quarter of it is held of streams without a connection.

    Attributes:
        instance: names this cloud until it is started anew.
        total: of what is held.
    """

    def __init__(self, holding: Holding, memory: Memory) -> None:
        self.instance = secrets.token_bytes(8)
        self._holding = replace(holding, max_bytes=min(holding.max_bytes, memory.most_bytes // SHARE))
        self.total = Total(memory, self._prune)
        self._streams: dict[tuple[str, bytes], HeldStream] = {}

    @property
    def max_bytes(self) -> int:
        """What is held at most, where the memory is small."""
        return self._holding.max_bytes

    def __len__(self) -> int:
        return len(self._streams)

    async def open(
        self,
        owner: str,
        asked: protocol.OpenStream,
        named: protocol.NamedStream,
        holder: Holder,
        open_stream: Callable[[], CountedAnswerer],
    ) -> tuple[HeldStream, bool]:
        """The stream of that name, and whether it goes on; another connection that has it is ended.

        Args:
            owner: whose streams these are: another's of the same name is another stream.
            asked: for what; without `named`.
            named: the stream.
            holder: the connection.
            open_stream: makes an answerer where it begins anew.

        Raises:
            FencedError: it was opened with this epoch or a higher one.
        """
        self._prune()
        key = (owner, named.name)
        while (held := self._streams.get(key)) is not None:
            if named.epoch <= held.epoch:
                raise FencedError(
                    f"stream: expected an epoch above {held.epoch}, got {named.epoch}: it was opened again since"
                )
            if held.holder is None and not held.is_busy:
                held.answerer.forget()
                break
            if held.holder is not None:
                held.holder.end(FencedError(f"stream: opened again with epoch {named.epoch}; this is an older one"))
            await held.settled()
        if held is not None and held.asked == asked and held.reaches(named):
            held.take_over(holder, named.epoch)
            held.take(named.first_unanswered_index)
            return held, True
        if held is not None:
            held.forget()
        first = named.first_unanswered_index
        begun = HeldStream(asked, open_stream(), named.epoch, named.epoch, first, first, self._holding, self.total)
        begun.take_over(holder, named.epoch)
        self._streams[key] = begun
        return begun, False

    def leave(self, owner: str, named: protocol.NamedStream, holder: Holder, *, is_over: bool) -> None:
        """A connection has ended; `is_over` where the client seems to have all results and to come no more.

        A connection that breaks while nothing is under way looks the same from here: its reading ends. So what is over
        is held a little longer, until whoever was cut off would have come back, and goes before all else.
        """
        held = self._streams.get((owner, named.name))
        if held is None or held.holder is not holder:
            return
        held.leave(holder)
        if held.is_broken:
            self._streams.pop((owner, named.name)).forget()
        age_s = min(OVER_AGE_S, self._holding.age_s) if is_over else self._holding.age_s
        held.left_s -= self._holding.age_s - age_s
        self._prune()
        # What nobody comes back for goes even where nobody else comes.
        asyncio.get_running_loop().call_later(age_s + 1, self._prune)

    def told(self, held: HeldStream, *, is_resumed: bool) -> protocol.HeldStream:
        """What the client is told of its stream."""
        holding = self._holding
        return protocol.HeldStream(
            self.instance, is_resumed, held.next_index, holding.max_result_count, holding.max_result_bytes
        )

    def _prune(self) -> None:
        """Let go what is too old, too many or too much, the longest without a connection first."""
        left = sorted((s.left_s, key) for key, s in self._streams.items() if s.holder is None and not s.is_busy)
        oldest_s = time.monotonic() - self._holding.age_s
        too_many = len(left) - self._holding.max_stream_count
        state_bytes = sum(self._streams[key].answerer.held_bytes for _, key in left)
        for number, (left_s, key) in enumerate(left):
            is_much = self.total.size_bytes + state_bytes > self._holding.max_bytes
            if left_s >= oldest_s and number >= too_many and not is_much:
                return
            gone = self._streams.pop(key)
            state_bytes -= gone.answerer.held_bytes
            gone.forget()
