"""The tables of a codec of videos, of whichever kind it has."""

from __future__ import annotations

from isthmus.common.manifest.codec_file import Source
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.plane_tables import PlaneTables
from isthmus.common.video.stepped_tables import SteppedTables
from isthmus.common.video.tables import VideoTables

Tables = VideoTables | SteppedTables | PlaneTables


def open_tables(path: Source, manifest: VideoManifest) -> Tables:
    """The tables in the file of a codec. ManifestError if it is missing, or they are not those of such a codec."""
    if manifest.planes:
        return PlaneTables.load(path, manifest)
    return (SteppedTables if manifest.tile_latents else VideoTables).load(path, manifest)
