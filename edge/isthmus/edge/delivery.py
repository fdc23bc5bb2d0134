"""Packets out, and of each what became of it, exactly once and in order, whatever befalls connections.

Theory of operation. What is under way stands in a queue until it is settled: by its answer, or by why it has none. The
edge owns the truth. Packets are numbered in a stream with a name of its own, which outlives connections (`NamedStream`
of the protocol); it opens when there is something to send.

A connection that breaks, or a cloud that says goodbye, is followed by another, at the next address if there are
several, after a wait that doubles and is drawn at random below that, so that a thousand edges do not come back at once.
What had come is taken first. The cloud then says where it stands: if it holds the stream, results that were lost come
again, and packets follow from where it stopped. If not (it was started anew, or is another one), every packet under way
is sent again, under its number. Packets that refer to others which that cloud never saw are made anew (`recode`), or
sent behind those: the ones from the last key packet on are kept (`is_chained`), and go out again under their old
numbers, and what comes of them is passed over. A packet may so be run twice, and is settled once. Who would rather lose
it says `at_most_once`.

A packet that is not answered in its time (`frame_timeout_s`) is settled as lost; where it had been sent, its number is
spent, and an answer that comes later is passed over.

More than 300 lines: the queue, and what befalls it, are one state that must be seen whole.
"""

from __future__ import annotations

import math
import random
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.errors import (
    CloudUnreachableError,
    DeadlineError,
    FrameOrderError,
    IsthmusError,
    LimitExceededError,
    OverloadedError,
)
from isthmus.edge.client import CloudClient, new_stream
from isthmus.edge.result import FrameResult
from isthmus.edge.terms import (
    FIRST_TRIES,
    FIRST_WAIT_S,
    LOST_STREAM,
    MAX_WAIT_S,
    DeliveryCounts,
    Patience,
    RunOverError,
    Settling,
)


class _ExpiredError(Exception):
    """The time of the oldest packet is over."""


@dataclass(slots=True, eq=False)
class _Entry:
    """A packet under way.

    Attributes:
        told: whatever the owner tells of it.
        due_s: when its time is over.
        was_sent: on any connection.
    """

    packet: Packet
    told: Any
    weight: int
    due_s: float
    was_sent: bool = False


class Delivery:
    """One stream at a time; not to be used by two threads at once.

    Args:
        client: of the cloud; its streams are this one's.
        settling: what becomes of packets.
        patience: how long it may take.
        at_most_once: whether a packet that may have been run is lost rather than sent again.
        is_chained: whether packets from the last key packet on are kept for a cloud that holds nothing.

    Attributes:
        counts: what it came to so far.
        is_begun: whether a cloud has ever opened the stream.
    """

    def __init__(
        self,
        client: CloudClient[Any],
        settling: Settling,
        patience: Patience = Patience(),  # noqa: B008  frozen
        *,
        at_most_once: bool = False,
        is_chained: bool = False,
    ) -> None:
        self.counts = DeliveryCounts()
        self._client = client
        self._settling, self._patience = settling, patience
        self._at_most_once, self._is_chained = at_most_once, is_chained
        self._stream = new_stream()
        self.is_begun = False
        self._entries: deque[_Entry] = deque()
        self._past: deque[_Entry] = deque()  # settled, and what those under way refer to
        self._sent_count = 0  # of `_entries`, those that this connection was given
        self._fruitless_count = 0  # connections in a row on which nothing was answered
        client.while_waiting = self._look

    @property
    def client(self) -> CloudClient[Any]:
        """Of the stream; another may take its place while nothing is under way, and has a stream of its own."""
        return self._client

    @client.setter
    def client(self, client: CloudClient[Any]) -> None:
        if client is not self._client:
            self._client, self._stream, self.is_begun = client, new_stream(), False
            self._past.clear()
            client.while_waiting = self._look

    @property
    def unanswered_count(self) -> int:
        """Packets under way."""
        return len(self._entries)

    def open(self) -> None:
        """Open the stream by now, for whoever wants to know whether there is a cloud. Raises as `send`."""
        if not self.is_begun:
            self._begin()

    def owes(self, told: Any) -> bool:
        """Whether what was given so is under way."""
        return any(entry.told is told for entry in self._entries)

    @property
    def weight(self) -> int:
        """Of the packets under way, together, in whatever unit they were given."""
        return sum(entry.weight for entry in self._entries)

    def send(self, packet: Packet, told: Any, weight: int = 0) -> bool:
        """Send one packet; whether it is under way now.

        Raises:
            RunOverError: there is no time left.
            IsthmusError: what ended the stream, where no other could be opened.
        """
        self._look_at_end()
        entry = _Entry(packet, told, weight, time.monotonic() + self._patience.frame_timeout_s)
        self._entries.append(entry)
        try:
            self._send_all()
        except KeyboardInterrupt:  # while there was no room for it
            if not entry.was_sent and self._entries and self._entries[-1] is entry:
                self._entries.pop()
            raise
        return entry.was_sent

    def take(self) -> None:
        """Wait for one answer. Raises as `send`."""
        self._send_all()
        if not self._entries:
            return
        try:
            result = self._client.receive()
        except _ExpiredError:
            self._expire()
        except LOST_STREAM as error:
            self._reopen(error)
        else:
            self._answer(result)

    def take_ready(self) -> None:
        """Take the answers that are here already. RunOverError: there is no time left."""
        self._look_at_end()
        self._take_ready()
        self._expire()

    def give_up(self, error: IsthmusError) -> None:
        """Settle all that is under way as lost."""
        while self._entries:
            self._lose(self._first(), error)

    def _look(self) -> None:
        """Called in every wait."""
        self._patience.check()
        self._look_at_end()
        if self._entries and time.monotonic() >= self._entries[0].due_s:
            raise _ExpiredError

    def _look_at_end(self) -> None:
        if time.monotonic() >= self._patience.run_end_s:
            raise RunOverError

    def _send_all(self) -> None:
        """Send what this connection was not given yet, over as many connections as that takes."""
        while self._sent_count < len(self._entries):
            entry = self._entries[self._sent_count]
            try:
                if not self.is_begun:
                    self._begin()
                self._client.send(entry.packet)
            except _ExpiredError:
                self._expire()
            except LimitExceededError as error:  # nothing was sent
                self._refuse(entry, error)
            except LOST_STREAM as error:
                if not self.is_begun:
                    raise
                self._reopen(error)
            else:
                self._sent_count += 1
                self.counts.again += entry.was_sent
                entry.was_sent = True
                if self._sent_count < len(self._entries):
                    self._take_ready()

    def _begin(self) -> None:
        """Open the first connection. Raises what kept the last of a few tries from it."""
        longest_s = FIRST_WAIT_S
        left = FIRST_TRIES if math.isfinite(self._patience.tries) else math.inf
        while not self.is_begun:
            try:
                self._client.open(self._stream)
            except LOST_STREAM as error:
                left -= 1
                if left <= 0:
                    raise
                self._pause(longest_s, error)
                longest_s = min(2 * longest_s, MAX_WAIT_S)
                self._client.turn()
                self._stream = replace(self._stream, epoch=self._stream.epoch + 1)
            else:
                self._stream = self._client.named
                self.is_begun = True

    def _refuse(self, entry: _Entry, error: LimitExceededError) -> None:
        """The cloud takes no such packet: it has no number, and those after it move up."""
        del self._entries[self._sent_count]
        self.counts.refused += 1
        self._settling.on_missing(entry.told, "refused", error)

    def _take_ready(self) -> None:
        for result in self._client.take_ready():
            self._answer(result)

    def _answer(self, result: FrameResult[Any]) -> None:
        due = self._stream.first_unanswered_index
        if result.frame_index < due:  # of a packet that is settled
            return
        if result.frame_index != due or not self._sent_count:
            raise FrameOrderError(f"expected the result of frame {due}, got that of {result.frame_index}")
        self.counts.answered += 1
        self._fruitless_count = 0
        self._settling.on_answer(self._first().told, result)
        self._client.taken(self._stream.first_unanswered_index)

    def _first(self) -> _Entry:
        """The oldest packet under way, no longer under way. Its number is spent, where it was given one."""
        entry = self._entries.popleft()
        if self._sent_count:
            self._sent_count -= 1
            self._stream = replace(self._stream, first_unanswered_index=self._stream.first_unanswered_index + 1)
            self._keep(entry)
        return entry

    def _keep(self, entry: _Entry) -> None:
        """Those under way may refer to it."""
        if self._is_chained:
            if entry.packet.type is PacketType.INTRA:
                self._past.clear()
            self._past.append(entry)

    def _lose(self, entry: _Entry, error: IsthmusError) -> None:
        name = type(error).__name__
        self.counts.lost[name] = self.counts.lost.get(name, 0) + 1
        self._settling.on_missing(entry.told, "lost", error)

    def _expire(self) -> None:
        """Settle the packets whose time is over."""
        now_s, was_unsent = time.monotonic(), False
        while self._entries and now_s >= self._entries[0].due_s:
            was_unsent |= not self._sent_count
            limit_s = self._patience.frame_timeout_s
            self._lose(self._first(), DeadlineError(f"expected an answer within {limit_s:g} s, got none"))
        if was_unsent:  # those behind it may refer to it
            self._recode_all()

    def _recode_all(self) -> None:
        self._settling.on_lost()
        if self._settling.recode is not None:
            for entry in self._entries:
                entry.packet = self._settling.recode(entry.told)

    def _reopen(self, error: IsthmusError) -> None:
        """Go on over another connection.

        Raises:
            IsthmusError: none could be opened.
        """
        self._take_due()
        longest_s, tries = FIRST_WAIT_S, self._fruitless_count
        self._fruitless_count += 1
        while tries < self._patience.tries:
            tries += 1
            self._client.turn()
            self._pause(longest_s, error)
            longest_s = min(2 * longest_s, MAX_WAIT_S)
            try:
                self._open()
            except _ExpiredError:
                self._expire()
            except LOST_STREAM as again:
                error = again
            else:
                self.counts.reconnects += 1
                return
        raise error

    def _pause(self, longest_s: float, error: IsthmusError) -> None:
        """Wait before the next try: so long at most, unless the cloud asks for more."""
        asked_s = error.retry_delay_s if isinstance(error, OverloadedError) else 0.0
        self._patience.check()
        self._look_at_end()
        self._patience.sleep(max(random.uniform(0.0, longest_s), min(asked_s, MAX_WAIT_S)))
        self._expire()

    def _take_due(self) -> None:
        """What had come before the connection broke; and of a cloud that said goodbye, what it still answers."""
        while self._sent_count:
            try:
                result = self._client.receive()
            except _ExpiredError:
                self._expire()
            except LOST_STREAM:
                return
            else:
                self._answer(result)

    def _open(self) -> None:
        """Open another connection of the stream, and see what the cloud holds of it."""
        self._stream = replace(self._stream, epoch=self._stream.epoch + 1)
        sent_before = [entry.packet.signal_count for entry in self._entries if entry.was_sent]
        held = self._client.open(self._stream, sent_before).held
        if held is not None and held.is_resumed:
            self._sent_count = held.next_frame_index - self._stream.first_unanswered_index
            self.counts.resumed += 1
            return
        self._stream = replace(self._stream, began_epoch=self._stream.epoch)
        self._sent_count = 0
        if self._at_most_once and any(entry.was_sent for entry in self._entries):
            self._lose_run()
        elif self._past and self._entries and self._entries[0].packet.type is not PacketType.INTRA:
            self._lead_in()
        self._recode_all()

    def _lead_in(self) -> None:
        """Send again what those under way refer to, under the numbers that they had: its answers are passed over."""
        first = self._stream.first_unanswered_index
        epoch = self._stream.epoch + 1
        self._client.open(replace(self._stream, epoch=epoch, first_unanswered_index=first - len(self._past)))
        self._stream = replace(self._stream, epoch=epoch, began_epoch=epoch)
        for entry in self._past:
            self._client.send(entry.packet)

    def _lose_run(self) -> None:
        """What was sent may have been run, and no cloud knows: it is lost, and the rest goes on in a stream anew."""
        error = CloudUnreachableError("expected an answer; its cloud is gone, and may have run the frame")
        while self._entries and self._entries[0].was_sent:
            self._lose(self._first(), error)
        self._client.open(new_stream())
        self._stream = self._client.named
