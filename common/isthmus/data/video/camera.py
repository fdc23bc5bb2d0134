"""Cameras of this machine, read with OpenCV."""

from __future__ import annotations

import time
from collections.abc import Iterator

from isthmus.common.errors import InputError
from isthmus.common.signals import Image
from isthmus.data.video.libraries import import_cv2
from isthmus.data.video.source import Closing, SourceFrame, told_fps


class CameraVideo(Closing):
    """A camera; see `isthmus.data.video.files.open_video`, which makes it."""

    def __init__(self, number: int, size: tuple[int, int] | None, fps: float) -> None:
        """Open the device."""
        self._cv2 = import_cv2()
        self.name = f"camera:{number}"
        self.is_live = True
        self._size = size
        self._capture = self._cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise InputError(f"{self.name}: expected a camera, got none that opens; is it in use, or another number?")
        if fps:
            self._capture.set(self._cv2.CAP_PROP_FPS, fps)
        self.fps = told_fps(fps, float(self._capture.get(self._cv2.CAP_PROP_FPS)))

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()

    def __iter__(self) -> Iterator[SourceFrame]:
        """Frames until the camera gives no more."""
        start_s = time.perf_counter()
        index = 0
        while True:
            is_read, bgr = self._capture.read()
            if not is_read:
                if not index:
                    raise InputError(f"{self.name}: expected frames, got none; is the camera in use?")
                return
            if self._size is not None and bgr.shape[:2] != self._size:
                bgr = self._cv2.resize(bgr, self._size[::-1], interpolation=self._cv2.INTER_AREA)
            time_s = time.perf_counter() - start_s
            yield SourceFrame(Image(self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB)), index, time_s)
            index += 1
