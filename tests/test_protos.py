"""The committed generated code is what the .proto files give."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.paths import ROOT

SCRIPT = ROOT / "scripts" / "generate_protos.py"


def test_generated_code_is_current() -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools (extra dev) is not installed")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
