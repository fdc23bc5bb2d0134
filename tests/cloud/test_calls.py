"""Calls that open nothing are bounded, in all and for each peer."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from isthmus.cloud.calls import Calls
from isthmus.common.errors import OverloadedError


def test_no_peer_has_all() -> None:
    calls = Calls(most=5, most_of_peer=3)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(calls.entered("a"))
        with pytest.raises(OverloadedError, match="at most 3 calls of one peer"):
            stack.enter_context(calls.entered("a"))
        for _ in range(2):
            stack.enter_context(calls.entered("b"))
        with pytest.raises(OverloadedError, match="at most 5 calls that open nothing"):
            stack.enter_context(calls.entered("c"))
        assert len(calls) == 5
    assert len(calls) == 0
    with calls.entered("a"):
        assert len(calls) == 1
