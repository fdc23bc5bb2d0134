"""Command-line options made of options dataclasses, and the instances made of what a person gave.

    @command_frame
    @with_options(Where, PointCloudOptions, ImageOptions)
    def edge(files: FilesArgument, *, given: Given) -> None:
        where = given.of(Where)
        images = given.only(ImageOptions, "codec image-light-q4")  # refuses --points, which is about point clouds

Every field becomes an option under the heading of its class; one that several classes have (`--top-k`) is one option
under the names of all of them. Values are checked here, by the field's rule, so a wrong one ends like any other error.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from isthmus.common.errors import InputError
from isthmus.common.options import OptionRule, Options, rules_of

Kind = TypeVar("Kind", bound=Options)

METAVARS: dict[object, str] = {int: "N", float: "X", str: "TEXT", Path: "PATH"}


@dataclass(frozen=True, slots=True)
class Given:
    """What was given on a command line.

    Attributes:
        values: of the options that were given, by field.
    """

    values: Mapping[str, Any]

    def of(self, kind: type[Kind]) -> Kind:
        """The options of one class: what was given, and the defaults of the rest."""
        return kind(**{name: self.values[name] for name in rules_of(kind) if name in self.values})

    def only(self, kind: type[Kind], signal_kinds: tuple[type[Options], ...], codec: str) -> Kind:
        """The options of the codec's signal.

        Args:
            kind: those of the codec's signal.
            signal_kinds: those of all signals.
            codec: its name.

        Raises:
            InputError: an option was given that is about another signal.
        """
        for other in signal_kinds:
            names = [n for n in rules_of(other) if n in self.values and n not in rules_of(kind)]
            if names:
                flags = ", ".join(flags_of(n, rules_of(other)[n])[0] for n in names)
                rules = [rules_of(k)[n] for n in names for k in signal_kinds if n in rules_of(k)]
                advice = "".join(f"; {rule.elsewhere}" for rule in rules if rule.elsewhere)
                about = [k.panel.lower() for k in signal_kinds if all(n in rules_of(k) for n in names)]
                raise InputError(
                    f"expected no {flags}: that is about {' and '.join(about)}, and codec {codec} is of "
                    f"{kind.panel.lower()}{advice}"
                )
        return self.of(kind)


def flags_of(name: str, rule: OptionRule) -> tuple[str, ...]:
    """How an option is written on the command line."""
    return rule.flags or ("--" + name.replace("_", "-"),)


def with_options(
    *kinds: type[Options], without: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of these classes, but for some fields; it takes them as `given`."""
    offered: dict[str, list[type[Options]]] = {}
    for kind in kinds:
        for name in rules_of(kind):
            if name not in without:
                offered.setdefault(name, []).append(kind)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_given(*args: Any, **kwargs: Any) -> None:
            words = {name: kwargs.pop(name, None) for name in offered}
            values = {n: tuple(v) if isinstance(v, list) else v for n, v in words.items() if v not in (None, [])}
            for name, value in values.items():
                rule = rules_of(offered[name][0])[name]
                rule.check(flags_of(name, rule)[0], value)
            command(*args, given=Given(values), **kwargs)

        own = inspect.signature(command, eval_str=True)
        parameters = [p for p in own.parameters.values() if p.name != "given"]
        parameters += [_parameter(name, of) for name, of in offered.items()]
        with_given.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_given.__annotations__ = {p.name: p.annotation for p in parameters}
        return with_given

    return decorate


def _parameter(name: str, kinds: list[type[Options]]) -> inspect.Parameter:
    """One option, as typer reads it: None where it was not given."""
    first, *others = kinds
    rule = rules_of(first)[name]
    kind, is_many = _value_type(get_type_hints(first)[name])
    default = next(f.default for f in fields(first) if f.name == name)
    wanted = rule.automatic or (
        "" if default in (None, False, "", ()) else f"{default:g}" if isinstance(default, float) else str(default)
    )
    flags = flags_of(name, rule)
    info = typer.Option(
        *(flags if default is not True else (f"{flags[0]}/--no-{flags[0][2:]}",)),
        help=f"{rule.help} [default: {'on' if default is True else wanted}]" if wanted else rule.help,
        metavar=None if kind is bool else rule.metavar or METAVARS.get(kind),
        rich_help_panel=_listed([first.panel, *(k.panel.lower() for k in others)]),
        show_default=False,
    )
    annotation = Annotated[list[kind] | None if is_many else kind | None, info]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _listed(words: list[str]) -> str:
    """In words: "A", "A and b", "A, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _value_type(hint: Any) -> tuple[type, bool]:
    """(type of a value, whether there may be several), of a field's annotation."""
    parts = [part for part in getattr(hint, "__args__", (hint,)) if part not in (type(None), Ellipsis)]
    return parts[0], getattr(hint, "__origin__", None) is tuple
