"""XML that nobody vouches for: no type declarations (and so no entities that grow), tags and names within bounds.

The rest is as long as the file. Expat (the standard library's parser) reads it piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from isthmus.common.errors import InputError

PIECE_BYTES = 1 << 16
MAX_TAG_BYTES = 1 << 20
MAX_NAMES = 20_000  # of elements and attributes, each of which is kept
MAX_ELEMENTS = 1_000_000  # of a tree
MAX_ATTRIBUTES = 4_000_000  # of a tree
MAX_DEPTH = 256  # of a tree

Start = Callable[[str, dict[str, str]], None]
Words = Callable[[str], None]
Space = Callable[[str | None, str], None]


def read_xml(
    pieces: Iterable[bytes],
    start: Start,
    end: Words | None = None,
    text: Words | None = None,
    space: Space | None = None,
) -> None:
    """Tell of each tag, of the text between and of the prefixes of namespaces, as they come.

    Names are "namespace name", or bare without one.

    Raises:
        InputError: not XML, or out of the bounds above.
    """
    names: dict[str, str] = {}
    parser = expat.ParserCreate(namespace_separator=" ", intern=names)
    parser.StartDoctypeDeclHandler = _refuse_types
    parser.StartElementHandler = start
    if end is not None:
        parser.EndElementHandler = end
    if text is not None:
        parser.CharacterDataHandler = text
        parser.buffer_text = True
    if space is not None:
        parser.StartNamespaceDeclHandler = space
    fed = 0
    try:
        for piece in pieces:
            fed += len(piece)
            parser.Parse(piece)
            if fed - parser.CurrentByteIndex > MAX_TAG_BYTES:
                raise InputError(f"XML: expected tags of at most {MAX_TAG_BYTES} bytes, got a longer one")
            if len(names) > MAX_NAMES:
                raise InputError(f"XML: expected at most {MAX_NAMES} names, got more")
        parser.Parse(b"", True)  # noqa: FBT003 (it takes no keyword)
    except (expat.ExpatError, LookupError, ValueError, OverflowError) as error:
        raise InputError(f"expected whole XML, got damaged: {error}") from error


def pieces_of(data: bytes) -> Iterable[bytes]:
    """Bytes, a piece at a time."""
    return (data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES))


@dataclass(slots=True, eq=False)
class Element:
    """A tag with what is in it; its name without its namespace."""

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, name: str) -> list[Element]:
        """The children of a name."""
        return [child for child in self.children if child.name == name]

    def first(self, *path: str) -> Element | None:
        """The first child of a name, then its first child of the next, and so on; None where there is none."""
        found: Element | None = self
        for name in path:
            found = next((child for child in found.children if child.name == name), None) if found else None
        return found


def tree_of(data: bytes) -> Element:
    """The whole of a document. InputError as `read_xml`; also beyond the bounds of a tree."""
    top = Element("", {})
    path = [top]
    texts: list[list[str]] = [[]]
    elements = attribute_count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal elements, attribute_count
        elements += 1
        attribute_count += len(attributes)
        if elements > MAX_ELEMENTS or attribute_count > MAX_ATTRIBUTES or len(path) > MAX_DEPTH:
            raise InputError(
                f"XML: expected at most {MAX_ELEMENTS} elements, {MAX_DEPTH} deep, with {MAX_ATTRIBUTES} attributes, "
                "got more"
            )
        element = Element(name.rpartition(" ")[2], attributes)
        path[-1].children.append(element)
        path.append(element)
        texts.append([])

    def end(_name: str) -> None:
        path.pop().text = "".join(texts.pop())

    def text(words: str) -> None:
        texts[-1].append(words)

    read_xml(pieces_of(data), start, end, text)
    return top.children[0]


def _refuse_types(*_given: object) -> NoReturn:
    raise InputError("XML: expected no type declaration (<!DOCTYPE ...>), as entities may grow, got one; remove it")
