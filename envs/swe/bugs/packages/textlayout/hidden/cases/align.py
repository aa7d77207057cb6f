"""Hidden cases of textlayout: align."""

from cases.shared import BOLD, RED, RESET, SAMPLES
from judging import tried
from textlayout import align_decimals, cut, pad


def case_pad():
    return [
        [pad(text, columns_, align) for align in ("left", "right", "center")]
        for text in SAMPLES
        for columns_ in (0, 1, 4, 5, 8)
    ]


def case_pad_fill():
    said = [pad("ab", 7, align, "·") for align in ("left", "right", "center")]
    return (
        said,
        [tried(pad, "a", 3, "left", fill) for fill in ("", "--", "漢", "\u0301")],
        tried(pad, "a", 0, "up"),
    )


def case_cut():
    return [
        [cut(text, columns_) for columns_ in range(6)] for text in [*SAMPLES, "abcdef", "漢字漢字", "a漢字b"]
    ]


def case_cut_with_other_ends():
    rows = [
        [cut(text, n, end) for n in range(7)]
        for text in ("abcdefg", "漢字漢字")
        for end in ("", "...", "漢", "~")
    ]
    return rows, tried(cut, "a", -1), cut("", 0), cut("a", 0)


def case_cut_ends_colours():
    texts = [
        f"{RED}abcdef{RESET}",
        f"ab{RED}cd{RESET}ef",
        f"ab{RED}cd\x1b[mef",
        f"{RED}a{BOLD}b{RESET}cdef",
        f"abc{RED}def",
    ]
    return [[cut(text, n, end) for n in range(7)] for text in texts for end in ("…", "")]


def case_decimals():
    lists = [
        ["1.5", "10", "100.25"],
        [],
        [""],
        ["a.b.c", "1", ".5", "5."],
        ["漢.字", "1.25"],
        ["1,5", "22"],
        ["-1.5", "+10.25", "x"],
    ]
    return (
        [align_decimals(one) for one in lists],
        align_decimals(["1,5", "22,25", "3.5"], ","),
        align_decimals(iter("12")),
    )
