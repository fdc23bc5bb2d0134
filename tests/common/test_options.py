"""Options as fields: what a value may be, and what is said of one that it may not be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import opened
from isthmus.common.errors import InputError
from isthmus.common.options import OptionRule, option, rules_of


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try."""

    panel: ClassVar[str] = "Effort"
    hours: int = option(2, "Hours.", least=1, most=24)
    plain: int = 3
    way: str = option("fast", "Way.", choices=("fast", "slow"))


def test_rules_are_those_of_the_fields_that_are_options() -> None:
    assert rules_of(Effort) == {
        "hours": OptionRule("Hours.", least=1, most=24),
        "way": OptionRule("Way.", choices=("fast", "slow")),
    }
    assert (Effort().hours, Effort(hours=5).way) == (2, "fast")


@pytest.mark.parametrize(
    ("rule", "value", "says"),
    [
        (OptionRule("", least=1), 0, "--x: expected 1 or more, got 0"),
        (OptionRule("", most=9), 10, "--x: expected at most 9, got 10"),
        (OptionRule("", least=0, most=1), 1.5, "--x: expected 0 to 1, got 1.5"),
        (OptionRule("", least=0, most=1), -0.5, "--x: expected 0 to 1, got -0.5"),
        (OptionRule("", least=0), math.nan, "--x: expected 0 or more, got nan"),
        (OptionRule("", most=1), math.nan, "--x: expected at most 1, got nan"),
        (OptionRule("", least=0, most=1), math.inf, "--x: expected 0 to 1, got inf"),
        (OptionRule("", choices=("a", "b")), "c", "--x: expected a or b, got 'c'"),
        (OptionRule("", choices=("a", "b", "c")), "d", "--x: expected one of a, b, c, got 'd'"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_them(rule: OptionRule, value: object, says: str) -> None:
    with pytest.raises(InputError) as caught:
        rule.check("--x", value)
    assert str(caught.value) == says


@given(st.integers(-50, 50), st.integers(-50, 50), st.floats(-60, 60))
def test_bounds_are_within(one: int, other: int, value: float) -> None:
    least, most = sorted((one, other))
    rule = OptionRule("", least=least, most=most)
    for end in (least, most):
        rule.check("--x", end)
    if least <= value <= most:
        rule.check("--x", value)
    else:
        with pytest.raises(InputError, match="--x: expected"):
            rule.check("--x", value)


@pytest.mark.parametrize("value", [None, "text", True, (), 10**9, -1.5])
def test_without_bounds_and_choices_everything_is_taken(value: object) -> None:
    OptionRule("").check("--x", value)


@pytest.mark.parametrize("value", [True, False, "9"])
def test_bounds_are_of_numbers_alone(value: object) -> None:
    OptionRule("", least=5).check("--x", value)


@pytest.mark.parametrize("name", SIGNALS)
def test_the_defaults_of_every_signal_are_within_their_bounds(name: str) -> None:
    kind = opened(SIGNALS[name].options)
    options = kind()
    rules = rules_of(kind)  # type: ignore[arg-type]  # an opener gives what the signal names
    assert rules
    for field, rule in rules.items():
        value = getattr(options, field)
        if not rule.automatic:  # else the default stands for what is said there
            rule.check(field, value)
        assert rule.help.endswith("."), field
