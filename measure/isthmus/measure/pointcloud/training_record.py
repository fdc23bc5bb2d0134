"""What a codec's `training.json` says of it: how it did on validation, and the operations of its halves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.manifest.folder import CLOUD_FILE
from isthmus.measure.pointcloud.head_macs import graph_head_macs

TRAINING_FILE = "training.json"
COUNTS = ("encoder_macs_per_point", "quantizer_macs", "decoder_macs", "encoder_parameters", "decoder_parameters")


@dataclass(frozen=True, slots=True)
class Validation:
    """Of the clouds that were cut from train to choose by, at the P and the heading that the codec is made for.

    Attributes:
        bits: a cloud, mean, as training estimates them: under the prior that the codec learnt along, which for ours is
            not yet the tree that it ships with. They rank the points of a family and are no rate of it.
        top1_percent: of the network in floats.
    """

    bits: float
    top1_percent: float


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """Of one codec; what is not told is 0 or None.

    Attributes:
        encoder_macs_per_point: multiply-accumulates of the edge half a point.
        quantizer_macs: of its quantiser a cloud.
        decoder_macs: of the cloud half a cloud.
        edge_parameters, decoder_parameters: weights and biases of the halves, batch norm folded.
        validation: see there.
    """

    encoder_macs_per_point: int = 0
    quantizer_macs: int = 0
    decoder_macs: int = 0
    validation: Validation | None = None
    edge_parameters: int = 0
    decoder_parameters: int = 0

    @classmethod
    def read(cls, folder: Path) -> TrainingRecord:
        """Of the codec in `folder`; what a record of before does not tell of its cloud half is counted on the graph."""
        try:
            told = json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8"))
            edge, quantizer, decoder, *parameters = (int(told.get(name, 0)) for name in COUNTS)
            judged = told.get("validation", {})
            both = [float(judged[name]) for name in ("bits", "top1_percent") if name in judged]
        except (OSError, ValueError, AttributeError, TypeError):
            return cls()
        if not decoder and (folder / CLOUD_FILE).is_file():
            decoder = graph_head_macs(folder)
        return cls(edge, quantizer, decoder, Validation(*both) if len(both) == 2 else None, *parameters)

    def edge_macs(self, points: int) -> int:
        """Of the edge half a cloud of so many points; 0 where nothing is told of it."""
        return self.encoder_macs_per_point * points + self.quantizer_macs
