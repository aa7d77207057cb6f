"""Hidden cases of textlayout: table."""

from judging import tried
from textlayout import Table


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
