"""What a cloud keeps of the images that come in: PNG files in one folder, within a quota.

Edges decide what comes in, so the disk is theirs to fill unless somebody counts. What was in the folder at the start
counts as well. When the quota is reached nothing more is kept, which is said once; the answers go on.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.whole_file import write_whole

DEFAULT_MAX_BYTES = 1 << 30

_log = logging.getLogger("isthmus.cloud")


class Saves:
    """A folder of pictures. Several threads may save at once.

    Args:
        folder: there already.
        max_bytes: of all its files together.

    Raises:
        InputError: there is no such folder.
    """

    def __init__(self, folder: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder}: expected a folder to save reconstructions in, got none there; make it first")
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._bytes = sum(found.lstat().st_size for found in folder.iterdir() if found.is_file())
        self._is_full = False

    def keep(self, name: str, png: bytes) -> bool:
        """Keep a picture under a name; whether it was. That there is no room for it is not the client's concern."""
        with self._lock:
            if self._bytes + len(png) > self._max_bytes:
                if not self._is_full:
                    told = "%s: %d bytes are kept, at most %d may be; nothing more is saved"
                    _log.warning(told, self._folder, self._bytes, self._max_bytes)
                self._is_full = True
                return False
            self._bytes += len(png)
        try:
            write_whole(self._folder / name, png)
        except InputError as error:
            with self._lock:
                self._bytes -= len(png)
            _log.error("could not save a reconstruction: %s", error)
            return False
        return True
