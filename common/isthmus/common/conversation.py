"""The states of one inference stream, as tables and without I/O, for both ends.

Theory of operation. A stream is a conversation of a few events, each sent by one side only. What may come next
depends on one state, which both sides hold and move by the same table:

    IDLE --open--> OPENING --opened--> OPEN --half-close--> DRAINING --end--> CLOSED
                                   frames*, results*          results*
    any live state --failed--> FAILED

GOODBYE, from a cloud that is shutting down, moves nothing: it asks the client to half-close soon. Nor does HEARTBEAT,
which either side of a named stream sends where it has nothing else to say.

Beside the state three counts matter: frames sent, frames answered and the bound on their difference. HTTP/2 flow
control counts bytes, and tens of thousands of seven-byte packets fit in its windows, so this bound is ours. A named
stream that goes on has counts that do not begin at 0 (`begin_at`), and frames in flight that were sent before.

`Conversation(role)` is one end. `sent(event)` is asked before an event goes out, `received(event)` after one came in.
The two differ in whose mistake an illegal event is: ours is a `StreamMisuseError`, the peer's a `StreamNotOpenError`,
a `FrameOrderError` or (too many in flight) a `LimitExceededError`. An illegal event leaves the conversation as it was;
the caller ends the stream, which is what `FAILED` says.
"""

from __future__ import annotations

from enum import Enum

from isthmus.common.errors import FrameOrderError, LimitExceededError, StreamMisuseError, StreamNotOpenError


class Role(Enum):
    """One end of a stream."""

    CLIENT = "client"
    SERVER = "server"


class State(Enum):
    """Where a stream stands; the same on both sides once everything sent has arrived."""

    IDLE = "idle"
    OPENING = "opening"
    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"
    FAILED = "failed"


class Event(Enum):
    """What one side says to the other."""

    OPEN = "open"
    OPENED = "opened"
    FRAMES = "frames"
    RESULTS = "results"
    HALF_CLOSE = "half-close"
    GOODBYE = "goodbye"
    HEARTBEAT = "heartbeat"
    END = "end"
    FAILED = "failed"


# Who may send each event. FAILED is a status other than OK, or a cancellation: either side may.
SENDERS: dict[Event, frozenset[Role]] = {
    Event.OPEN: frozenset({Role.CLIENT}),
    Event.OPENED: frozenset({Role.SERVER}),
    Event.FRAMES: frozenset({Role.CLIENT}),
    Event.RESULTS: frozenset({Role.SERVER}),
    Event.HALF_CLOSE: frozenset({Role.CLIENT}),
    Event.GOODBYE: frozenset({Role.SERVER}),
    Event.HEARTBEAT: frozenset({Role.CLIENT, Role.SERVER}),
    Event.END: frozenset({Role.SERVER}),
    Event.FAILED: frozenset({Role.CLIENT, Role.SERVER}),
}

# (state, event) -> next state. What is not here is illegal.
TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.IDLE, Event.OPEN): State.OPENING,
    (State.OPENING, Event.OPENED): State.OPEN,
    (State.OPEN, Event.FRAMES): State.OPEN,
    (State.OPEN, Event.RESULTS): State.OPEN,
    (State.OPEN, Event.HALF_CLOSE): State.DRAINING,
    (State.DRAINING, Event.RESULTS): State.DRAINING,
    (State.OPEN, Event.GOODBYE): State.OPEN,
    (State.DRAINING, Event.GOODBYE): State.DRAINING,
    (State.OPEN, Event.HEARTBEAT): State.OPEN,
    (State.DRAINING, Event.HEARTBEAT): State.DRAINING,
    (State.DRAINING, Event.END): State.CLOSED,
    (State.IDLE, Event.FAILED): State.FAILED,
    (State.OPENING, Event.FAILED): State.FAILED,
    (State.OPEN, Event.FAILED): State.FAILED,
    (State.DRAINING, Event.FAILED): State.FAILED,
}


class Conversation:
    """One end of one stream: its state and its counts. Not thread-safe: the owner holds a lock around it."""

    __slots__ = ("_answered_count", "_max_in_flight", "_role", "_sent_count", "_state")

    def __init__(self, role: Role, max_in_flight_frame_count: int) -> None:
        """`max_in_flight_frame_count`: frames that may be sent and not yet answered, at least 1."""
        if max_in_flight_frame_count < 1:
            raise ValueError(f"max_in_flight_frame_count: expected at least 1, got {max_in_flight_frame_count}")
        self._role = role
        self._state = State.IDLE
        self._max_in_flight = max_in_flight_frame_count
        self._sent_count = 0
        self._answered_count = 0

    @property
    def state(self) -> State:
        """Where this end stands."""
        return self._state

    @property
    def sent_count(self) -> int:
        """Frames of the stream so far; the index of the next one."""
        return self._sent_count

    @property
    def answered_count(self) -> int:
        """Results of the stream so far; the index of the next one."""
        return self._answered_count

    @property
    def in_flight_count(self) -> int:
        """Frames sent and not yet answered."""
        return self._sent_count - self._answered_count

    @property
    def room_count(self) -> int:
        """Frames that may be sent now."""
        return self._max_in_flight - self.in_flight_count

    @property
    def is_live(self) -> bool:
        """Whether anything may still happen."""
        return self._state is not State.CLOSED and self._state is not State.FAILED

    def bound_in_flight(self, max_in_flight_frame_count: int) -> None:
        """Take the bound the server announced. ValueError unless it is at least 1."""
        if max_in_flight_frame_count < 1:
            raise ValueError(f"max_in_flight_frame_count: expected at least 1, got {max_in_flight_frame_count}")
        self._max_in_flight = max_in_flight_frame_count

    def begin_at(self, answered_count: int, sent_count: int) -> None:
        """Go on where a named stream stands, whose frames below `sent_count` were sent before this conversation.

        Raises:
            ValueError: fewer were sent than answered, or frames were counted already.
        """
        if not 0 <= answered_count <= sent_count or self._sent_count:
            raise ValueError(
                f"expected 0 <= answered <= sent of a new conversation, got {answered_count}, {sent_count}"
            )
        self._answered_count, self._sent_count = answered_count, sent_count

    def sent(self, event: Event, count: int = 0) -> None:
        """Note an event that this end is about to send; `count` is the number of FRAMES or RESULTS.

        Raises:
            StreamMisuseError: this end may not send it now.
        """
        problem = self._advance(event, count, self._role)
        if problem is not None:
            raise StreamMisuseError(f"{self._role.value}: {problem[1]}")

    def received(self, event: Event, count: int = 0) -> None:
        """Note an event that came from the other end.

        Raises:
            StreamNotOpenError: something came before the stream was open.
            LimitExceededError: more frames in flight than the server allows.
            FrameOrderError: any other event out of order.
        """
        peer = Role.SERVER if self._role is Role.CLIENT else Role.CLIENT
        problem = self._advance(event, count, peer)
        if problem is not None:
            raise problem[0](problem[1])

    def _advance(self, event: Event, count: int, sender: Role) -> tuple[type[_PeerError], str] | None:
        """Make the step, or say why it is illegal."""
        if sender not in SENDERS[event]:
            return FrameOrderError, f"expected {event.value} from the other side only, got it from the {sender.value}"
        after = TRANSITIONS.get((self._state, event))
        if after is None:
            allowed = [e.value for s, e in TRANSITIONS if s is self._state and sender in SENDERS[e]]
            expected = f"expected {' or '.join(allowed) or 'nothing'} from the {sender.value}"
            early = self._state in (State.IDLE, State.OPENING)
            kind = StreamNotOpenError if early else FrameOrderError
            return kind, f"{expected} while the stream is {self._state.value}, got {event.value}"
        problem = self._count(event, count)
        if problem is None:
            self._state = after
        return problem

    def _count(self, event: Event, count: int) -> tuple[type[_PeerError], str] | None:
        """Count the frames or results of an event, or say why there may not be so many."""
        if event is Event.FRAMES:
            if count < 1:
                return FrameOrderError, f"expected at least one packet in a message of frames, got {count}"
            if count > self.room_count:
                return LimitExceededError, (
                    f"expected at most {self._max_in_flight} frames in flight, got {self.in_flight_count + count} "
                    f"at frame {self._sent_count}"
                )
            self._sent_count += count
        elif event is Event.RESULTS:
            if not 1 <= count <= self.in_flight_count:
                return FrameOrderError, (
                    f"expected 1 to {self.in_flight_count} results, as many as frames are in flight, got {count}"
                )
            self._answered_count += count
        elif event is Event.END and self.in_flight_count:
            return FrameOrderError, f"expected {self.in_flight_count} more results before the stream ends, got its end"
        return None


_PeerError = FrameOrderError | StreamNotOpenError | LimitExceededError
