"""What a program asks for by name: options of a codec's signal, and the codec that is taken where none is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import Signal, opened
from isthmus.common.errors import InputError
from isthmus.common.options import Options, rules_of
from isthmus.common.tasks import verbs

# Options of commands that are not about one codec: which one is taken, where results go, the pace of sending.
OF_COMMANDS = ("save", "batch", "video", "realtime")
# And these, where a quality is a codec of its own in a family.
OF_FAMILIES = ("quality", "max_bytes")


def chosen_options(signal: Signal, given: Mapping[str, Any]) -> Options:
    """The options of a signal, those not given as they usually are.

    Raises:
        InputError: no such option, or a value that it cannot have.
    """
    kind: type[Options] = opened(signal.options)  # type: ignore[assignment]  # it gives what the signal names
    others = OF_COMMANDS + (OF_FAMILIES if signal.default_family else ())
    rules = {name: rule for name, rule in rules_of(kind).items() if name not in others}
    for name, value in given.items():
        if name not in rules:
            raise InputError(f"option {name!r}: expected one of {', '.join(rules)} for {signal.plural}, got {name!r}")
        rules[name].check(name, value)
    return kind(**given)


def default_codec(signal: str, task: str = "") -> str:
    """The name of the codec that commands take where none is named.

        codec = load(default_codec("image", "classify"))

    Args:
        signal: of what it is to code: "point-cloud", "image" or "video".
        task: what is asked for, in a verb: "classify", "reconstruct"; "" for what such signals are usually asked.

    Raises:
        InputError: no such signal, or no such task.
    """
    if signal not in SIGNALS:
        raise InputError(f"signal: expected one of {', '.join(SIGNALS)}, got {signal!r}")
    if task and task not in verbs():
        raise InputError(f"task: expected one of {', '.join(verbs())}, got {task!r}")
    return SIGNALS[signal].codec_for(task)
