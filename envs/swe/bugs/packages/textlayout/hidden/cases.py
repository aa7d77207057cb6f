"""Hidden cases of textlayout."""

import random

from judging import tried
from textlayout import (
    Table,
    align_decimals,
    columns,
    cut,
    dedent,
    justify,
    listing,
    pad,
    strip_colours,
    width,
    wrap,
    wrap_paragraphs,
)
from textlayout.lists import letters, roman

RED, BOLD, RESET = "\x1b[31m", "\x1b[1;4m", "\x1b[0m"
TEXT = (
    "It was a well-known fact, known to all-and-sundry, that the state-of-the-art machine 'half' stood still."
)
SAMPLES = [
    "",
    "a",
    "abc",
    "漢字",
    "e\u0301a",
    f"{RED}ab{RESET}c",
    "ａｂ",
    "a\u200db",
    "한글 x",
    "é",
    "a漢b字c",
]
SAMPLES += [
    f"{BOLD}{RED}漢{RESET}字",
    "\x1b[m",
    "\x1b[38;5;196mdeep\x1b[m",
    "x\x1bmy",
    "a\u0301\u0302b",
    "\u0301a",
]


def case_widths():
    return [width(text) for text in SAMPLES], [
        width(chr(code)) for code in (0x41, 0x300, 0x1100, 0x3042, 0xFF21, 0xFF71)
    ]


def case_strip_colours():
    texts = [*SAMPLES, f"{RED}a{BOLD}b{RESET}c m", "\x1b[31ma; 3m\x1b[0m m", "\x1b[2J", "\x1b[1mxm"]
    return [strip_colours(text) for text in texts]


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


def shop(**options):
    table = Table(["name", "price", "n"], ["left", "decimal", "right"], **options)
    return table.add("tea", "2.5", 3).add("coffee", "12.75", 12).add("漢字", 7).add(None, ".5", None)


def case_table():
    return (
        shop().render(),
        shop(gap=" | ").render(),
        shop().render(rule="=="),
        shop().render(rule=""),
        shop().render(rule="+-"),
    )


def case_table_alignments():
    table = Table(["left", "r", "a center", "decimal"], ["left", "right", "center", "decimal"], gap="|")
    for cells in (
        ["a", "bb", "c", "1.5"],
        ["longer", "x", "odd", "22"],
        ["", "", "even", "-3.25"],
        ["漢", "字", "漢", "字"],
    ):
        table.add(*cells)
    return table.render()


def case_table_decimals():
    lists = [
        ["100", "1.25"],
        ["1.25", "100.5", "7"],
        ["1", "10"],
        [".5", "1000"],
        ["1.5", ""],
        ["漢", "0.125"],
    ]
    tables = []
    for cells in lists:
        table = Table(["d", "x"], ["decimal", "left"], gap="|")
        for cell in cells:
            table.add(cell, "y")
        tables += [table.render(), tried(table.render, 6)]
    return tables


def case_table_max_width():
    table = Table(["item", "what it is", "n"], gap=" ").add("a", "a rather long description of it", 1)
    table.add("second item", "short", 22).add("", "unbreakablelongword", 3)
    return [tried(table.render, n) for n in (80, 47, 40, 30, 20, 12, 9, 8, 3)]


def case_table_ties_when_narrowed():
    table = Table(["aaaa aaaa", "bbbb bbbb", "cccc"], gap=" ").add("x x x x x", "y y y y y", "z")
    return [tried(table.render, n) for n in (24, 23, 22, 21, 20, 17, 14, 11, 10)]


def case_table_decimals_when_narrowed():
    table = (
        Table(["long title here", "m"], ["decimal", "left"])
        .add("1.25", "x")
        .add("100", "yy")
        .add("12.5", None)
    )
    return [tried(table.render, n) for n in (30, 19, 15, 12, 8, 7)]


def case_table_without():
    said = [
        Table([]).render(),
        Table(["a", "b"]).render(),
        Table(["", ""]).add("x", "yy").render(),
        Table(["", ""]).render(),
    ]
    said += [
        Table(["", "b"]).add("x", "yy").render(),
        Table(["a"]).add("").render(),
        Table(["a"]).add(None).add("x").render(),
    ]
    return said


def case_table_refuses():
    said = [tried(Table, ["a"], ["up"]), tried(Table, ["a", "b"], ["left"]), tried(Table(["a"]).add, 1, 2)]
    said += [
        tried(Table(["a"]).sort, "b"),
        tried(Table, [], ["left"]),
        Table(["a"]).add().rows,
        Table([1, None]).header,
    ]
    return said


def case_table_sort():
    table = Table(["k", "v"]).add("b", 1).add("a", 2).add("b", 3).add("a", 4).add("c", 10)
    rows = [
        table.sort("k").rows[:],
        table.sort("v", key=int).rows[:],
        table.sort("k", reverse=True).rows[:],
        table.sort("v").rows[:],
    ]
    return [[list(row) for row in one] for one in rows]


def case_tables_share_nothing():
    align = ["left", "right"]
    header = ["a", "b"]
    one = Table(header, align).add("x", 1)
    align[0] = "right"
    header.append("c")
    two = one.copy()
    two.add("longer", 22)
    two.rows[0][0] = "changed"
    two.align[1] = "left"
    two.header[0] = "title"
    three = Table(["a", "b"])
    three.align[0] = "center"
    four = Table(["a", "b"]).add("wide cell", "z")
    return (
        one.render(),
        two.render(),
        one.rows,
        two.rows,
        three.rows,
        four.render(),
        Table(["x"]).rows,
        Table(["a"], gap="#").copy().gap,
    )


def case_render_changes_nothing():
    table = shop()
    first = table.render(max_width=16)
    return first == table.render(max_width=16), table.rows, table.render()


def case_columns():
    items = ["alpha", "be", "gamma", "d", "epsilon", "zeta", "eta", "th", "漢字", "k"]
    return [
        [columns(items, total, gap, across) for total in (5, 12, 20, 25, 30, 60)]
        for gap in (1, 2)
        for across in (False, True)
    ]


def case_columns_exact_fit():
    return (
        [columns("abcdefg", n) for n in range(0, 22)],
        columns("abcdefg", 13, gap=0),
        columns("ab", 4),
        columns("ab", 3),
    )


def case_columns_across_exact_fit():
    return [columns(["aaa", "b", "c", "dd", "e"], n, across=True) for n in range(3, 18)]


def case_few_columns():
    items = ["x"]
    same = columns(items, 10)
    return (
        columns([], 5),
        same,
        columns(["a long one"], 3),
        columns(iter("abc"), 9),
        columns(["", ""], 9),
        columns(["a", ""], 9),
    )


def case_columns_of_every_count():
    return [columns([str(10 ** (n % 4)) for n in range(count)], 17) for count in range(1, 14)]


def case_listing():
    items = ["one", ["a", ["deep", ["deeper", ["deepest"]]], "b"], "two", (), ["c"], ("d", "e")]
    said = [
        listing(items),
        listing(items, numbered=True),
        listing(items, bullets="ox"),
        listing(items, bullets=["=>"]),
    ]
    return said, listing([]), listing([[]]), listing([["a"]]), listing(["", "x"]), listing([1, None])


def case_numbered_lists():
    twelve = [f"item {n}" for n in range(12)]
    return (
        listing(twelve, numbered=True),
        listing(twelve[:3], numbered=True, start=9),
        listing([twelve[:2], "x", ["y"]], numbered=True, start=100),
    )


def case_numbered_levels():
    many = [str(n) for n in range(28)]
    return (
        listing(["x", many], numbered=True),
        listing(["x", ["y", many[:9]]], numbered=True),
        listing(["x", ["y", ["z", ["w"]]]], numbered=True, start=5),
    )


def case_listing_wraps():
    items = [
        "a text that is too long for one line",
        ["and another one inside of it", ["third level text"]],
        "end",
    ]
    return (
        [tried(listing, items, n) for n in (10, 14, 20)],
        [tried(listing, items, n, True) for n in (10, 14, 20)],
        tried(listing, items, 5),
    )


def case_lists_in_themselves():
    ring = ["a"]
    ring.append(["b", ring])
    shared = ["s"]
    return tried(listing, ring), listing([shared, "x", shared, [shared]]), tried(listing, ["y", ring])


def case_letters():
    return [letters(n) for n in (1, 2, 25, 26, 27, 52, 53, 78, 702, 703, 18278, 18279)], letters(0)


def case_roman():
    return [roman(n) for n in [*range(1, 50), 90, 99, 400, 499, 900, 944, 1666, 1994, 2024, 3999]]


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
