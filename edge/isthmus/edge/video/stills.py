"""Images through a codec of videos: each is one key frame, and nothing of it is kept for the next.

What a person gets is told as of images: a row each, with the bits of its packet beside those of its file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from isthmus.common.coded import Coded
from isthmus.common.image.signal import IMAGE
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.task import Told
from isthmus.common.unused_name import unused
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.zoo import find_codec
from isthmus.data.image.files import image_paths
from isthmus.edge.columns import Column
from isthmus.edge.failures import Failure, tell_notes
from isthmus.edge.files import Beside, run_files
from isthmus.edge.image.reading import read_item
from isthmus.edge.inputs import Inputs, Item
from isthmus.edge.job import Job, Packed, pack_files
from isthmus.edge.video.coding import step_of
from isthmus.edge.video.detail import FrameDetail
from isthmus.edge.video.drawing import save_drawn
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.options import StillOptions
from isthmus.edge.video.placing import placed
from isthmus.edge.video.policy import VideoPolicy
from isthmus.runtime.engine import AUTO

COLUMNS = (Column("bits", is_number=True), Column("% of file", is_number=True))


class StillEncoder:
    """A codec of videos as an encoder of images. Raises as `VideoEncoder`; OpenCV is not needed."""

    def __init__(self, folder: str | Path, engine: str = AUTO, options: StillOptions | None = None) -> None:
        asked = options or StillOptions()
        policy = VideoPolicy(mode="intra", step=step_of(asked.quality), max_bytes=asked.max_bytes)
        self._encoder = VideoEncoder(folder, policy, engine=engine)
        self.manifest: VideoManifest = self._encoder.manifest

    def encode(self, image: Image) -> Coded[FrameDetail]:
        """One image, one key frame. InputError: one that the codec cannot take."""
        return self._encoder.encode(VideoFrame(image, 0))


def run(job: Job) -> int:
    """Do the job; return how many inputs failed.

    Raises:
        InputError: no such codec, or an address that is none.
        IsthmusError: what kept the stream from opening, or ended it.
    """
    encoder = StillEncoder(find_codec(job.codec, job.zoo), job.engine, _asked(job))
    taken = set[str]()

    def tell(item: Item, image: Image, coded: Coded[Any]) -> Told:
        fields: dict[str, object] = {"codec": encoder.manifest.name, "notes": list(image.notes)}
        fields |= {"packet_bits": coded.packet_bits}
        percent = "-"
        name = item.place.name
        if name != "-" and item.sample is None:
            file_bytes = Path(name).stat().st_size
            share = coded.packet_bits / (8 * file_bytes)
            percent = f"{100 * share:.2f}"
            fields |= {"file_bytes": file_bytes, "bits_over_file_bits": round(share, 6)}
        return Told((f"{coded.packet_bits}", percent), fields)

    def fit(item: Item, image: Image) -> Callable[[Any], Any]:
        size, folder = (image.height, image.width), _asked(job).draw

        def place(outcome: Any) -> Any:
            found = placed(encoder.manifest, outcome, *size)
            if folder is not None:
                path = folder / f"{unused(item.place.stem, taken)}.png"
                save_drawn(path, image.pixels, found, encoder.manifest.classes)
            return found

        return place

    return run_files(job, IMAGE, encoder, image_paths, lambda item: _read(item, job), Beside(COLUMNS, tell, fit))


def pack(job: Job) -> Iterator[Packed | Failure]:
    """The packets of what was named, one an image. InputError: no such codec."""
    encoder = StillEncoder(find_codec(job.codec, job.zoo), job.engine, _asked(job))
    inputs = Inputs(job.inputs, image_paths, IMAGE.message_types, _asked(job).topic)
    return pack_files(encoder, inputs, lambda item: _read(item, job))


def _asked(job: Job) -> StillOptions:
    return job.options if isinstance(job.options, StillOptions) else StillOptions()


def _read(item: Item, job: Job) -> Image:
    """The image of an item. What was left out of it is said."""
    image = read_item(item, job.format)
    tell_notes(item.place.name, image.notes)
    return image
