"""Where things lie: the project, its golden files, and the real data beside it (which may be missing)."""

from __future__ import annotations

import os
from pathlib import Path

from isthmus.data.beside import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
SHARED = Path(os.environ.get(VARIABLE) or ROOT.parent / "shared")
DATA = SHARED / "data"
