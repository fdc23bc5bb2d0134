"""What a program asks of a codec by name: options of its signal, and a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus.common.codec import Signal, opened
from isthmus.common.errors import InputError
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.options import Options, rules_of
from isthmus.common.tasks import TASKS, Task

# Options of commands that are not about one codec: which one is taken, where results go, the pace of sending.
OF_COMMANDS = ("quality", "max_bytes", "save", "batch", "video", "realtime")


def chosen_options(signal: Signal, given: Mapping[str, Any]) -> Options:
    """The options of a signal, those not given as they usually are.

    Raises:
        InputError: no such option, or a value that it cannot have.
    """
    kind: type[Options] = opened(signal.options)  # type: ignore[assignment]  # it gives what the signal names
    rules = {name: rule for name, rule in rules_of(kind).items() if name not in OF_COMMANDS}
    for name, value in given.items():
        if name not in rules:
            raise InputError(f"option {name!r}: expected one of {', '.join(rules)} for {signal.plural}, got {name!r}")
        rules[name].check(name, value)
    return kind(**given)


def chosen_task(manifest: Manifest, word: str) -> Task[Any]:
    """The codec's task of a word; its first for "". InputError if the codec has none such."""
    if not word:
        return manifest.task
    if word not in manifest.tasks:
        raise InputError(f"task: expected {' or '.join(manifest.tasks)}, as codec {manifest.name} has, got {word!r}")
    return TASKS[word]
