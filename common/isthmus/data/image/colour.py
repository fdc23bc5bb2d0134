"""To sRGB: from the space that an ICC profile tells of, 8 or 16 bits a sample.

Whether a profile is sRGB is measured, not read from its name: where it moves no probe by more than one level, the
pixels stay as they are. One that cannot be used (damaged, or of other channels than the picture's) is passed over, with
a note.

LittleCMS is reached through Pillow, which hands it 8 bits a sample, or 16 of grey. Of the other pixels of 16 bits it
gets the levels around, and between those it is interpolated, so that the dark parts of linear pictures do not fall onto
a few levels.
"""

from __future__ import annotations

import io
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageCms

UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]
Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

MODES = {1: "L", 3: "RGB", 4: "CMYK"}
SPACES = {"GRAY": ("L",), "RGB ": ("L", "RGB"), "CMYK": ("CMYK",)}
MAX_LEVEL = 255
SAME_LEVELS = 1
PASSED_OVER = "its colour profile cannot be used, and its colours were taken without one"
ROUGH_INKS = "its inks (CMYK) come without a profile, so its colours are rough"
SRGB = ImageCms.createProfile("sRGB")


class ToSrgb:
    """The way from one space to sRGB; without a profile, that of the channels alone.

    Attributes:
        notes: what is to be said of the colours.
    """

    def __init__(self, mode: str, profile: bytes | None) -> None:
        """Of pictures of Pillow's mode "L", "RGB" or "CMYK", and the profile that their file holds."""
        self._table: UInt8 | None = None
        self._transform: ImageCms.ImageCmsTransform | None = None
        self.notes: tuple[str, ...] = ()
        if not profile:
            self.notes = (ROUGH_INKS,) if mode == "CMYK" else ()
            return
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if mode not in SPACES.get(source.profile.xcolor_space, ()):
                self.notes = (PASSED_OVER,)
            elif source.profile.xcolor_space == "GRAY":
                self._table = _grey_table(source)
            else:
                self._transform = _transform(source, "CMYK" if mode == "CMYK" else "RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            self.notes = (PASSED_OVER,)

    def is_there(self, samples: Samples) -> bool:
        """Whether samples are levels of sRGB already."""
        return samples.shape[2] == 3 and samples.dtype == np.uint8 and self._transform is None

    def image(self, image: PIL.Image.Image) -> PIL.Image.Image:
        """A picture of the mode, in sRGB."""
        if self._table is not None:
            return PIL.Image.fromarray(self._table[::257][np.asarray(image)])
        if self._transform is None:
            return image if image.mode == "RGB" else image.convert("RGB")
        taken = image if image.mode == self._transform.input_mode else image.convert(self._transform.input_mode)
        turned = ImageCms.applyTransform(taken, self._transform)
        return image.convert("RGB") if turned is None else turned

    def samples(self, samples: Samples) -> UInt8:
        """Samples [height, width, channels] of 8 or 16 bits as uint8 [height, width, 3]."""
        if samples.dtype == np.uint8:
            return self._levels(samples.astype(np.uint8, copy=False))
        if self._table is not None:
            return self._table[samples[..., 0]]
        if self._transform is None:
            return self._levels(((samples.astype(np.uint32) + 128) // 257).astype(np.uint8))
        return self._between(samples.astype(np.uint16, copy=False))

    def _between(self, samples: UInt16) -> UInt8:
        """The mean of the levels around, weighted as in a simplex: channels step up in the order of what is over."""
        planes: list[UInt16] = [np.ascontiguousarray(samples[..., place]) for place in range(samples.shape[2])]
        low: list[UInt16] = [plane // 257 for plane in planes]  # 65535 is level 255, with nothing over
        over = [plane - below * np.uint16(257) for plane, below in zip(planes, low, strict=True)]
        places = range(len(planes))
        ranks = [
            sum(((over[b] >= over[a]) if b < a else (over[b] > over[a])).view(np.uint8) for b in places if b != a)
            for a in places
        ]
        order = list(over)
        for a, b in combinations(places, 2):
            order[a], order[b] = np.maximum(order[a], order[b]), np.minimum(order[a], order[b])
        # The weights of a pixel are 257 together, so sums of levels stay within 16 bits.
        bounds: list[UInt16] = [np.full_like(order[0], 257), *order, np.zeros_like(order[0])]
        weights = [first - second for first, second in pairwise(bounds)]
        found = np.zeros((3, *planes[0].shape), np.uint16)
        for step, weight in enumerate(weights):
            stepped = [np.minimum(below + (rank < step), MAX_LEVEL) for below, rank in zip(low, ranks, strict=True)]
            found += weight * np.moveaxis(self._levels(np.stack(stepped, axis=2).astype(np.uint8)), 2, 0)
        whole = found // 257
        return np.moveaxis(whole + (found - whole * np.uint16(257) > 128), 0, 2).astype(np.uint8)

    def _levels(self, samples: UInt8) -> UInt8:
        mode = MODES[samples.shape[2]]
        image = PIL.Image.fromarray(np.ascontiguousarray(samples[..., 0] if mode == "L" else samples), mode=mode)
        return np.asarray(self.image(image))


def _grey_table(source: ImageCms.ImageCmsProfile) -> UInt8 | None:
    """What each grey of 16 bits becomes, uint8 [65536, 3]; None where the profile changes nothing."""
    ramp = PIL.Image.fromarray(np.arange(1 << 16, dtype=np.uint16).reshape(256, 256))
    exact = ImageCms.buildTransform(source, SRGB, "I;16", "RGB", flags=ImageCms.Flags.NOOPTIMIZE)
    turned = ImageCms.applyTransform(ramp, exact)
    if turned is None:
        return None
    table = np.asarray(turned).reshape(-1, 3)
    same = np.abs(table[::257].astype(int) - np.arange(256)[:, None]).max() <= SAME_LEVELS
    return None if same else table


def _transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Through the profile to sRGB; None where it moves no grey and no pure colour by more than a level."""
    transform = ImageCms.buildTransform(source, SRGB, mode, "RGB")
    if mode == "CMYK":
        return transform
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    probes = np.stack([ramp * np.array([colour >> bit & 1 for bit in range(3)], np.uint8) for colour in range(1, 8)])
    turned = ImageCms.applyTransform(PIL.Image.fromarray(probes), transform)
    if turned is None:
        return None
    return None if np.abs(np.asarray(turned).astype(int) - probes).max() <= SAME_LEVELS else transform
