"""What most measurements may be told: where codecs and cloud are, and where results go. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from isthmus.common.options import Options, option, rules_of

RESULTS = Path("results")
PARTS = RESULTS / "part"
"""Of a few images, clouds or cases, to see that it runs."""


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


def images_option() -> Any:
    """A folder of images to measure on, None for those that `measure.image.photographs` finds."""
    return option(
        None,
        "Folder of images.",
        automatic="Kodak's where they lie beside the project, else those that scikit-image ships",
    )


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the results go.

    Attributes:
        out: folder of the results files and all else; None for `RESULTS`, or `PARTS` where a part is measured.
    """

    panel: ClassVar[str] = "Output"
    out: Path | None = option(
        None,
        "Folder for the results, the pictures and the pages.",
        automatic=f"{RESULTS}, or {PARTS} where a part alone is measured",
        metavar="DIR",
    )

    def folder(self, *options: Options) -> Path:
        """Where results of these options go: figures of a part must not stand where those of the whole do."""
        return self.out or (PARTS if limited(*options) else RESULTS)


def limited(*options: Options) -> tuple[str, ...]:
    """Names of the options that take in a part of what there is."""
    return tuple(
        name
        for each in options
        for usual in ({f.name: f.default for f in fields(each)},)
        for name, rule in rules_of(type(each)).items()
        if rule.limits(getattr(each, name), usual[name])
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """Whether there are pages beside them."""

    panel: ClassVar[str] = "Output"
    page: bool = option(True, "Write the HTML pages.")


def words(joined: str) -> tuple[str, ...]:
    """What stands between commas; nothing for `none`."""
    return () if joined == "none" else tuple(word for word in (part.strip() for part in joined.split(",")) if word)
