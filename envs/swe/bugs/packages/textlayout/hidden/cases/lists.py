"""Hidden cases of textlayout: lists."""

from judging import tried
from textlayout import listing
from textlayout.lists import letters, roman


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
