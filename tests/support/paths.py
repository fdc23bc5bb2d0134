"""Where things lie: the project, its golden files, and the real data beside it (which may be missing)."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
SHARED = ROOT.parent / "shared"
DATA = Path(os.environ.get("ISTHMUS_DATA", SHARED / "data"))
