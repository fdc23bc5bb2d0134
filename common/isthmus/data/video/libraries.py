"""The libraries of the extra `video`, imported when first needed: PyAV reads files and pipes, OpenCV sees motion."""

from __future__ import annotations

from typing import Any

from isthmus.common.errors import MissingDependencyError


def import_av() -> Any:
    """The package `av`. MissingDependencyError if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("reading video needs PyAV: pip install 'isthmus[video]'") from error
    return av


def import_cv2() -> Any:
    """The package `cv2`, held to one thread. MissingDependencyError if it is not installed."""
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError("video needs OpenCV: pip install 'isthmus[video]'") from error
    cv2.setNumThreads(1)  # the edge has other work for its cores, and small frames gain nothing
    return cv2
