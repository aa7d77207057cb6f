"""Hidden cases of minitoml: document."""

from cases.shared import read
from judging import tried
from minitoml import TomlError, loads


def case_keys():
    texts = [
        "a = 1",
        "a-b_C9 = 1",
        "1 = 2",
        '"a b" = 1',
        "'q\"' = 1",
        '"" = 1',
        "a.b.c = 1",
        "a . 'b.c' . \"d\" = 1",
        '"\\u00e9" = 1',
        "3.14 = 1",
    ]
    texts += ["true = 1", "a=1", "\ta\t=\t1", "inf = 1", "2024-01-01 = 1"]
    return [read(text) for text in texts]


def case_wrong_keys():
    texts = [
        "= 1",
        "a",
        "a b = 1",
        "é = 1",
        "a. = 1",
        ".a = 1",
        "a..b = 1",
        '"""a""" = 1',
        "'''a''' = 1",
        "a = 1 b = 2",
        "a\n= 1",
        '"a\nb" = 1',
        "a = 1 c",
        "[a] = 1",
    ]
    texts += ["a = 1, b = 2", "a.b", "'a = 1", "a=\n1", "a = # c", "!x = 1"]
    return [read(text) for text in texts]


def case_tables():
    text = "top = 1\n[a]\nx = 1\n[a.b]\ny = 2\n[c.d.e]\nz = 3\n[c]\nw = 4\n"
    text += "[ c . 'f g' ]\n[c.d]\nq.r = 5\nq.s = 6\n"
    return (
        read(text),
        read("[a]"),
        read("[a.b.c]\n[a]\nx = 1"),
        read('[""]\nx = 1'),
        read("[a]# c\n  x=1\n \t[b]\n"),
    )


def case_tables_twice():
    texts = [
        "[a]\n[a]",
        "[a.b]\n[a]\n[a.b]",
        "[a]\nb = 1\n[a.b]",
        "a = 1\n[a]",
        "a.b = 1\n[a]",
        "a.b.c = 1\n[a.b]",
        "[a]\nb.c = 1\n[a.b]",
        "a = {}\n[a]",
    ]
    texts += [
        "a = {b = {}}\n[a.b.c]",
        "[a.b]\nx = 1\n[a]\nb.y = 2",
        "[a]\n[a.b]\n[a.b]",
        "a.b = 1\n[a.c]\nx = 2",
        "[a.b.c]\n[a]\nb.d = 1",
        "[a]\nx = 1\nx = 2",
    ]
    texts += [
        "a = {x = 1}\na.y = 2",
        "a.b = 1\na.b.c = 2",
        "a = [{}]\n[a.b]",
        "x.y = 1\nx = 2",
        "[a]\n'a' = 1\n\"a\" = 2",
        "[a]\nb.c = 1\n[a.b.d]",
    ]
    return [read(text) for text in texts]


def case_arrays_of_tables():
    texts = [
        "[[x]]\na = 1\n[[x]]\n[[x]]\na = 3",
        "[[a.b]]\nx = 1\n[[a.b]]\nx = 2",
        "[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2",
        "[[a]]\n[[a.b]]\n[[a.b]]\n[[a]]\n[[a.b]]",
    ]
    texts += [
        "[a]\n[[a.b]]\nc.d = 1\n[[a.b]]\nc.d = 2",
        "[[a]]\nx = 1\n[[b]]\ny = 1\n[[a]]\nx = 2",
        "[[a]]\n[a.b.c]\nd = 1\n[[a.b.e]]\nf = 1\n[[a]]\nb = 1",
    ]
    return [read(text) for text in texts]


def case_wrong_arrays_of_tables():
    texts = [
        "a = []\n[[a]]",
        "[a]\n[[a]]",
        "[[a]]\n[a]",
        "a = [{}]\n[[a]]",
        "[[a]",
        "[[a] ]",
        "[ [a]]",
        "[[a]]\n[a.b]\n[[a.b]]",
        "[[a]]\n[[a.b]]\n[a.b]",
        "a.b = 1\n[[a]]",
        "a = 1\n[[a.b]]",
    ]
    texts += ["[[]]", "[]", "[a", "[a]]", "[a] x", "[[a]]\na.b = 1\n[[a]] y", "[a.b]\n[[a]]"]
    return [read(text) for text in texts]


def case_comments_and_white_space():
    texts = [
        "",
        "\n\n",
        "# c",
        "#\n#é\n\ta = 1 # x\n",
        "a = 1\r\nb = 2\r\n",
        "a = 1 #\r\n",
        "a = 1 \t \n",
        "  ",
        "# tab\tin it",
        "a = 'x' # 'y'",
        "\r\n# c\r\n",
    ]
    return [read(text) for text in texts], [
        read(text)
        for text in ("# \x01", "a = 1 # \x7f", "a = 1\rb = 2", "a = 1 # x\ry", "\x00", "\ufeffa = 1")
    ]


def case_places_of_errors():
    texts = [
        "?",
        "a = 1\nb = ?\n",
        "a = 1\n\n  b = [1,\n  2 3]",
        "[a]\nx = 1\n[b]\n[a]\n",
        'x = "ab\\qc"',
        "x = '''\n\n",
        "a = 1\n a = 2",
        "x = 2023-02-30",
        "x = [\n1,\n}",
    ]
    texts += ["a = 1 b", "é = 1", "x = '\x01'", "\n\n[[a]\n", "x = {a = 1, a = 2}", 'x = "abc']
    return (
        [read(text) for text in texts],
        str(tried(lambda: (_ for _ in ()).throw(TomlError("m", 2, 3)))),
        str(TomlError("m", 2, 3)),
    )


def case_inline_tables_are_dicts():
    config = loads("a = {b = {c = [{d = 1}, [{e = 2}]]}}\nf = [[{}]]\n[[g]]\nh = {}")
    kinds = []

    def walk(value):
        kinds.append(type(value).__name__)
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(one)

    walk(config)
    return kinds


def case_two_documents_share_nothing():
    one, two = loads("[a]\nx = [1]"), loads("[a]\nx = [1]")
    one["a"]["x"].append(2)
    return one, two, loads(""), read("[a]\n") == read("[a]\n")
