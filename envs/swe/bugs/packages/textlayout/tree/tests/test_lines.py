import pytest
from textlayout import align_decimals, cut, dedent, justify, pad, strip_colours, width, wrap, wrap_paragraphs

RED, RESET = "\x1b[31m", "\x1b[0m"


def test_width():
    assert width("abc") == 3
    assert width("漢字") == 4
    assert width("e\u0301") == 1
    assert width(f"{RED}abc{RESET}") == 3


def test_strip_colours():
    assert strip_colours(f"{RED}abc{RESET}") == "abc"


def test_pad():
    assert pad("abc", 6) == "abc   "
    assert pad("abc", 6, "right") == "   abc"
    assert pad("abc", 6, "center", "-") == "-abc--"
    assert pad("漢字", 6, "right") == "  漢字"
    assert pad("abcdef", 3) == "abcdef"


def test_pad_refuses():
    with pytest.raises(ValueError):
        pad("a", 3, "middle")
    with pytest.raises(ValueError):
        pad("a", 3, fill="--")


def test_cut():
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcdef", 4, "") == "abcd"
    assert cut("漢字漢字", 4) == "漢…"


def test_align_decimals():
    assert align_decimals(["1.5", "10", "100.25"]) == ["  1.5 ", " 10   ", "100.25"]


def test_wrap():
    assert wrap("the quick brown fox", 10) == ["the quick", "brown fox"]
    assert wrap("the quick brown fox", 9) == ["the quick", "brown fox"]
    assert wrap("", 10) == []


def test_wrap_with_indent():
    assert wrap("one two three", 9, indent="- ", hanging="  ") == ["- one two", "  three"]


def test_wrap_breaks_long_words():
    assert wrap("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrap("abcdefgh ij", 3, break_long=False) == ["abcdefgh", "ij"]


def test_wrap_after_hyphens():
    assert wrap("a well-known fact", 8) == ["a well-", "known", "fact"]


def test_max_lines():
    assert wrap("one two three four", 5, max_lines=2) == ["one", "two…"]


def test_paragraphs():
    assert wrap_paragraphs("one two\nthree\n\nfour", 20) == ["one two three", "", "four"]


def test_justify():
    assert justify("aa bb cc dd", 9) == ["aa  bb cc", "dd"]


def test_dedent():
    assert dedent("  a\n    b\n\n  c") == "a\n  b\n\nc"
