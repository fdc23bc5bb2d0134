"""Text as editors and spreadsheets save it: byte order marks, UTF-16."""

from __future__ import annotations

import codecs

from isthmus.common.errors import InputError

# The mark of UTF-32 begins with that of UTF-16, so it comes first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def plain_text(data: bytes) -> bytes:
    """The same without the byte order mark of UTF-8; UTF-16 and UTF-32, told by their marks, as UTF-8.

    Raises:
        InputError: it begins as UTF-16 or UTF-32 and does not go on so.
    """
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding).encode()
            except UnicodeDecodeError as error:
                name = encoding.upper()
                raise InputError(
                    f"expected text in {name}, as its first bytes say, got {error}; save it as UTF-8"
                ) from error
    return data


def text_of(data: bytes) -> str:
    """Text in UTF-8, or in UTF-16 or UTF-32 with its mark.

    Raises:
        InputError: in another encoding, or no text.
    """
    try:
        text = plain_text(data).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"expected text in UTF-8, got {error}; save it as UTF-8") from error
    if "\0" in text:
        raise InputError("expected text in UTF-8, got a zero byte (UTF-16 without its mark?); save it as UTF-8")
    return text
