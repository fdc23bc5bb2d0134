"""Files spoiled: cut and flipped at byte after byte, with other sizes in them, with bytes more and less, or noise.

A case is told by its number alone, so that a process that crashed is followed by one that goes on behind it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from isthmus.measure.fuzz.mutations import ODD_NUMBERS, Mutation, append, flip_bits, insert, noise, remove, splice

WHOLE = "none"
CUT, FLIPPED = "cut at a byte", "a bit of a byte flipped"
HEAD_BYTES = 200
DIGITS = re.compile(rb"\d+")
ODD_WORDS = ("-1", "1e30", "1e-400", "nan", "inf", "0x10", "1_0", "9" * 400, "")
STEPS = 97
"""From one byte to the next that is cut or flipped: a prime, so that all have their turn."""


def spoiled(files: Sequence[bytes], case: int, seed: str) -> tuple[str, bytes]:
    """(how it was spoiled, the file) of a case; the first cases are the files as they are."""
    name = way_of(case, len(files))
    if name == WHOLE:
        return WHOLE, files[case]
    rng, turn = random.Random(f"{seed} {case}"), (case - len(files)) // len(WAYS)
    data, step = files[turn % len(files)], turn // len(files)
    if name == CUT:
        return name, data[: step * STEPS % len(data)]
    if name == FLIPPED:
        at = step * STEPS % len(data)
        return name, data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    found = MUTATIONS[name](data, rng, files)
    if rng.random() < 0.1:  # now and then two things are wrong
        found = MUTATIONS[rng.choice(list(MUTATIONS))](found, rng, files)
    return name, found


def way_of(case: int, files: int) -> str:
    """How the file of a case is spoiled."""
    return WHOLE if case < files else WAYS[(case - files) % len(WAYS)]


def has_sums_mended(case: int, seed: str) -> bool:
    """Whether the sums of a case's file are made right again: those of every other one."""
    return random.Random(f"{seed} {case} sums").random() < 0.5


def change_number(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """Another number where one may stand: a count, a size, a place; in digits, or in 1, 2, 4 or 8 bytes."""
    most = min(HEAD_BYTES, len(data)) if rng.random() < 0.7 else len(data)
    at = rng.randrange(most) if most else 0
    written = DIGITS.search(data, at, at + 40)
    if written and rng.random() < 0.6:
        word = rng.choice(ODD_WORDS) if rng.random() < 0.3 else str(rng.choice(ODD_NUMBERS))
        return data[: written.start()] + word.encode() + data[written.end() :]
    size = rng.choice((1, 2, 4, 4, 8))
    number = rng.choice(ODD_NUMBERS) % (1 << 8 * size)
    return data[:at] + number.to_bytes(size, rng.choice(("little", "big"))) + data[at + size :]


MUTATIONS: dict[str, Mutation] = {
    "numbers changed": change_number,
    "bits flipped": flip_bits,
    "bytes inserted": insert,
    "bytes removed": remove,
    "bytes appended": append,
    "files spliced": splice,
    "noise": noise,
}
# Beginnings, single flips and other sizes twice as often as the others.
WAYS = (CUT, FLIPPED, "numbers changed", *MUTATIONS, CUT, FLIPPED)
