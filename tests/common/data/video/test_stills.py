"""Images that move, spoiled: frames as far as they go, then an `InputError`; never another fault."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from isthmus.common.errors import InputError
from isthmus.data.video.stills import MovingImageVideo, StillsVideo, is_moving, is_pattern


def moving(path: Path) -> bytes:
    frames = [PIL.Image.fromarray(np.full((6, 5, 3), 40 * i, np.uint8)) for i in range(3)]
    more: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50, **more)
    return path.read_bytes()


@pytest.mark.filterwarnings("ignore")  # Pillow's own, of odd metadata
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_any_bytes_at_all(tmp_path: Path, suffix: str) -> None:
    """Cut at every byte, and every byte turned over."""
    data = moving(tmp_path / f"whole{suffix}")
    path = tmp_path / f"a{suffix}"
    count = 0
    for at in range(len(data)):
        spoiled = bytearray(data)
        spoiled[at] ^= 0xFF
        for given in (data[:at], bytes(spoiled)):
            path.write_bytes(given)
            is_moving(path)
            with suppress(InputError), MovingImageVideo(path, None, 0.0) as video:
                for _ in video:
                    count += 1
    assert count > 50


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_a_cut_one(tmp_path: Path, suffix: str) -> None:
    """Whether Pillow says it or counts fewer frames."""
    path = tmp_path / f"a{suffix}"
    data = moving(path)
    path.write_bytes(data[: len(data) * 9 // 10])
    with pytest.raises(InputError), MovingImageVideo(path, None, 0.0) as video:
        list(video)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moving(tmp_path / "a.gif")
    monkeypatch.setattr("isthmus.data.video.stills.MAX_PIXELS", 10)
    with pytest.raises(InputError, match=r"at most 10 pixels.*, got 5 x 6"):
        MovingImageVideo(tmp_path / "a.gif", None, 0.0)


def test_patterns(tmp_path: Path) -> None:
    assert is_pattern("a%d.png")
    assert is_pattern("x/a%04d.png")
    assert not any(map(is_pattern, ("a.png", "a%.png", "a%d%d.png", "a%d/b.png", "100%.png")))
    for name in ("a7.png", "a07.png", "a8.png", "b8.png", "a8.jpg"):
        PIL.Image.new("RGB", (2, 2)).save(tmp_path / name)
    assert [path.name for path in StillsVideo(tmp_path / "a%d.png", None, 0.0)._paths.values()] == ["a7.png", "a8.png"]
    assert [path.name for path in StillsVideo(tmp_path / "a%02d.png", None, 0.0)._paths.values()] == ["a07.png"]
