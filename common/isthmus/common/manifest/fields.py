"""Rules of a manifest's fields, and its canonical JSON: what manifests of all signals share. BITSTREAM.md §8."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from isthmus.common.errors import LimitExceededError, ManifestError, UnsupportedVersionError

BITSTREAM_VERSION = 1
MANIFEST_FILE = "manifest.json"
MAX_MANIFEST_SIZE_BYTES = 8 << 20
MAX_WEIGHT_FILES = 16
MAX_TEXT_LENGTH = 128
MAX_CODEC_NAME_LENGTH = 64
MAX_CLASSES = 4096

CODEC_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
SHA256_HEX = re.compile(r"[0-9a-f]{64}")


def expect(is_sound: bool, message: str) -> None:  # noqa: FBT001  a rule, as assert takes it
    """Raises ManifestError with the message unless a rule holds."""
    if not is_sound:
        raise ManifestError(message)


def expect_integer(value: object, low: int, high: int, name: str) -> None:
    """Raises ManifestError unless a value is an integer from `low` to `high`."""
    expect(type(value) is int and low <= value <= high, f"{name}: expected {low} to {high}, got {value!r}")


def check_codec_name(name: object) -> str:
    """A codec's name, if it is one.

    Raises:
        ManifestError: not 1 to 64 characters of lower-case words joined by hyphens.
    """
    is_name = isinstance(name, str) and len(name) <= MAX_CODEC_NAME_LENGTH and CODEC_NAME.fullmatch(name) is not None
    expect(is_name, f"name: expected up to 64 characters of lower-case words joined by hyphens, got {name!r}")
    return str(name)


def check_class_names(names: tuple[str, ...]) -> None:
    """Raises ManifestError unless the names of a classifier's classes are as a manifest has them."""
    expect(
        1 <= len(names) <= MAX_CLASSES and len(set(names)) == len(names),
        f"class_names: expected 1 to {MAX_CLASSES} names, all different, got {len(names)}",
    )
    for name in names:
        expect(
            isinstance(name, str) and 1 <= len(name) <= MAX_TEXT_LENGTH and name.isprintable(),
            f"class_names: expected 1 to {MAX_TEXT_LENGTH} printable characters each, got {name!r}",
        )


def check_version(version: int) -> None:
    """Raises UnsupportedVersionError unless a manifest is of this bitstream version."""
    if version != BITSTREAM_VERSION:
        raise UnsupportedVersionError(
            f"manifest: expected bitstream_version {BITSTREAM_VERSION}, got {version}; "
            "use a codec of this version, or the release of isthmus that made it"
        )


def check_weights(weights: tuple[tuple[str, str], ...]) -> None:
    """Raises ManifestError unless files and their SHA-256 are as a manifest names them."""
    names = [name for name, _ in weights]
    expect(
        1 <= len(names) <= MAX_WEIGHT_FILES and names == sorted(set(names)),
        f"weights: expected 1 to {MAX_WEIGHT_FILES} files, sorted by name, got {names!r}",
    )
    for name, digest in weights:
        expect(
            FILE_NAME.fullmatch(name) is not None and name != MANIFEST_FILE,
            f"weights: expected a plain lower-case file name, got {name!r}",
        )
        expect(
            isinstance(digest, str) and SHA256_HEX.fullmatch(digest) is not None,
            f"weights.{name}: expected 64 lower-case hex digits, got {digest!r}",
        )


def check_fields(
    fields: object, expected: dict[str, type], where: str, optional: Mapping[str, type] | None = None
) -> None:
    """Raises ManifestError unless `fields` is a JSON object of these fields and types, and maybe some optional ones."""
    if isinstance(fields, dict) and optional:
        expected = expected | {name: kind for name, kind in optional.items() if name in fields}
    if not isinstance(fields, dict) or set(fields) != set(expected):
        got = sorted(fields) if isinstance(fields, dict) else type(fields).__name__
        raise ManifestError(f"{where}: expected the fields {sorted(expected)}, got {got}")
    for name, kind in expected.items():
        expect(type(fields[name]) is kind, f"{where}.{name}: expected {kind.__name__}, got {fields[name]!r:.80}")


def parse(data: bytes) -> object:
    """The JSON of a manifest's bytes, of this bitstream version where it says one.

    Raises:
        ManifestError, LimitExceededError, UnsupportedVersionError.
    """
    if len(data) > MAX_MANIFEST_SIZE_BYTES:
        raise LimitExceededError(f"manifest: expected at most {MAX_MANIFEST_SIZE_BYTES} bytes, got {len(data)}")
    try:
        fields: object = json.loads(bytes(data).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"manifest: expected JSON in UTF-8: {error}") from error
    # The version first: a manifest of another version may have other fields.
    version = fields.get("bitstream_version") if isinstance(fields, dict) else None
    if type(version) is int:
        check_version(version)
    return fields


def canonical(fields: dict[str, Any]) -> bytes:
    """The one JSON text of a manifest's fields: keys sorted, no spaces, no newline at the end."""
    try:
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        data = text.encode("utf-8")
    except ValueError as error:
        raise ManifestError(f"manifest: cannot be written as JSON in UTF-8: {error}") from error
    if len(data) > MAX_MANIFEST_SIZE_BYTES:
        raise LimitExceededError(f"manifest: expected at most {MAX_MANIFEST_SIZE_BYTES} bytes of JSON, got {len(data)}")
    return data


def check_canonical(data: bytes, written: bytes) -> None:
    """Raises ManifestError unless a manifest, written again, gives the bytes it was read from."""
    if written != data:
        at = next((i for i, (a, b) in enumerate(zip(written, data, strict=False)) if a != b), None)
        at = min(len(data), len(written)) if at is None else at
        raise ManifestError(f"manifest: expected canonical JSON (sorted keys, no spaces); it differs at byte {at}")
