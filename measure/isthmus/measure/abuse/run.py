"""Attacks on a cloud in another process, each on a new one, with a victim beside it.

The victim asks for the labels of one cloud of points after another, a hundred times a second at most, first alone,
then while the attack goes on; its latency in both is compared. The cloud's peak memory is what the system says of it.
Attacker and victim are two peers of their own, told apart by token.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.zoo import find_codec
from isthmus.measure.abuse.attacks import ATTACKS, TOKEN_VARIABLE
from isthmus.measure.abuse.guests import CODEC, Guests, Messages, Visit, visit
from isthmus.measure.abuse.options import AbuseSettings
from isthmus.measure.cloud_process import CloudProcess
from isthmus.measure.options import words
from isthmus.measure.percentiles import Percentiles
from isthmus.measure.track import Track

VERSIONED = ("numpy", "onnxruntime", "grpcio", "protobuf")
ATTACKER, VICTIM = "attacker", "victim"
LEAD_S = 1.0
"""An attack goes on for so long before the victim comes, and after it."""


@dataclass(frozen=True, slots=True)
class Beside:
    """The victim of one attack.

    Attributes:
        attack: its name.
        alone, beside: what became of the victim's frames before it and during it.
        peak_mb: of the cloud, in MiB.
    """

    attack: str
    alone: Visit
    beside: Visit
    peak_mb: float

    @property
    def ratio(self) -> float:
        """Of the victim's p95 during the attack to that without it; infinite where nothing was answered."""
        if not self.beside.latencies_ms:
            return float("inf")
        return Percentiles.of(self.beside.latencies_ms).p95 / Percentiles.of(self.alone.latencies_ms).p95


def measure_abuse(settings: AbuseSettings, track: Track) -> tuple[Beside, ...]:
    """Each attack in turn.

    Raises:
        InputError: no such attack.
    """
    names = tuple(ATTACKS) if settings.attacks == "all" else words(settings.attacks)
    if unknown := [name for name in names if name not in ATTACKS]:
        raise InputError(f"attacks: expected some of {', '.join(ATTACKS)}, got {unknown[0]}")
    messages = Messages.of(settings.zoo)
    advance = track("attacks", len(names))
    found = []
    for name in names:
        found.append(_attacked(name, settings, messages))
        advance(1)
    return tuple(found)


def _attacked(name: str, settings: AbuseSettings, messages: Messages) -> Beside:
    zoo = find_codec(CODEC, settings.zoo).parent
    with tempfile.TemporaryDirectory() as folder:
        guests = Guests(Path(folder), (ATTACKER, VICTIM))
        with CloudProcess(zoo, peers=guests.path, memory_limit_bytes=settings.memory_limit_mb << 20) as cloud:
            # Not measured: the victim's codec is loaded, and what the first frames teach is learned.
            asyncio.run(visit(cloud.address, guests.tokens[VICTIM], messages, 1.0))
            alone = asyncio.run(visit(cloud.address, guests.tokens[VICTIM], messages, settings.seconds))
            command = [sys.executable, "-m", "isthmus.measure.abuse.attacks", name, cloud.address]
            command += [str(settings.seconds + 2 * LEAD_S), str(zoo)]
            environment = os.environ | {
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                TOKEN_VARIABLE: guests.tokens[ATTACKER],
            }
            attacker = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            try:
                beside = asyncio.run(_late(cloud.address, guests.tokens[VICTIM], messages, settings.seconds))
                peak_mb = cloud.peak_bytes() / (1 << 20)
                if attacker.poll() not in (None, 0):
                    raise InputError(f"{name}: expected the attack to go on, it ended with {attacker.returncode}")
            finally:
                attacker.terminate()
                attacker.wait()
    return Beside(name, alone, beside, peak_mb)


async def _late(address: str, token: str, messages: Messages, seconds: float) -> Visit:
    await asyncio.sleep(2 * LEAD_S)  # it starts as a process
    return await visit(address, token, messages, seconds)


def write_abuse(found: tuple[Beside, ...], settings: AbuseSettings, command: str, folder: Path) -> Path:
    """Results file, the summary gathered; answers its path."""
    sides = {row.attack: (Percentiles.of(row.alone.latencies_ms), row.beside) for row in found}
    tails = [Percentiles.of(b.latencies_ms).p95 for _, b in sides.values() if b.latencies_ms]
    summary = {
        "abuse.attacks": len(found),
        "abuse.victim_p95_ratio_max": max(row.ratio for row in found),
        "abuse.victim_p95_ms_max": max(tails),
        "abuse.victim_frames": sum(len(row.beside.latencies_ms) for row in found),
        "abuse.victim_failures": sum(row.beside.failures for row in found),
        "abuse.peak_mb": max(row.peak_mb for row in found),
        "abuse.memory_limit_mb": settings.memory_limit_mb,
    }
    detail = {
        row.attack: {
            "victim_alone_ms": row.alone.latencies_ms,
            "victim_ms": row.beside.latencies_ms,
            "ratio": row.ratio,
            "failures": row.beside.failures,
            "reason": row.beside.reason,
            "peak_mb": row.peak_mb,
        }
        for row in found
    }
    provenance = Provenance.of(
        command, "generated clouds of points", 5, VERSIONED, chosen="Nothing was chosen on data."
    )
    written = write_results(folder, Results("abuse", provenance, summary, detail))
    gather_summary(folder)
    return written
