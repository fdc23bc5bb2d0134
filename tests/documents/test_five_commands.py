"""The five commands of the README, from nothing to a cloud with TLS and a token: run by a shell, as they are written.

Changed are what a test cannot do on a machine that it shares: the first installs what is tested, the cloud listens on
loopback and on a free port.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.documents import blocks
from support.paths import ROOT

LIMIT_S = 120
END = """
for try in $(seq 300); do test -s ready && break; sleep 0.2; done
{edge}
code=$?
kill %1; wait %1
exit $code
"""


def five_commands() -> list[str]:
    found = [text.splitlines() for _, text in blocks(ROOT / "README.md", frozenset({"sh"})) if "--init-tls" in text]
    assert len(found) == 1
    return found[0]


def test_they_are_five() -> None:
    assert len(five_commands()) == 5


@pytest.mark.slow
def test_they_run(tmp_path: Path) -> None:
    install, *commands, cloud, edge = five_commands()
    assert install.startswith("pip install ")
    np.save(tmp_path / "chair.npy", np.random.default_rng(0).normal(size=(1500, 3)).astype(np.float32))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert cloud.endswith(" &")
    started = cloud.replace("0.0.0.0", "127.0.0.1").removesuffix(" &") + f" --port {port} --ready-file ready &"
    script = "\n".join(["set -m", *commands, started, END.format(edge=edge.replace(":50051", f":{port}"))])
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.Popen(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        told, _ = ran.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(ran.pid, signal.SIGKILL)
        raise
    assert ran.returncode == 0, told
    assert "chair.npy" in told
    assert (tmp_path / "pole-1.token").read_text().strip() not in told
