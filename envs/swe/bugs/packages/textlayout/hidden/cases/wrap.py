"""Hidden cases of textlayout: wrap."""

import random

from cases.shared import BOLD, RED, RESET
from judging import tried
from textlayout import columns, dedent, justify, width, wrap, wrap_paragraphs

TEXT = (
    "It was a well-known fact, known to all-and-sundry, that the state-of-the-art machine 'half' stood still."
)


def case_wrap_every_width():
    return [wrap(TEXT, columns_) for columns_ in range(1, 60, 3)]


def case_wrap_exact_fits():
    words = "aa bb cc dd ee"
    return [wrap(words, n) for n in range(2, 16)], wrap("   lead and   trail  \n\t x ", 8), wrap(" \n ", 5)


def case_wrap_long_words():
    texts = [
        "abcdefghij",
        "ab abcdefghij cd",
        "abcdefghij-klmnop",
        "漢字漢字漢字",
        "a漢字漢字b",
        "e\u0301e\u0301e\u0301e\u0301",
    ]
    return [
        [wrap(text, n, break_long=flag) for n in (1, 2, 3, 5)] for text in texts for flag in (True, False)
    ]


def case_wrap_hyphens():
    texts = [
        "well-known",
        "a-b-c-d",
        "--option x",
        "1-2-3 4",
        "a- -b",
        "x-1 1-x",
        "é-ü-漢-字",
        "under_-score",
        "a--b c",
        "-x",
        "y-",
    ]
    return [[wrap(text, n) for n in (2, 3, 4, 6)] for text in texts]


def case_wrap_indents():
    rows = []
    for indent, hanging in (("- ", "  "), ("", "    "), ("    ", ""), ("> ", None), ("漢", " ")):
        rows.append([wrap(TEXT[:60], n, indent=indent, hanging=hanging) for n in (8, 13, 20)])
    return rows, [
        wrap("", 9, indent="- "),
        wrap("abcdefgh", 4, "- ", "   "),
        wrap("ab cdefghi", 5, "  ", "   "),
    ]


def case_wrap_without_room():
    said = [
        tried(wrap, "a", n, indent, hanging)
        for n in (0, 1, 2, 3)
        for indent, hanging in (("", None), ("- ", ""), ("", "- "))
    ]
    return said, tried(wrap, "a", -3), tried(wrap, "", 0)


def case_max_lines():
    text = "one two three four five"
    rows = [[wrap(text, n, max_lines=lines) for lines in (1, 2, 3, 9)] for n in (3, 5, 7, 8, 13, 30)]
    return (
        rows,
        wrap("漢字 漢字", 4, max_lines=1),
        tried(wrap, "a b", 1, max_lines=0),
        wrap("", 5, max_lines=1),
        wrap("a", 1, max_lines=1),
    )


def case_wrap_colours():
    text = f"plain {RED}red words{RESET} and {BOLD}boldlongword{RESET} end"
    return [wrap(text, n) for n in (5, 9, 14, 40)]


def case_wide_words():
    text = "漢字 かな abc 한글 xy 漢"
    return [wrap(text, n) for n in range(2, 14)], justify(text, 11)


def case_paragraphs():
    texts = [
        "one two\nthree\n\nfour",
        "\n\n a \n\n\n\n b\n \n\t\nc \n",
        "",
        " \n ",
        "a\n  \nb",
        "a\n\n  b c d e",
        "a\nb",
    ]
    return [wrap_paragraphs(text, 6) for text in texts], wrap_paragraphs(
        texts[0], 9, indent="* ", hanging="  "
    )


def case_justify():
    text = "aa bb cc dd eeeee f gg hhhh iii jj"
    return (
        [[justify(text, n), justify(text, n, last=True)] for n in (5, 8, 9, 11, 14, 17, 80)],
        justify("", 5),
        justify("a", 5, True),
    )


def case_justify_widths():
    lines = [justify(TEXT, n) for n in (16, 23, 31)]
    return lines, [{width(line) for line in one[:-1]} for one in lines]


def case_dedent():
    texts = [
        "  a\n    b\n\n  c",
        "a\n  b",
        "\ta\n\t\tb",
        "\t a\n\tb",
        "  a\n\tb",
        "   \n  ",
        "",
        "\n  a\n   \n  b\n",
        "    a\n  b\n      c",
    ]
    return [dedent(text) for text in texts]


def case_random_texts():
    source = random.Random(11)
    rows = []
    for _ in range(25):
        words = [
            "".join(source.choice("abc-漢é") for _ in range(source.randrange(1, 9)))
            for _ in range(source.randrange(1, 12))
        ]
        rows.append(
            (wrap(" ".join(words), source.randrange(2, 20)), justify(" ".join(words), 12), columns(words, 24))
        )
    return rows
