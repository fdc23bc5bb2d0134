"""The seams hold: a fourth signal, a task of its own and a third engine cross edge, wire and cloud, and no file of the
package knows of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import tiny_codec
from support.toy_waveform import (
    SPANS,
    WAVEFORM,
    EvaluatorEngine,
    Spans,
    Waveform,
    WaveformEncoder,
    write_waveform_codec,
)

from isthmus.codec import codecs, connect, load
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import opened
from isthmus.common.errors import (
    InputError,
    ManifestError,
    OverloadedError,
    SymbolMismatchError,
    UnsupportedVersionError,
)
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.tasks import CLASSIFICATION, RECONSTRUCTION, TASKS, Labels
from isthmus.edge.client import CloudClient
from isthmus.edge.job import Job
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.edge.pointcloud.job import run
from isthmus.edge.signal_choice import choose_codec
from isthmus.runtime.engine import ENGINES

TESTS = Path(__file__).parents[1]  # where `support` lies, for a program of its own

# The command line where a program has put the toys into the dicts before the commands are imported.
PROGRAM = """
import sys
from support.toy_waveform import SPANS, WAVEFORM
from isthmus.common.catalog import SIGNALS
from isthmus.common.tasks import TASKS
SIGNALS[WAVEFORM.name] = WAVEFORM
TASKS[SPANS.word] = SPANS
from isthmus.command.main import app
sys.argv[0] = "isthmus"
app()
"""


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toys stand in the dicts."""
    monkeypatch.setitem(SIGNALS, WAVEFORM.name, WAVEFORM)
    monkeypatch.setitem(TASKS, SPANS.word, SPANS)


@pytest.fixture
def zoo(known: None, tmp_path: Path) -> Path:  # noqa: ARG001  the codec is of the toys
    write_waveform_codec(tmp_path / "zoo")
    tiny_codec.write_codec(tmp_path / "zoo")
    return tmp_path / "zoo"


@pytest.fixture
def address(zoo: Path) -> Iterator[str]:
    with tiny_codec.live_cloud(zoo) as live:
        yield live.address


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    np.savetxt(folder / "tone.wave", np.sin(np.arange(800) / 3))
    np.savetxt(folder / "burst.wave", np.sin(np.arange(800) / 3) * (np.arange(800) >= 500))
    (folder / "short.wave").write_text("1\n2\n")
    (folder / "other.txt").write_text("no sound")
    return folder


def isthmus(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=tiny_codec.child_environment(TESTS),
        check=False,
    )


def test_a_fourth_signal_crosses(zoo: Path, address: str, sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choice = choose_codec((str(sounds),), zoo=zoo)
    assert (choice.signal, choice.codec) == (WAVEFORM, "waveform-toy-q1")
    job = Job((str(sounds),), address, choice.codec, zoo, as_json=True)
    assert opened(choice.signal.job)(job) == 1
    lines = {Path(line["file"]).stem: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert set(lines) == {"burst", "short", "tone"}
    assert (lines["tone"]["class"], lines["burst"]["class"]) == ("tone", "noise")
    assert "at least 8 samples" in lines["short"]["message"]
    assert 0 < lines["tone"]["packet_bits"] <= 64


def test_a_fourth_signal_has_its_own_quota_and_errors(zoo: Path, address: str) -> None:
    encoder = WaveformEncoder(zoo / WAVEFORM.default_codec)
    good = encoder.encode(Waveform(np.ones(80))).packet
    bad = Packet(PacketType.INTRA, good.sections, bytes([good.checksum[0] ^ 1, good.checksum[1]]))
    with CloudClient(address, encoder.manifest, CLASSIFICATION, top_k=2) as client:
        results = list(client.results([good, bad, good]))
        assert client.open().limits.packet.max_packet_size_bytes == 64
        assert [len(result.value.signals[0]) for result in (results[0], results[2])] == [2, 2]
        with pytest.raises(SymbolMismatchError, match="checksum"):
            _ = results[1].value
        with CloudClient(address, encoder.manifest) as second, CloudClient(address, encoder.manifest) as third:
            second.open()
            with pytest.raises(OverloadedError, match="at most 2 waveform streams"):
                third.open()


def test_a_task_of_its_own(
    zoo: Path, address: str, sounds: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One codec, two tasks: labels, and answers in bytes that only the task understands, each typed."""
    encoder = WaveformEncoder(zoo / WAVEFORM.default_codec)
    burst = encoder.encode(Waveform(np.loadtxt(sounds / "burst.wave"))).packet
    with CloudClient(address, encoder.manifest, SPANS) as client:
        (result,) = client.results([burst])
        assert isinstance(result.value, Spans)
        assert [span[:2] for span in result.value.found] == [(5, 7)]
    with CloudClient(address, encoder.manifest, CLASSIFICATION) as client:
        (labelled,) = client.results([burst])
        assert isinstance(labelled.value, Labels)
        assert labelled.value.top().class_index == 0
        offers = {offer.codec_id.name: offer.tasks for offer in client.capabilities().codecs}
    assert offers["waveform-toy-q1"] == (CLASSIFICATION.number, SPANS.number)
    with CloudClient(address, encoder.manifest, RECONSTRUCTION) as client, pytest.raises(UnsupportedVersionError):
        client.open()
    only = write_waveform_codec(zoo.parent / "only", tasks=("spans",))
    with tiny_codec.live_cloud(only.parent) as live:
        monkeypatch.chdir(sounds)  # short names: a row is a line
        assert opened(WAVEFORM.job)(Job((".",), live.address, str(only))) == 1
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[:4] == ["file", "loud", "parts", "spans"]
    assert any(row.split()[1:3] == ["5-7", "1"] for row in table if "burst" in row)


def test_the_python_api_takes_it(zoo: Path, address: str, sounds: Path) -> None:
    """`load`, `inspect` and `connect` as of the signals that ship."""
    codec = load("waveform-toy-q1", zoo=zoo, volume=2.0)
    coded = codec.encode(sounds / "tone.wave")
    assert coded.packet == codec.encode(np.loadtxt(sounds / "tone.wave")).packet
    assert codec.decode(coded.packet).best.class_name == "tone"
    assert codec.decode(coded.packet, task="spans") == Spans(((0, 7, 7),))
    assert ("levels", " ".join("7" * 8)) in codec.inspect(coded.packet).rows
    assert [row.signal for row in codecs(zoo) if row.name == codec.name] == ["waveform"]
    with connect(address, codec) as cloud:
        named = [result.value.best.class_name for result in cloud.results(sorted(sounds.glob("[bt]*.wave")))]
        assert named == ["noise", "tone"]
    with pytest.raises(InputError, match="expected one of volume"):
        load("waveform-toy-q1", zoo=zoo, points=4)


def test_unknown_words_stay_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the dicts do not hold them, a codec of them is refused by name."""
    with monkeypatch.context() as known:
        known.setitem(SIGNALS, WAVEFORM.name, WAVEFORM)
        known.setitem(TASKS, SPANS.word, SPANS)
        folder = write_waveform_codec(tmp_path)
        known.delitem(TASKS, SPANS.word)
        with pytest.raises(ManifestError, match="tasks: expected some of"):
            load_codec_folder(folder)
    with pytest.raises(ManifestError, match="signal: expected one of"):
        load_codec_folder(folder)


@pytest.mark.slow
def test_the_command_line_takes_them_as_its_own(zoo: Path, address: str, sounds: Path, tmp_path: Path) -> None:
    """Its options, its files, its streams: `edge`, `encode`, `decode` and `--help` learn the signal from the dict."""
    shown = isthmus("edge", "--help").stdout
    assert "Waveforms" in shown
    assert "--volume" in shown
    assert "--max-waveform-bytes" in isthmus("cloud", "--help").stdout
    where = ("--cloud", address, "--zoo", str(zoo))
    done = isthmus("edge", str(sounds / "burst.wave"), *where, "--volume", "0.1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["class"] == "tone"  # so soft that all parts are alike
    done = isthmus("edge", str(sounds / "burst.wave"), *where, "--task", "spans", "--json")
    assert json.loads(done.stdout)["spans"] == [[5, 7, 5]], done.stderr
    assert "classify, reconstruct, detect, segment, embed, tensors or spans" in " ".join(shown.split())
    done = isthmus("edge", str(sounds / "burst.wave"), *where, "--points", "8")
    assert done.returncode == 2
    assert "expected no --points: that is about point clouds" in done.stderr
    file = tmp_path / "sounds.isth"
    done = isthmus("encode", str(sounds / "tone.wave"), str(sounds / "burst.wave"), "-o", str(file), "--zoo", str(zoo))
    assert done.returncode == 0, done.stderr
    done = isthmus("decode", str(file), "--zoo", str(zoo))
    assert [json.loads(line)["class"] for line in done.stdout.splitlines()] == ["tone", "noise"]


def test_a_third_engine_runs_both_halves(
    zoo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found by its name, on the edge and in the cloud; the bits are the same."""
    engine = EvaluatorEngine()
    monkeypatch.setitem(ENGINES, engine.name, engine)
    clouds = tiny_codec.clouds(3)
    usual, other = (PointCloudEncoder(zoo / "tiny-q1", engine=name) for name in ("onnxruntime", "evaluator"))
    assert other.engine == "evaluator"
    assert [usual.encode(c).packet for c in clouds] == [other.encode(c).packet for c in clouds]
    at_edge = engine.runs
    assert at_edge == 3
    names = []
    for index, cloud in enumerate(clouds):
        names.append(str(tmp_path / f"{index}.npy"))
        np.save(names[-1], cloud.points)
    with tiny_codec.live_cloud(zoo, engine="evaluator") as live:
        for engine_name in ("evaluator", "auto"):
            job = Job(tuple(names), live.address, "tiny-q1", zoo, engine=engine_name, as_json=True)
            assert run(job) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["class"] for line in lines[:3]] == [line["class"] for line in lines[3:]]
    assert engine.runs >= at_edge + 3 + 2  # three more at the edge, and a batch or more of each stream in the cloud
    with pytest.raises(InputError, match="expected one of auto, compiled, onnxruntime, evaluator, got 'tpu'"):
        PointCloudEncoder(zoo / "tiny-q1", engine="tpu")
