"""The stream's state machine: every state, event and role, and the counts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.conversation import SENDERS, TRANSITIONS, Conversation, Event, Role, State
from isthmus.common.errors import FrameOrderError, LimitExceededError, StreamMisuseError, StreamNotOpenError

# The shortest way into each state, as (sender, event).
WAYS: dict[State, tuple[tuple[Role, Event], ...]] = {
    State.IDLE: (),
    State.OPENING: ((Role.CLIENT, Event.OPEN),),
    State.OPEN: ((Role.CLIENT, Event.OPEN), (Role.SERVER, Event.OPENED)),
    State.DRAINING: (
        (Role.CLIENT, Event.OPEN),
        (Role.SERVER, Event.OPENED),
        (Role.CLIENT, Event.FRAMES),
        (Role.CLIENT, Event.HALF_CLOSE),
    ),
    State.CLOSED: (
        (Role.CLIENT, Event.OPEN),
        (Role.SERVER, Event.OPENED),
        (Role.CLIENT, Event.HALF_CLOSE),
        (Role.SERVER, Event.END),
    ),
    State.FAILED: ((Role.SERVER, Event.FAILED),),
}


def step(session: Conversation, role: Role, sender: Role, event: Event, count: int = 1) -> None:
    """One event, seen from `role`."""
    count = count if event in (Event.FRAMES, Event.RESULTS) else 0
    if sender is role:
        session.sent(event, count)
    else:
        session.received(event, count)


def session_in(state: State, role: Role) -> Conversation:
    """A session that went the shortest way; OPEN has one frame in flight, so that results may come."""
    session = Conversation(role, 4)
    for sender, event in WAYS[state]:
        step(session, role, sender, event)
    if state is State.OPEN:
        step(session, role, Role.CLIENT, Event.FRAMES)
    assert session.state is state
    return session


@pytest.mark.parametrize(
    ("role", "sender", "state", "event"), list(itertools.product(Role, Role, State, Event)), ids=lambda x: x.value
)
def test_every_state_event_and_sender(role: Role, sender: Role, state: State, event: Event) -> None:
    session = session_in(state, role)
    legal = sender in SENDERS[event] and (state, event) in TRANSITIONS
    if state is State.DRAINING and event is Event.END:
        legal = False  # a frame is still in flight
    if legal:
        step(session, role, sender, event)
        assert session.state is TRANSITIONS[state, event]
        return
    expected = StreamMisuseError if sender is role else (StreamNotOpenError, FrameOrderError)
    with pytest.raises(expected, match=r"expected .* got "):
        step(session, role, sender, event)
    assert session.state is state, "an illegal event must leave the session as it was"


def test_the_outlines_conversation() -> None:
    client, server = Conversation(Role.CLIENT, 4), Conversation(Role.SERVER, 4)
    talk = [
        (Role.CLIENT, Event.OPEN, 0),
        (Role.SERVER, Event.OPENED, 0),
        (Role.CLIENT, Event.FRAMES, 3),
        (Role.SERVER, Event.RESULTS, 1),
        (Role.CLIENT, Event.FRAMES, 2),
        (Role.CLIENT, Event.HALF_CLOSE, 0),
        (Role.SERVER, Event.RESULTS, 4),
        (Role.SERVER, Event.END, 0),
    ]
    for sender, event, count in talk:
        step(client, Role.CLIENT, sender, event, count)
        step(server, Role.SERVER, sender, event, count)
        assert client.state is server.state
    assert (client.state, client.sent_count, client.answered_count) == (State.CLOSED, 5, 5)
    assert not client.is_live


def test_too_many_frames_in_flight() -> None:
    server, client = session_in(State.OPEN, Role.SERVER), session_in(State.OPEN, Role.CLIENT)
    assert (server.in_flight_count, server.room_count) == (1, 3)
    with pytest.raises(LimitExceededError, match="expected at most 4 frames in flight, got 5 at frame 1"):
        server.received(Event.FRAMES, 4)
    with pytest.raises(StreamMisuseError, match="in flight"):
        client.sent(Event.FRAMES, 4)
    client.bound_in_flight(5)
    client.sent(Event.FRAMES, 4)
    assert client.room_count == 0


@pytest.mark.parametrize("count", [0, -1, 2])
def test_results_must_answer_frames(count: int) -> None:
    client = session_in(State.OPEN, Role.CLIENT)
    with pytest.raises(FrameOrderError, match="expected 1 to 1 results"):
        client.received(Event.RESULTS, count)
    assert client.in_flight_count == 1


def test_a_message_of_no_frames() -> None:
    with pytest.raises(FrameOrderError, match="at least one packet"):
        session_in(State.OPEN, Role.SERVER).received(Event.FRAMES, 0)


@pytest.mark.parametrize("bound", [0, -3])
def test_a_bound_below_one(bound: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Conversation(Role.CLIENT, bound)
    with pytest.raises(ValueError, match="at least 1"):
        Conversation(Role.CLIENT, 1).bound_in_flight(bound)


@given(st.lists(st.tuples(st.sampled_from(Role), st.sampled_from(Event), st.integers(0, 6)), max_size=40))
def test_counts_hold_in_any_conversation(talk: list[tuple[Role, Event, int]]) -> None:
    session = Conversation(Role.SERVER, 5)
    for sender, event, count in talk:
        before = (session.state, session.sent_count, session.answered_count)
        try:
            step(session, Role.SERVER, sender, event, count)
        except (StreamMisuseError, FrameOrderError, StreamNotOpenError, LimitExceededError):
            assert (session.state, session.sent_count, session.answered_count) == before
        assert 0 <= session.in_flight_count <= 5
        if session.state is State.CLOSED:
            assert session.in_flight_count == 0
