"""Bars of stages that are told in words."""

from __future__ import annotations

import io

from rich.console import Console

from isthmus.command.stages import staged


def test_each_stage_has_a_bar_that_ends_full() -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=100, force_terminal=True, legacy_windows=False)
    with staged(console) as say:
        say("cut net at a, b")
        for k in range(3):
            say(f"gradients, of the answers, image {k + 1} of 3")
        say("step, try 1 of 12")
        say("tables of key frames")
    last = shown.getvalue().split("cut net at a, b")[-1]
    for stage in ("gradients, of the answers", "step", "tables of key frames"):
        assert stage in last
    assert "image" not in last
    assert "try" not in last


def test_nothing_said_is_nothing_shown() -> None:
    with staged(Console(file=io.StringIO())) as say:
        assert callable(say)
