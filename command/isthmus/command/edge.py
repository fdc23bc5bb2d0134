"""The command `isthmus edge`."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from isthmus.command.frame import command_frame, end, is_watched, print_note
from isthmus.command.options import Given, with_options
from isthmus.command.signal_options import SIGNAL_KINDS, CodecOptions, options_of
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import opened
from isthmus.common.errors import InputError
from isthmus.common.options import option
from isthmus.common.video.signal import VIDEO

if TYPE_CHECKING:
    from isthmus.edge.access import Access

WAITS = ", ".join(f"{signal.answer_timeout_s:g} for {signal.plural}" for signal in SIGNALS.values())


@dataclass(frozen=True, slots=True)
class CloudOptions:
    """Where the cloud is, and how long it may take."""

    panel: ClassVar[str] = "The cloud"
    cloud: str = option(
        "127.0.0.1:50051", "Where the cloud listens; others that may take over after commas.", metavar="HOST:PORT"
    )
    timeout_s: float = option(0.0, "Limit for each wait for the cloud, in seconds.", least=0, automatic=WAITS)
    at_most_once: bool = option(
        False, "After a cloud that is gone, lose what it may have run rather than send it again."
    )
    frame_timeout_s: float = option(
        0.0, "A frame without an answer after so many seconds is lost.", least=0, automatic="no bound"
    )
    deadline_s: float = option(
        0.0, "After so many seconds end; what has no answer then is lost.", least=0, automatic="no bound"
    )
    checked: bool = option(
        False,
        "End every message with its CRC-32, where there is no TLS, and have the cloud prove the latents of frames: 5 "
        "bytes for each.",
    )


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """How this edge gets in. ISTHMUS_TOKEN may hold the token."""

    panel: ClassVar[str] = "Access"
    tls: bool = option(False, "Over TLS, to a certificate of this system's authorities.")
    ca: Path | None = option(None, "Over TLS, to a certificate of this authority.", metavar="FILE")
    tls_cert: Path | None = option(None, "This edge's own certificate, with its --tls-key.", metavar="FILE")
    tls_key: Path | None = option(None, "Of that certificate.", metavar="FILE")
    token_file: Path | None = option(None, "Holds this edge's token.", metavar="FILE", automatic="ISTHMUS_TOKEN")
    insecure: bool = option(False, "To a cloud on another machine without TLS.")


@dataclass(frozen=True, slots=True)
class SpoolOptions:
    """Where frames outlive the edge."""

    panel: ClassVar[str] = "Spool"
    spool: Path | None = option(
        None, "Folder that keeps frames until they are told: they outlive this edge.", metavar="DIR"
    )
    spool_mb: int = option(1024, "MiB that it holds.", least=1)
    spool_age_s: float = option(7 * 86400.0, "Seconds that a frame is kept.", least=1)
    spool_drop: str = option(
        "wait",
        "Where there are more: the oldest go, the newest are not taken, or wait.",
        choices=("wait", "oldest", "newest"),
    )


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How results are told."""

    panel: ClassVar[str] = "Output"
    json: bool = option(False, "One JSON object a line, for programs.")
    list_topics: bool = option(False, "Only list the topics of bags: their types, and what they are read as.")


@command_frame
@with_options(CodecOptions, CloudOptions, SpoolOptions, AccessOptions, *SIGNAL_KINDS, OutputOptions)
def edge(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES",
            help="Files of point clouds, images or videos, folders, and bags of robots; - reads one from standard "
            "input, camera:0 is a camera.",
        ),
    ],
    *,
    given: Given,
) -> None:
    """Encode point clouds, images or videos here; the cloud says what is to be seen, or reconstructs the images."""
    # gRPC's C core writes its own lines about a connection that breaks; what becomes of it is told here.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from isthmus.command.classes import class_note
    from isthmus.edge.job import Job
    from isthmus.edge.kept import SpoolBounds
    from isthmus.edge.sender import Deadlines
    from isthmus.edge.signal_choice import choose_codec

    inputs, about, where = tuple(files), given.of(CodecOptions), given.of(CloudOptions)
    output, kept = given.of(OutputOptions), given.of(SpoolOptions)
    if kept.spool is not None and given.values.get("draw"):
        raise InputError("--spool: expected no --draw, for pictures are not kept, got both")
    if kept.spool is not None and (where.at_most_once or where.frame_timeout_s):
        raise InputError("--spool: expected neither --at-most-once nor --frame-timeout-s, got one; say --spool-age-s")
    if output.list_topics:
        from isthmus.edge.topics import list_topics

        end(list_topics(inputs, as_json=output.json), len(inputs))
        return
    choice = choose_codec(inputs, about.codec, about.zoo, about.format, **asked_of(given))
    job = Job(
        inputs,
        where.cloud,
        choice.codec,
        about.zoo,
        about.format,
        where.timeout_s,
        about.engine,
        as_json=output.json,
        options=given.only(options_of(choice.way), SIGNAL_KINDS, choice.codec),
        task=about.task,
        at_most_once=where.at_most_once,
        wants_crc32=where.checked,
        spool=kept.spool,
        spool_bounds=SpoolBounds(kept.spool_mb << 20, kept.spool_age_s, kept.spool_drop),
        deadlines=Deadlines(where.frame_timeout_s or math.inf, where.deadline_s or math.inf),
        access=_access(given.of(AccessOptions)),
    )
    if not job.as_json and is_watched() and (note := class_note(choice.codec, about.zoo)):
        print_note(note)
    end(opened(choice.way.job)(job))


def _access(options: AccessOptions) -> Access:
    from isthmus.edge.access import Access

    return Access(
        options.tls, options.ca, options.tls_cert, options.tls_key, options.token_file, is_insecure=options.insecure
    )


def asked_of(given: Given) -> dict[str, Any]:
    """What the options say of the signal, where no codec does."""
    values = given.values
    by_family = bool(values.get("quality") or values.get("max_bytes"))
    is_video = VIDEO.name if values.get("video") else ""
    about = {"task": values.get("task", ""), "topic": values.get("topic", "")}
    return {"signal": is_video, "by_family": by_family, **about}
