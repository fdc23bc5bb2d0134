"""Where things lie, as CONTRIBUTING says, and words that the source does without."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support.paths import ROOT

from isthmus.measure.house.sources import SOURCE_ROOTS, read_modules

FOLDERS = {"proto", *SOURCE_ROOTS, "tests", "benchmarks", "docs", "results", "scripts", "examples"}
OPTIONAL: set[str] = set()
FILES = {
    *(
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "NOTICE",
        "README.md",
        "hatch_build.py",
        "pyproject.toml",
    )
}
OPTIONAL_FILES = {"SECURITY.md"}
VAGUE = {"base", "common_utils", "helper", "helpers", "misc", "util", "utils"}


def tracked() -> list[Path]:
    """Files of the project; all that lie here where it is no checkout of git."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"not a checkout of git: {done.stderr.strip()}")
    return [Path(name) for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def python_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and "_pb2" not in path.name]


def test_the_top_level() -> None:
    top = {path.parts[0] for path in tracked() if len(path.parts) > 1 and not path.parts[0].startswith(".")}
    assert top - OPTIONAL == FOLDERS
    files = {path.name for path in tracked() if len(path.parts) == 1 and not path.name.startswith(".")}
    assert files - OPTIONAL_FILES == FILES


def test_contributing_names_every_source_root() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    missing = [root for root in (*SOURCE_ROOTS, "proto") if f"`{root}/`" not in text]
    assert not missing, missing


def test_the_namespace_has_no_init_and_every_portion_is_typed() -> None:
    portions = {path.parts[:3] for path in python_files() if path.parts[0] in SOURCE_ROOTS and len(path.parts) > 3}
    for root in SOURCE_ROOTS:
        assert not (ROOT / root / "isthmus" / "__init__.py").exists()
    assert [p for p in sorted(portions) if not ROOT.joinpath(*p, "py.typed").is_file()] == []


@pytest.mark.slow
def test_every_package_has_its_init_and_every_module_its_docstring() -> None:
    modules = read_modules(ROOT)
    packages = {module.path.parent for module in modules.values() if module.path.parent.name != "isthmus"}
    assert [p for p in sorted(packages) if not (p / "__init__.py").is_file()] == []
    assert [m.name for m in modules.values() if not m.head and m.text.strip()] == []


def test_no_module_is_named_for_nothing() -> None:
    assert [path for path in python_files() if path.stem in VAGUE or path.parent.name in VAGUE] == []


def test_tests_lie_as_what_they_test() -> None:
    """`tests/edge/image/` is of `isthmus.edge.image`; `data` and `runtime` lie under the root that they are in."""
    packages = {
        ".".join(p.relative_to(ROOT / root / "isthmus").parts)
        for root in SOURCE_ROOTS
        for p in (ROOT / root / "isthmus").rglob("*")
        if p.is_dir()
    }
    own = {"end_to_end", "golden", "support", "house", "benchmarks", "examples", "seams", "documents"}
    tests = [path for path in python_files() if path.parts[0] == "tests" and path.name.startswith("test_")]
    names = {re.sub(r"^common\.(?=data|runtime)", "", ".".join(path.parts[1:-1])) for path in tests}
    assert {name for name in names if name and name.split(".")[0] not in own} <= packages


@pytest.mark.parametrize(
    ("pattern", "why", "limit"),
    [
        (r"fmt: ?(skip|off)", "the formatter decides", 0),
        (r"#\s*type:\s*ignore(?!\[)", "an ignored error has a name", 0),
        (r"#\s*noqa(?!:)", "an ignored rule has a name", 0),
        (r"weights_only=False", "a checkpoint is data, not a program", 0),
        (r"torch\.load\((?!.*weights_only=True)", "a checkpoint is data, and the call says so", 0),
        (r"\(0, 2, 4\)(?!\.)", "sizes of a checksum are `CHECKSUM_SIZES_BYTES`", 1),
    ],
)
def test_words_that_the_source_does_without(pattern: str, why: str, limit: int) -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in python_files()
        if path != Path("tests/house/test_layout.py")
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert len(found) <= limit, "\n".join([why, *found])


@pytest.mark.slow
def test_one_place_opens_a_graph() -> None:
    """Engines are behind `isthmus.runtime.engine`: nothing else that is deployed knows ONNX Runtime."""
    modules = read_modules(ROOT)
    found = [name for name, module in modules.items() if "InferenceSession(" in module.text]
    assert found == ["isthmus.runtime.onnx_runtime"]
