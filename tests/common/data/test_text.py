"""isthmus.data.text"""

from __future__ import annotations

import pytest

from isthmus.common.errors import InputError
from isthmus.data.text import plain_text, text_of


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_of_any_marked_encoding(encoding: str) -> None:
    assert text_of("Größe\n床".encode(encoding)) == "Größe\n床"
    assert plain_text("a".encode(encoding)) == b"a"


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ("Größe".encode("latin-1"), "text in UTF-8, got .*; save it as UTF-8"),
        ("a,b".encode("utf-16-le"), r"got a zero byte \(UTF-16 without its mark\?\); save it as UTF-8"),
        (b"\xff\xfea", "text in UTF-16, as its first bytes say"),
    ],
)
def test_what_is_no_such_text(data: bytes, refusal: str) -> None:
    with pytest.raises(InputError, match=refusal):
        text_of(data)
