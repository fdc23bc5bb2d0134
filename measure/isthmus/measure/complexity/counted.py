"""What runs under `valgrind --tool=callgrind --dump-before=getppid`: every stage on little to warm up, then
on all of it to be counted.

`os.getppid()` is nothing here but a mark that callgrind sees: at each it writes what was executed since the last.

    python -m isthmus.measure.complexity.counted stages.json
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from isthmus.measure.complexity.stages import load_stages, prepared


def main(path: Path) -> None:
    """Two marks a stage, before and after what is counted."""
    for stage in load_stages(path):
        runs = prepared(stage)
        runs.small()
        os.getppid()
        runs.whole()
        os.getppid()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
