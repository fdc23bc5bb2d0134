"""Names of files made of several inputs: no one takes another's place."""

from __future__ import annotations

from isthmus.common.unused_name import unused


def test_names_that_are_taken_get_a_number() -> None:
    taken: set[str] = set()
    # The third is called as the second became.
    assert [unused(stem, taken) for stem in ("a", "a", "a-2", "b", "a")] == ["a", "a-2", "a-2-2", "b", "a-3"]
    assert taken == {"a", "a-2", "a-2-2", "b", "a-3"}
