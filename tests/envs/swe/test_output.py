"""Command output as an observation: equal where only noise differs, bounded, without control characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.envs.swe.tools.output import elided, plain, shown, without_noise, without_passed

NOISE = [
    ("===== 3 passed, 1 failed in 0.12s =====", "===== 3 passed, 1 failed in 12.50s ====="),
    ("3 passed in 61.20s (0:01:01)", "3 passed in 59.00s"),
    ("Ran 3 tests in 0.002s", "Ran 3 tests in 0.105s"),
    ("0.10s call     test_a.py::test", "3.77s call     test_a.py::test"),
    ("real\t0m0.003s", "real\t0m1.250s"),
    ("<A object at 0x7f3a2b4c5d6e>", "<A object at 0x7f0000000010>"),
    ("open /tmp/tmpab12_x9z/file", "open /tmp/tmpqwertyui/file"),
    ("/tmp/pytest-of-agent/pytest-3/x", "/tmp/pytest-of-agent/pytest-0/x"),
    ("bash: line 1:   123 Killed   sleep 9", "bash: line 1:   77 Killed   sleep 9"),
    ("[1] 123", "[1] 7654"),
]


@pytest.mark.parametrize(("one", "other"), NOISE)
def test_noise_is_made_equal(one: str, other: str) -> None:
    assert one != other
    assert without_noise(one) == without_noise(other)


@pytest.mark.parametrize(
    "text", ["timeout = 0.25s", "sleep 3 s in 0.5s", "mask = 0xdeadbeef", "took 1.5s", "[1] 12 apples"]
)
def test_numbers_that_mean_something_stay(text: str) -> None:
    assert without_noise(text) == text


def test_the_screen_of_an_interactive_program_is_left_out() -> None:
    left_out = "[a screen that a program drew is left out: there is no terminal]"
    assert plain("a\x1b[?1049h\x1b[1;1H~\n~\nfile\x1b[?1049lb") == f"a{left_out}b"
    assert plain("a\x1b[?47h~\n~\n") == f"a{left_out}"
    drawn = "".join(f"\x1b[{line};1H~     " for line in range(1, 24))
    assert plain(f"Vim: Warning\n\x0c{drawn}\nafter") == f"Vim: Warning\n{left_out}\nafter"
    assert plain("\x1b[3;1Hone place\nand text") == "one place\nand text"
    assert plain("~\nno screen ?1049h") == "~\nno screen ?1049h"


def test_control_characters_are_written_out_and_colours_go() -> None:
    assert plain("\x1b[31mred\x1b[0m\x00\x07\ta\r\nb\x1b]0;title\x07") == "red\\x00\\x07\ta\nb0;title\\x07"


def test_passed_tests_are_not_listed() -> None:
    assert without_passed("PASSED a::b\nFAILED c::d\n  PASSED\n") == "FAILED c::d\n  PASSED\n"


def test_the_middle_is_left_out_with_its_count() -> None:
    text = "a" * 8_000 + "b" * 8_000
    short = elided(text, 1_000)
    left_out = 16_000 - short.count("a") - short.count("b") + "characters left out".count("a")
    assert len(short) <= 1_000
    assert short.startswith("aaa") and short.endswith("bbb")
    assert f"{left_out} characters left out" in short


@given(st.text(max_size=300), st.integers(100, 200))
def test_any_output_is_bounded(text: str, limit: int) -> None:
    assert len(shown(text, limit)) <= limit
