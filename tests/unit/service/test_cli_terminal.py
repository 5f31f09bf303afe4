"""What reaches a terminal: never a control character of a source, and always the same spelling."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.commands.terminal import counted, print_problem, print_table, printable


def test_nothing_from_a_source_can_command_a_terminal() -> None:
    assert printable("plan\x1b[2J\x07\u202e.pdf\n") == "plan [2J  .pdf "


def test_length_is_kept_so_that_highlights_stay_in_place() -> None:
    text = "a\x1bb\nc"
    assert len(printable(text)) == len(text)


def test_moments_and_nothing_are_spelled_for_people() -> None:
    assert printable(None) == ""
    assert printable(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)).startswith("2026-01-0")


def test_markup_in_a_title_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["title"], [["[red]budget[/red]"]])
    assert "[red]budget[/red]" in capsys.readouterr().out


def test_each_line_of_a_problem_is_one_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_problem("first [bold]\nsecond")
    assert capsys.readouterr().err == "error: first [bold]\nerror: second\n"


def test_one_thing_is_not_several() -> None:
    assert [counted(number, "index", "indexes") for number in (0, 1, 2)] == ["0 indexes", "1 index", "2 indexes"]
    assert counted(2, "source") == "2 sources"
