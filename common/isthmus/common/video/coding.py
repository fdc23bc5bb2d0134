"""How a codec of videos codes its latents: the one of three ways that its tables are for."""

from __future__ import annotations

from isthmus.common.errors import ManifestError
from isthmus.common.video.codec_tables import Tables
from isthmus.common.video.levels import LevelCoding
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.plane_coding import PlaneCoding
from isthmus.common.video.plane_tables import PlaneTables
from isthmus.common.video.stepped import SteppedCoding
from isthmus.common.video.stepped_tables import SteppedTables

Coding = LevelCoding | SteppedCoding | PlaneCoding


def open_coding(manifest: VideoManifest, tables: Tables) -> Coding:
    """The way of a codec. ManifestError: the tables are not those that the manifest speaks of."""
    kinds = [plane.latent_channels for plane in manifest.planes] or [manifest.latent_channels]
    held = [t.channels for t in tables.planes] if isinstance(tables, PlaneTables) else [tables.channels]
    if held != kinds:
        raise ManifestError(f"{manifest.name}: expected tables of {_said(kinds)} channels, got {_said(held)}")
    if isinstance(tables, PlaneTables):
        if not manifest.planes:
            raise ManifestError(f"{manifest.name}: expected tables of one tensor, got those of planes")
        return PlaneCoding(manifest, tables)
    if isinstance(tables, SteppedTables) != bool(manifest.tile_latents) or manifest.planes:
        raise ManifestError(f"{manifest.name}: expected tables of a codec with tiles where it has them, got others")
    return SteppedCoding(manifest, tables) if isinstance(tables, SteppedTables) else LevelCoding(manifest, tables)


def _said(counts: list[int]) -> str:
    return ", ".join(map(str, counts))
