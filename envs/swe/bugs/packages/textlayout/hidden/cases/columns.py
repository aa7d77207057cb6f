"""Hidden cases of textlayout: columns."""

from textlayout import columns


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
