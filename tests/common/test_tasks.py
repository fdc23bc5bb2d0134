"""Labels as people and programs are told them."""

from __future__ import annotations

import pytest

from isthmus.common import protocol
from isthmus.common.tasks import Labels, tell_labels


@pytest.mark.parametrize(("per_mille", "is_doubtful"), [(1000, False), (500, False), (499, True), (0, True)])
def test_an_answer_says_whether_it_is_doubtful(per_mille: int, is_doubtful: bool) -> None:
    labels = Labels(((protocol.Label(1, per_mille), protocol.Label(0, 0)),))
    told = tell_labels(labels, ("cat, feline", "dog"))
    assert told.fields["doubtful"] is is_doubtful
    assert told.fields["class"] == "dog"
    assert told.cells[0] == "dog\ncat"
