"""Importing the API loads nothing heavy; encoding loads no cloud, and nothing loads torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support import tiny_codec

HEAVY = ("torch", "open3d", "grpc", "onnxruntime", "onnx", "cv2", "av", "PIL", "matplotlib", "scipy", "rich", "typer")

SCRIPT = """
import sys
from isthmus.codec import codecs, connect, load

def loaded():
    return sorted(name for name in {heavy!r} if name in sys.modules)

print("import", loaded())
codec = load({folder!r})
assert codec.name in {{row.name for row in codecs({zoo!r})}}
print("load", loaded())
points = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
coded = codec.encode(points)
print("encode", loaded(), "isthmus.cloud" in sys.modules)
print(codec.decode(coded))
print("decode", loaded())
"""


def test_what_is_loaded_and_when(tmp_path: Path) -> None:
    folder = tiny_codec.write_codec(tmp_path)
    source = SCRIPT.format(heavy=HEAVY, folder=str(folder), zoo=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        capture_output=True,
        text=True,
        timeout=60,
        env=tiny_codec.child_environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[:2] == ["import []", "load []"]
    assert said[2] == "encode ['onnxruntime'] False"
    assert said[4] == "decode ['onnxruntime']"
