"""What most measurements may be told: where codecs and cloud are, and where results go. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from isthmus.common.options import option

RESULTS = Path("results")


def zoo_option() -> Any:
    """The one folder whose codecs are measured, None for those that ship: a zoo of your own is not mixed with them."""
    return option(
        None,
        "Folder of codecs, the only one. [env: first of ISTHMUS_ZOO]",
        automatic="those that ship",
        metavar="DIR",
    )


def cloud_option() -> Any:
    """Address of a running cloud, empty to start one."""
    return option("", "A running cloud.", automatic="one is started", metavar="HOST:PORT")


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the results go.

    Attributes:
        out: folder of the results files and all else.
    """

    panel: ClassVar[str] = "Output"
    out: Path = option(RESULTS, "Folder for the results, the pictures and the pages.", metavar="DIR")


@dataclass(frozen=True, slots=True)
class Pages:
    """Whether there are pages beside them."""

    panel: ClassVar[str] = "Output"
    page: bool = option(True, "Write the HTML pages.")


def words(joined: str) -> tuple[str, ...]:
    """What stands between commas; nothing for `none`."""
    return () if joined == "none" else tuple(word for word in (part.strip() for part in joined.split(",")) if word)
