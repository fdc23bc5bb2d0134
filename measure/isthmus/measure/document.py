"""Numbers in documents come from results files: this checks them, or writes them.

Three light marks in Markdown, invisible when it is shown:

* ``−94.2 %<!-- figure: pointcloud.full.bd_rate_vs_tmc13_percent -->``: the last number before the comment is the key's
  value in `results/summary.json`, rounded to the digits that are written. After the key may stand a factor
  (``* 1000``) where the document speaks in another unit.
* ``2026-11-29<!-- date: wire -->``: the day of `results/wire.json`.
* a table between ``<!-- results: comparisons pointcloud_p1024 -->`` and ``<!-- end results -->`` is made here.
  The first word says which table, the second of which results file (for `summary`: of which keys).

    python -m isthmus.measure.document --check (or --write) README.md CONTRIBUTING.md docs
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.results import read_results, read_summary
from isthmus.measure.everything.rows import FOLDER_TABLES
from isthmus.measure.image.measurement import ImageMeasurement
from isthmus.measure.image.rows import (
    adaptation_table,
    deltas_table,
    image_baselines_table,
    image_times_table,
    per_image_table,
    quality_table,
)
from isthmus.measure.pointcloud.measurement import Measurement
from isthmus.measure.pointcloud.rows import (
    coalesced_table,
    comparisons_table,
    families_table,
    fronts_table,
    rates_table,
    rivals_table,
    times_table,
)
from isthmus.measure.table import Table, number
from isthmus.measure.video.answer_thresholds import AnswerSearch
from isthmus.measure.video.link import LinkMeasurement
from isthmus.measure.video.measurement import VideoMeasurement
from isthmus.measure.video.rows import (
    clips_table,
    comparison_table,
    equal_table,
    link_table,
    link_ways_table,
    methods_table,
    others_table,
    video_times_table,
    videos_table,
)
from isthmus.measure.video.thresholds import ThresholdSearch

PAGES = ("README.md", "CONTRIBUTING.md", "docs")
"""Documents and folders of them, where none is named."""
_FIGURE = re.compile(
    r"(?P<number>[-−+]?\d[\d,]*(?:\.\d+)?)(?P<between>[^\d\n<]{0,24})"
    r"<!-- figure: (?P<key>[a-z0-9_.]+)(?: \* (?P<factor>[\d.e-]+))? -->"
)
_DATE = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)(?P<between>[^\d\n<]{0,24})<!-- date: (?P<source>[a-z0-9_]+) -->")
_DATE_MARK = re.compile(r"<!-- date:[^>]*-->")
_MARK = re.compile(r"<!-- figure:[^>]*-->")
_TABLE = re.compile(
    r"(?P<open><!-- results: (?P<table>[a-z]+) (?P<source>[a-z0-9_.]+) -->\n)"
    r"(?P<body>.*?)(?P<close><!-- end results -->)",
    re.DOTALL,
)
_TABLE_MARK = re.compile(r"<!-- results:[^>]*-->")

TABLES: Mapping[str, Callable[[Measurement], Table]] = {
    "comparisons": comparisons_table,
    "rates": lambda measurement: rates_table(measurement.codecs),
    "coalesced": lambda measurement: coalesced_table(measurement.codecs),
    "times": lambda measurement: times_table(measurement.codecs),
    "fronts": fronts_table,
    "families": families_table,
    "rivals": rivals_table,
}

IMAGE_TABLES: Mapping[str, Callable[[ImageMeasurement], Table]] = {
    "deltas": deltas_table,
    "adaptation": adaptation_table,
    "quality": quality_table,
    "imagetimes": image_times_table,
    "formats": image_baselines_table,
    "images": per_image_table,
}

VIDEO_TABLES: Mapping[str, Callable[[VideoMeasurement], Table]] = {
    "videoequal": equal_table,
    "videosavings": comparison_table,
    "videofiles": videos_table,
    "videoways": methods_table,
    "videoothers": others_table,
    "videotimes": video_times_table,
    "videoclips": clips_table,
}

LINK_TABLES: Mapping[str, Callable[[LinkMeasurement], Table]] = {
    "videolink": link_table,
    "videolinkways": link_ways_table,
}

_SEARCHES = (("videothresholds", ThresholdSearch), ("answerthresholds", AnswerSearch))
THRESHOLD_TABLES: Mapping[str, type[ThresholdSearch | AnswerSearch]] = dict(_SEARCHES)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One place where a document says other than the results."""

    file: str
    line: int
    says: str
    results_say: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: says {self.says}, results say {self.results_say}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A document with all its figures and tables as the results say, and where it did not have them so."""

    text: str
    disagreements: tuple[Disagreement, ...]
    figures: int


def render(text: str, results: Path, file: str = "document") -> Rendered:
    """Put the results into a document's marked places.

    Raises `InputError` for a mark that cannot be read, an unknown key or table, or a missing results file.
    """
    found: list[Disagreement] = []
    counted = 0

    def replace(match: re.Match[str], new: str, says: str) -> str:
        nonlocal counted
        counted += 1
        if new != match[0]:
            found.append(Disagreement(file, _line(match), says, new.split("<!--", maxsplit=1)[0].strip()))
        return new

    def figure(match: re.Match[str]) -> str:
        value = _lookup(summary, match, file) * float(match["factor"] or 1)
        written = match["number"]
        new = _as_written(value, written)
        return replace(match, new + match[0][len(written) :], written)

    def date(match: re.Match[str]) -> str:
        where = read_results(results / f"{match['source']}.json").provenance.circumstances
        if where is None:
            raise InputError(
                f"{file}:{_line(match)}: expected a date in {match['source']}.json, found none: measure it"
            )
        return replace(match, where.date + match[0][len(match["date"]) :], match["date"])

    def table(match: re.Match[str]) -> str:
        body = f"\n{_table(results, match, file).to_markdown()}\n\n"
        new = match["open"] + body + match["close"]
        if new != match[0]:
            found.append(Disagreement(file, _line(match), "another table", f"{match['table']} {match['source']}"))
        return new

    _check_marks(text, _MARK, _FIGURE, file, "a number, then <!-- figure: key -->")
    _check_marks(text, _TABLE_MARK, _TABLE, file, "<!-- results: table source -->, a table, <!-- end results -->")
    # Figures inside a made table are the table's own; so tables first.
    text = _TABLE.sub(table, text)
    _check_marks(text, _DATE_MARK, _DATE, file, "a date as 2026-11-29, then <!-- date: results -->")
    text = _DATE.sub(date, text)
    summary = read_summary(results) if _MARK.search(text) else {}
    text = _FIGURE.sub(figure, text)
    return Rendered(text, tuple(found), counted)


def documents(paths: Iterable[Path]) -> list[Path]:
    """Markdown files: those named, and all under the folders named."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"expected a Markdown file or a folder of them, found nothing at {path}")
        found += sorted(path.rglob("*.md")) if path.is_dir() else [path]
    return found


def check(paths: Iterable[Path], results: Path) -> tuple[Disagreement, ...]:
    """All places in the documents that disagree with the results."""
    return tuple(
        disagreement
        for path in documents(paths)
        for disagreement in render(path.read_text(encoding="utf-8"), results, str(path)).disagreements
    )


def write(paths: Iterable[Path], results: Path) -> tuple[Disagreement, ...]:
    """Correct the documents in place; answers what was corrected."""
    corrected: list[Disagreement] = []
    for path in documents(paths):
        rendered = render(path.read_text(encoding="utf-8"), results, str(path))
        if rendered.disagreements:
            path.write_text(rendered.text, encoding="utf-8")
            corrected += rendered.disagreements
    return tuple(corrected)


def _lookup(summary: Mapping[str, float], match: re.Match[str], file: str) -> float:
    if match["key"] not in summary:
        raise InputError(
            f"{file}:{_line(match)}: expected a key of results/summary.json, got {match['key']!r}: "
            "measure it, then run `isthmus measure summary`"
        )
    return summary[match["key"]]


def _as_written(value: float, written: str) -> str:
    """`value` in the manner of `written`: as many decimals, thousands apart or not, a plus where there was one."""
    digits = len(written.partition(".")[2])
    text = number(value, digits, signed=written.startswith("+"))
    if float(f"{value:.{digits}f}") == 0:
        text = text.lstrip("−")
    if "," not in written and abs(value) >= 1000:
        text = text.replace(",", "")
    return text.replace("−", "-") if written.startswith("-") else text


def _table(results: Path, match: re.Match[str], file: str) -> Table:
    name, source = match["table"], match["source"]
    if name in FOLDER_TABLES:
        table = FOLDER_TABLES[name](results, source)
        if not table.rows:
            raise InputError(f"{file}:{_line(match)}: expected a table {name} of {source!r} with rows, found none")
        return table
    known = sorted([*FOLDER_TABLES, *TABLES, *IMAGE_TABLES, *VIDEO_TABLES, *LINK_TABLES, *THRESHOLD_TABLES])
    if name not in known:
        raise InputError(f"{file}:{_line(match)}: expected a table of {known}, got {name!r}")
    detail = read_results(results / f"{source}.json").detail
    if name in THRESHOLD_TABLES:
        return THRESHOLD_TABLES[name].from_detail(detail).table()
    if name in IMAGE_TABLES:
        return IMAGE_TABLES[name](ImageMeasurement.from_detail(detail))
    if name in VIDEO_TABLES:
        return VIDEO_TABLES[name](VideoMeasurement.from_detail(detail))
    if name in LINK_TABLES:
        return LINK_TABLES[name](LinkMeasurement.from_detail(detail))
    return TABLES[name](Measurement.from_detail(detail))


def _check_marks(text: str, mark: re.Pattern[str], whole: re.Pattern[str], file: str, form: str) -> None:
    readable = {match.end() for match in whole.finditer(text)} | {match.start() for match in whole.finditer(text)}
    for match in mark.finditer(text):
        if match.end() not in readable and match.start() not in readable:
            raise InputError(f"{file}:{_line(match)}: expected {form}, got {match[0]}")


def _line(match: re.Match[str]) -> int:
    return match.string.count("\n", 0, match.start()) + 1


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when documents and results agree, 1 when not."""
    parser = argparse.ArgumentParser(
        prog="python -m isthmus.measure.document", description=(__doc__ or "").partition("\n")[0]
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="say where documents disagree with the results")
    action.add_argument("--write", action="store_true", help="correct the documents")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the results files")
    parser.add_argument("paths", nargs="*", type=Path, default=[Path(name) for name in PAGES])
    options = parser.parse_args(arguments)
    try:
        found = (write if options.write else check)(options.paths, options.results)
    except (IsthmusError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(*(f"corrected {each}" if options.write else str(each) for each in found), sep="\n", end="\n" * bool(found))
    if found and options.check:
        print("run: python -m isthmus.measure.document --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
