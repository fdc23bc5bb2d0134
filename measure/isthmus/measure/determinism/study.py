"""How determinism is measured: subjects, compared in every case, give agreements, and these a results file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from isthmus.common.results import Provenance, Results, write_results
from isthmus.measure.track import Track


class Agreement(Protocol):
    """What came of one subject."""

    def counts(self) -> Mapping[str, int]:
        """What is added up over the subjects; `mismatches` among it."""
        ...

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        ...


Subject = TypeVar("Subject")
Found = TypeVar("Found", bound=Agreement)


@dataclass(frozen=True, slots=True)
class Verdict(Generic[Found]):
    """What came of all subjects.

    Attributes:
        agreements: one a subject.
        totals: their counts added up.
    """

    agreements: tuple[Found, ...]
    totals: Mapping[str, int]


def compared(
    title: str, subjects: Sequence[Subject], compare: Callable[[Subject], Found], track: Track
) -> Verdict[Found]:
    """Compare every subject, one after the other."""
    advance = track(title, len(subjects))
    found = []
    for subject in subjects:
        found.append(compare(subject))
        advance(1)
    return verdict(found)


def verdict(agreements: Iterable[Found]) -> Verdict[Found]:
    """Agreements with the sums of their counts."""
    found, totals = tuple(agreements), Counter[str]()
    for agreement in found:
        totals.update(agreement.counts())
    return Verdict(found, dict(totals))


def write_study(
    out: Path, signal: str, provenance: Provenance, summary: Mapping[str, int], detail: Mapping[str, Any]
) -> None:
    """Write the results file of a signal; point clouds', which was first, is plain `determinism.json`."""
    name = "determinism" if signal == "pointcloud" else f"determinism_{signal}"
    keyed = {f"determinism.{signal}_{key}": number for key, number in summary.items()}
    write_results(out, Results(name, provenance, keyed, dict(detail)))
