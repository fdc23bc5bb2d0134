"""A signal as one value: what it names is there, and whose files are whose."""

from __future__ import annotations

import pytest
from support.paths import ROOT

from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Signal, opened
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.tasks import verbs
from isthmus.common.video.signal import LABELLING_CODEC

OPENERS = ("manifest", "encoder", "read", "cloud_half", "pack", "job", "options", "inspector")


def of(name: str) -> Signal:
    return SIGNALS[name]


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("field", OPENERS)
def test_what_a_signal_names_is_there(name: str, field: str) -> None:
    opener = getattr(of(name), field)
    assert isinstance(opener, str)  # imported when it is first opened
    found = opened(opener)
    assert found is opened(opener)
    assert found.__module__ == opener.partition(":")[0] or field == "inspector"


@pytest.mark.parametrize("name", SIGNALS)
def test_what_its_codecs_take_of_other_signals_is_there(name: str) -> None:
    for other, taking in of(name).takes.items():
        assert other in SIGNALS
        assert other != name
        for field in ("pack", "job", "options", "is_one"):
            opener = getattr(taking, field)
            assert opened(opener).__module__ == opener.partition(":")[0]


def test_the_codec_of_a_task() -> None:
    image = of("image")
    assert image.codec_for() == image.codec_for("reconstruct") == image.default_codec
    assert image.codec_for("classify") == LABELLING_CODEC
    assert (ROOT / "models" / "zoo" / LABELLING_CODEC / "manifest.json").exists()
    for signal in SIGNALS.values():
        assert set(signal.task_codecs) <= set(verbs())


def test_a_function_opens_itself() -> None:
    assert opened(len) is len
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        opened("isthmus.nowhere:thing")
    with pytest.raises(AttributeError, match="nothing"):
        opened("isthmus.common.codec:nothing")


@pytest.mark.parametrize("name", SIGNALS)
def test_its_manifests_are_of_its_name(name: str) -> None:
    signal = of(name)
    assert issubclass(signal.kind, Manifest)
    assert signal.name == name
    assert signal.noun != signal.plural


@pytest.mark.parametrize("name", SIGNALS)
def test_suffixes_are_lower_case_and_of_one_signal_alone(name: str) -> None:
    signal = of(name)
    assert signal.suffixes
    for suffix in signal.suffixes:
        assert suffix == suffix.lower()
        assert suffix.startswith(".")
        assert signal.has_name(f"some/FILE{suffix.upper()}")
        owners = [other.name for other in SIGNALS.values() if suffix in other.suffixes]
        assert owners == [name]
    assert set(signal.vague_suffixes) <= set(signal.suffixes)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("camera:0", "video"),
        ("camera:123", "video"),
        ("camera:", ""),
        ("camera:1234", ""),
        ("my camera:1", ""),
        ("a.ply", "point-cloud"),
        ("a.tar.PNG", "image"),
        ("ply", ""),
        ("a.png.doc", ""),
        ("", ""),
    ],
)
def test_whose_a_name_is(given: str, name: str) -> None:
    assert [signal.name for signal in SIGNALS.values() if signal.has_name(given)] == ([name] if name else [])
