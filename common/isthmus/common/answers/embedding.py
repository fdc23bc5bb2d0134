"""An embedding: numbers that stand for a frame, to be compared with others. As bytes: float32, little-endian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.common import protocol
from isthmus.common.errors import InputError, MessageError
from isthmus.common.task import Asked, Told

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Float32 = npt.NDArray[np.float32]

MOST_NUMBERS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """Outcome of an embedding.

    Attributes:
        values: float32 `[n]`, finite, read-only.

    Raises:
        InputError: another array.
    """

    values: Float32

    def __post_init__(self) -> None:
        import numpy as np

        is_list = self.values.ndim == 1 and 1 <= len(self.values) <= MOST_NUMBERS and self.values.dtype == np.float32
        if not is_list or not np.isfinite(self.values).all():
            raise InputError(
                f"embedding: expected finite float32 [1 to {MOST_NUMBERS}], got {self.values.dtype} {self.values.shape}"
            )
        self.values.flags.writeable = False


def write_embedding(embedding: Embedding) -> protocol.FrameAnswer:
    """As it travels."""
    return protocol.FrameAnswer(embedding.values.astype("<f4").tobytes())


def read_embedding(outcome: protocol.Outcome, asked: Asked) -> Embedding:
    """The embedding of a frame. MessageError for what no cloud writes."""
    import numpy as np

    del asked
    if not isinstance(outcome, protocol.FrameAnswer) or len(outcome.data) % 4:
        raise MessageError("result: expected an embedding of float32, got something else")
    try:
        return Embedding(np.frombuffer(outcome.data, "<f4").astype(np.float32))
    except InputError as error:
        raise MessageError(f"result: {error}") from error


def tell_embedding(embedding: Embedding, class_names: tuple[str, ...]) -> Told:
    """How many numbers and their norm; all in JSON."""
    import numpy as np

    del class_names
    norm = float(np.linalg.norm(embedding.values.astype(np.float64)))
    fields: dict[str, object] = {"norm": norm, "embedding": [float(x) for x in embedding.values]}
    return Told((str(len(embedding.values)), f"{norm:.4g}"), fields)
