"""The topics of bags, as a list."""

from __future__ import annotations

from collections.abc import Iterable

from isthmus.common.catalog import SIGNALS
from isthmus.common.errors import InputError
from isthmus.data.bag.files import open_bag
from isthmus.edge.columns import Column
from isthmus.edge.failures import Failure
from isthmus.edge.report import Report, Row, Summary, open_report

COLUMNS = (Column("topic"), Column("type"), Column("messages", is_number=True), Column("read as"))


def list_topics(inputs: Iterable[str], *, as_json: bool) -> int:
    """Report what topics there are in bags; return how many of these could not be read, or not to their end."""
    report = open_report(COLUMNS, as_json=as_json)
    failed_count = sum(not _listed(name, report) for name in inputs)
    report.finish(Summary())
    return failed_count


def _listed(name: str, report: Report) -> bool:
    try:
        contents = open_bag(name).contents()
    except InputError as error:
        _tell(Failure(name, error), report)
        return False
    for topic in contents.topics:
        signals = [signal for signal in SIGNALS.values() if topic.type in signal.message_types]
        count = "-" if topic.count is None else f"{topic.count}"
        cells = (topic.name, topic.type, count, " or ".join(signal.plural for signal in signals) or "-")
        fields = {"file": name, "topic": topic.name, "type": topic.type, "messages": topic.count}
        report.add(Row(cells, fields | {"read_as": [signal.name for signal in signals]}))
    if contents.fault is not None:
        _tell(Failure(name, contents.fault), report)
    return contents.fault is None


def _tell(failure: Failure, report: Report) -> None:
    report.add(Row((), failure.fields, failure.message, is_failure=True))
