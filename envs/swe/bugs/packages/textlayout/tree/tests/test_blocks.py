import pytest
from textlayout import Table, columns, listing
from textlayout.lists import letters, roman


def table():
    return Table(["name", "price"], align=["left", "decimal"]).add("tea", "2.5").add("coffee", "12.75")


def test_table():
    assert table().render().split("\n") == [
        "name    price",
        "------  -----",
        "tea      2.5",
        "coffee  12.75",
    ]


def test_table_that_is_narrowed():
    text = Table(["what", "n"]).add("a long text here", 1).render(max_width=12)
    assert text.split("\n") == ["what       n", "---------  -", "a long     1", "text here"]


def test_short_and_long_rows():
    assert Table(["a", "b"], gap="|").add("x").render(rule="") == "a|b\nx|"
    with pytest.raises(ValueError):
        Table(["a"]).add(1, 2)


def test_sort():
    rows = table().sort("price", key=float, reverse=True).rows
    assert [row[0] for row in rows] == ["coffee", "tea"]


def test_wrong_alignment():
    with pytest.raises(ValueError):
        Table(["a"], align=["up"])
    with pytest.raises(ValueError):
        Table(["a", "b"], align=["left"])


def test_columns():
    assert columns(["a", "b", "c", "d", "e"], 7) == ["a  c  e", "b  d"]
    assert columns(["a", "b", "c", "d", "e"], 7, across=True) == ["a  b  c", "d  e"]
    assert columns([], 10) == []


def test_listing():
    assert listing(["one", ["a", "b"], "two"]) == ["- one", "  * a", "  * b", "- two"]
    assert listing(["x", "y"], numbered=True) == ["1. x", "2. y"]


def test_numbers():
    assert [letters(n) for n in (1, 26, 27)] == ["a", "z", "aa"]
    assert roman(1994) == "mcmxciv"


def test_a_list_in_itself():
    items = ["a"]
    items.append(items)
    with pytest.raises(ValueError):
        listing(items)
