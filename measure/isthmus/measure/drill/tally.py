"""What became of everything that was sent through a drill: answered once and rightly, or lost, wrong, doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from isthmus.measure.drill.course import Course, Row

MAX_EXAMPLES = 20


@dataclass(slots=True)
class Tally:
    """Of one drill over one signal.

    Attributes:
        drill, signal: which.
        faults: that were met, by kind.
        runs: of an edge.
        sent: inputs.
        lost: inputs without an answer, be it that they were told as lost or not at all.
        wrong: answers that are not those of a cloud where nothing breaks.
        doubled: answers beyond the first, of one input.
        disordered: answers that came before one that was due earlier.
        reconnects: connections that edges opened anew, as far as they say.
        seconds: that all took.
        examples: what went wrong, in words, the first of them.
    """

    drill: str
    signal: str
    faults: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    sent: int = 0
    lost: int = 0
    wrong: int = 0
    doubled: int = 0
    disordered: int = 0
    reconnects: int = 0
    seconds: float = 0.0
    examples: list[str] = field(default_factory=list)

    @property
    def failures(self) -> int:
        """Inputs or answers that are not as they should be."""
        return self.lost + self.wrong + self.doubled + self.disordered

    def add(self, course: Course, rows: Sequence[Row], expected: Mapping[str, Any], keys: Sequence[str] = ()) -> None:
        """Count what a run, or several that go on with one another, printed.

        Args:
            course: that was sent.
            rows: in the order in which they were printed.
            expected: the right answers, by key.
            keys: of what was sent, () for all of the course.
        """
        due = keys or course.keys
        self.sent += len(due)
        places = {key: place for place, key in enumerate(due)}
        found: Counter[str] = Counter()
        last = -1
        for row in rows:
            key = course.key(row)
            if "error" in row or key not in places:
                self.note(f"{course.codec}: {key}: {str(row)[:300]}")
                if "SymbolMismatch" in str(row.get("error")):
                    self.wrong += 1
                continue
            found[key] += 1
            self.disordered += places[key] < last
            last = max(last, places[key])
            answer = course.answer(row)
            if course.is_compared and answer != expected.get(key) and found[key] == 1:
                self.wrong += 1
                self.note(f"{course.codec}: {key}: expected {expected.get(key)}, got {answer}")
        lost = [key for key in due if not found[key]]
        self.lost += len(lost)
        self.doubled += sum(count - 1 for count in found.values())
        for key in lost[:3]:
            self.note(f"{course.codec}: {key} has no answer")
        for key in [key for key, count in found.items() if count > 1][:3]:
            self.note(f"{course.codec}: {key} has {found[key]} answers")

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return asdict(self) | {"faults": dict(sorted(self.faults.items()))}

    def note(self, words: str) -> None:
        """Keep an example of what went wrong."""
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(words)
