"""Whether a stream may be opened as it is asked for: what its codec can do."""

from __future__ import annotations

from isthmus.common import protocol
from isthmus.common.errors import UnsupportedVersionError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.status import mismatch
from isthmus.common.tasks import task_numbered


def check_request(manifest: Manifest, request: protocol.OpenStream) -> None:
    """Compare what a stream asks for with what its codec can do.

    Raises:
        UnsupportedVersionError: the codec has another bitstream, or no such task.
    """
    if request.bitstream_version != manifest.bitstream_version:
        raise mismatch(
            UnsupportedVersionError,
            f"bitstream version of codec {manifest.name}",
            str(manifest.bitstream_version),
            str(request.bitstream_version),
            "install the same release of isthmus on both sides",
        )
    word = task_numbered(request.task)
    if word not in manifest.tasks:
        raise mismatch(UnsupportedVersionError, f"task of codec {manifest.name}", " or ".join(manifest.tasks), word)
