"""Instructions of every stage, counted by `valgrind --tool=callgrind`: the same on a busy machine as on an idle one.

valgrind tells programs that the processor has AVX2 and nothing wider, so all processors with AVX2 run the same kernels.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.measure.complexity.stages import Stage, save_stages

TOOL = "valgrind"
MARK = "getppid"
"""A function of the C library that nothing calls by itself."""
TIMEOUT_S = 3600
_TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)


def counter_missing() -> str:
    """Why instructions cannot be counted here; "" where they can."""
    if shutil.which(TOOL):
        return ""
    return f"{TOOL} is not installed: no instructions were counted, MACs and times are all there is"


def instructions(stages: Sequence[Stage], folder: Path) -> tuple[int, ...]:
    """Of one run of each stage, after one that warmed it up. Minutes.

    Args:
        stages: what is counted.
        folder: for what is written on the way.

    Raises:
        InputError: valgrind ended otherwise than it should, with its last words.
    """
    listed, out = folder / "stages.json", folder / "counted"
    save_stages(stages, listed)
    command = [TOOL, "--tool=callgrind", f"--dump-before={MARK}", f"--callgrind-out-file={out}"]
    command += [sys.executable, "-m", "isthmus.measure.complexity.counted", str(listed)]
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            command, env=os.environ | single, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{TOOL}: expected it to run, got {error}; --no-instructions leaves it out") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        raise InputError(f"{TOOL}: expected 0 from it, got {done.returncode}: {last}; --no-instructions leaves it out")
    return counts_in(out, len(stages))


def counts_in(out: Path, stages: int) -> tuple[int, ...]:
    """Of each stage what was executed between its two marks, from the files `out.1`, `out.2`, ... that callgrind wrote.

    Raises:
        InputError: there are fewer marks than stages have, or a file without a total.
    """
    found = sorted(out.parent.glob(f"{out.name}.*"), key=lambda path: int(path.suffix[1:]))
    if len(found) < 2 * stages:
        raise InputError(f"{TOOL}: expected {2 * stages} parts of its count, got {len(found)}")
    counts = []
    for path in found[-2 * stages :][1::2]:
        total = _TOTAL.search(path.read_text(encoding="utf-8"))
        if total is None:
            raise InputError(f"{path.name}: expected a line `totals: N` of {TOOL}, found none")
        counts.append(int(total[1]))
    return tuple(counts)
