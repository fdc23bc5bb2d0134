"""Streams of one signal are counted, and no more are taken than may be."""

from __future__ import annotations

import pytest

from isthmus.cloud.quota import Quota
from isthmus.common.codec import Allowance
from isthmus.common.errors import OverloadedError
from isthmus.common.limits import DEFAULT_LIMITS, StreamLimits


@pytest.fixture
def quota() -> Quota:
    return Quota("image", Allowance(StreamLimits(DEFAULT_LIMITS), max_stream_count=2))


def test_a_stream_too_many_is_refused_and_does_not_count(quota: Quota) -> None:
    quota.enter()
    quota.enter()
    for _ in range(3):
        with pytest.raises(OverloadedError, match="expected at most 2 image streams at a time, got one more"):
            quota.enter()
    quota.leave()
    quota.enter()
    with pytest.raises(OverloadedError):
        quota.enter()


def test_without_a_bound_every_stream_is_taken() -> None:
    quota = Quota("image", Allowance(StreamLimits(DEFAULT_LIMITS)))
    for _ in range(1000):
        quota.enter()
