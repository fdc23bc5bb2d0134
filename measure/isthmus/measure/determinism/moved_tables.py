"""What if the tables of an image did differ between edge and cloud?

Packets are decoded with one entry of one table moved by one, and with one logit moved by one: each must be refused, or
decode to the very symbols that were sent (a table the image hardly uses). A checksum of 2 bytes lets one wrong decoding
in 65,536 pass; those are counted as silent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.errors import PacketError, SymbolMismatchError
from isthmus.common.image.coder import ImageCoder
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.symbols import CodedImage, ImageSymbols
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import CodecFolder
from isthmus.runtime.integer_half import open_scale_indices, open_synthesis

Int32 = npt.NDArray[np.int32]
SEED = 0
MOVES = 4  # of one entry, and of one logit, in each image


def moved_outcomes(codec: CodecFolder[ImageManifest], tables: ImageTables, coded: Sequence[CodedImage]) -> list[str]:
    """What becomes of each image's packet under tables that are off by one."""
    rng = np.random.default_rng(SEED)
    manifest = codec.manifest
    synthesize = open_synthesis(codec) if manifest.bins else None
    scale_indices = open_scale_indices(codec) if manifest.hyper_channels else None
    right = ImageCoder(manifest, tables, synthesize=synthesize, scale_indices=scale_indices)
    outcomes = []
    for one in coded:
        symbols = one.symbols
        used = _used_groups(symbols, scale_indices)
        static = right.encode(symbols.y, symbols.height, symbols.width, adaptation=Adaptation.STATIC, z=symbols.z)
        for group in rng.choice(used, MOVES):
            wrong = replace(tables, tables=moved_entry(tables.tables, int(tables.first_table[group])))
            reader = ImageCoder(manifest, wrong, synthesize=synthesize, scale_indices=scale_indices)
            outcomes.append(_outcome(reader, static))
        if synthesize is None or symbols.q is None:
            continue
        logits = synthesize(symbols.q)
        for group in rng.choice(used, MOVES):
            moved = logits.copy()
            moved[group, manifest.bins // 2] += 1
            outcomes.append(_outcome(ImageCoder(manifest, tables, synthesize=_always(moved)), one))
    return outcomes


def _always(logits: Int32) -> Callable[[Int32], Int32]:
    return lambda _: logits


def _used_groups(symbols: ImageSymbols, scale_indices: Callable[[Int32], Int32] | None) -> npt.NDArray[np.int64]:
    """Groups whose latents are not all alike, or all of them."""
    if scale_indices is not None and symbols.z is not None:
        return np.unique(scale_indices(symbols.z)).astype(np.int64)
    flat = symbols.y.reshape(len(symbols.y), -1)
    used = np.flatnonzero(flat.min(1) != flat.max(1))
    return used if len(used) else np.arange(len(flat))


def moved_entry(tables: CdfTables, table: int) -> CdfTables:
    """The tables, with one unit of frequency moved from the likeliest entry of `table` to its neighbour."""
    cumulative = tables.cumulative.copy()
    frequencies = tables.frequencies(table)
    likeliest = int(frequencies.argmax())
    if likeliest + 1 < len(frequencies):
        cumulative[table, likeliest + 1] -= 1
    else:
        cumulative[table, likeliest] += 1
    return CdfTables(cumulative, tables.sizes, tables.offsets, tables.precision_bits, tables.has_escape)


def _outcome(reader: ImageCoder, coded: CodedImage) -> str:
    try:
        symbols = reader.decode(coded.packet.to_bytes())
    except (PacketError, SymbolMismatchError):
        return "refused"
    return "harmless" if np.array_equal(symbols.y, coded.symbols.y) else "silent"
