"""One photograph to a label: the packet is the product's own, and what is said of image files is true of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.common.zoo import find_codec
from isthmus.data.image.files import read_image
from isthmus.edge.video.options import StillOptions
from isthmus.edge.video.stills import StillEncoder
from isthmus.measure.image.photographs import shipped_photographs
from isthmus.measure.photograph.options import PhotographSettings
from isthmus.measure.photograph.rows import photograph_table
from isthmus.measure.photograph.run import PHOTO, measure_photograph, write_photograph_outputs

COFFEE = next(path for path in shipped_photographs() if path.name == PHOTO)


def untold(_: str, __: int) -> Callable[[int], None]:
    return lambda _: None


def test_it_is_the_edges_packet_and_the_files_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    measured, notes = measure_photograph(PhotographSettings(rivals="jpeg"), untold)
    encoder = StillEncoder(find_codec("vision-lite0-b5"), options=StillOptions(quality=5))
    assert measured.ours.size_bytes == encoder.encode(read_image(COFFEE)).packet.size_bytes
    assert measured.ours.label == measured.whole.label == "espresso"
    assert not notes
    small, pixels = measured.as_small["jpeg"]
    assert pixels.shape == measured.seen.shape
    for answer in (small, measured.same["jpeg"]):
        file = io.BytesIO()
        PIL.Image.fromarray(measured.seen).save(
            file, "JPEG", quality=int(answer.setting), optimize=True, subsampling="4:2:0"
        )
        assert len(file.getvalue()) == answer.size_bytes
    assert small.size_bytes <= measured.ours.size_bytes < measured.same["jpeg"].size_bytes
    assert small.label != measured.whole.label
    rows = photograph_table(measured).rows
    assert len(rows) == 2 + len(measured.same) + len(measured.as_good) + len(measured.as_small)
    written = write_photograph_outputs(measured, "isthmus measure photograph", tmp_path)
    assert read_results(written[0]).summary["photograph.bytes"] == measured.ours.size_bytes
    with PIL.Image.open(written[1]) as picture:
        assert picture.size[0] > 500


def test_other_formats_and_other_codecs_are_refused() -> None:
    with pytest.raises(InputError, match="formats among jpeg, webp, avif, got gif"):
        measure_photograph(PhotographSettings(rivals="gif"), untold)
    with pytest.raises(InputError, match="choose their step"):
        measure_photograph(PhotographSettings(codec="video-tiny-q3"), untold)
