"""Options as fields of a frozen dataclass: what a program may set, and what a command says of it, in one place.

    @dataclass(frozen=True, slots=True)
    class ImageOptions:
        '''How images are coded.'''

        panel: ClassVar[str] = "Images"
        quality: int = option(0, "Quality of the codec's family.", most=99, automatic="as --codec says")

A command makes `--quality N` of it (`isthmus.command.options`), under the heading "Images". Light on purpose: every
command imports the options that it offers before it knows what it will do.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Protocol

from isthmus.common.errors import InputError


class Options(Protocol):
    """A frozen dataclass whose fields are made by `option`.

    Attributes:
        panel: what they are about, as the heading of a help text: "Point clouds".
    """

    panel: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


@dataclass(frozen=True, slots=True)
class OptionRule:
    """What there is to know of one option.

    Attributes:
        help: a sentence for people, without its default.
        flags: on the command line, "--top-k" first; () for the one that the field's name gives.
        least, most: of a number; None for no bound.
        choices: of a word; () for any.
        automatic: what is taken where the option is not given, in words; "" for the field's default as it is.
        metavar: what stands for the value in the help, "" for the usual one of the type.
        is_limit: whether less than the default, or anything but it where that is none, takes in a part alone.
        elsewhere: what to do instead where it is given with a codec of another signal; "" for nothing.
    """

    help: str
    flags: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    automatic: str = ""
    metavar: str = ""
    elsewhere: str = ""
    is_limit: bool = False

    def limits(self, value: object, default: object) -> bool:
        """Whether a value takes in a part of what the default takes in."""
        if not self.is_limit or value == default:
            return False
        if isinstance(value, int | float) and isinstance(default, int | float) and value and default:
            return value < default
        return bool(value)

    def check(self, flag: str, value: object) -> None:
        """InputError where the value is out of bounds or none of the choices."""
        if self.choices and value not in self.choices:
            few = len(self.choices) == 2
            wanted = " or ".join(self.choices) if few else f"one of {', '.join(self.choices)}"
            raise InputError(f"{flag}: expected {wanted}, got {value!r}")
        if not isinstance(value, int | float) or isinstance(value, bool):
            return
        least, most = self.least, self.most
        # Said so that nan, which is on no side of anything, is within no bounds.
        if not ((least is None or value >= least) and (most is None or value <= most)):
            if least is None:
                bound = f"at most {most:g}"
            else:
                bound = f"{least:g} or more" if most is None else f"{least:g} to {most:g}"
            raise InputError(f"{flag}: expected {bound}, got {value:g}")


RULE = "option"


def option(default: Any, help: str, **rule: Any) -> Any:  # noqa: A002  as argparse, click and typer call it
    """A field of an options dataclass; `rule` holds attributes of `OptionRule`."""
    return field(default=default, metadata={RULE: OptionRule(help, **rule)})


def rules_of(kind: type[Options]) -> dict[str, OptionRule]:
    """The rule of each field that is an option, by the field's name, in their order."""
    return {f.name: f.metadata[RULE] for f in fields(kind) if RULE in f.metadata}
