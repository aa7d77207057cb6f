"""Hidden cases of minitoml."""

from datetime import date, datetime, time, timedelta, timezone

from judging import tried
from minitoml import TomlError, dumps, get, loads


def plain(value):
    """Return dates and times as text, with their type, also inside of others."""
    if isinstance(value, (date, time)):
        return (type(value).__name__, value.isoformat())
    if type(value) is dict:
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if type(value) is list else value


def read(text):
    """Return a document as plain values, or where it is wrong."""
    try:
        return plain(loads(text))
    except TomlError as error:
        return ("wrong", error.line, error.column)


def values(*texts):
    return [read(f"x = {text}") for text in texts]


def case_integers():
    return values(
        "0",
        "+0",
        "-0",
        "7",
        "-17",
        "+99",
        "1_000",
        "1_2_3",
        "0xdead_BEEF",
        "0o755",
        "0b1101",
        "9" * 30,
        "0x0",
    )


def case_wrong_integers():
    wrong = [
        "01",
        "-01",
        "1_",
        "_1",
        "1__0",
        "0x",
        "0x_1",
        "0b2",
        "0o8",
        "+0x1",
        "1a",
        "0X1",
        "0xg",
        "--1",
        "+-1",
        "1_.0",
    ]
    return values(*wrong), values("0x1_", "0b", "-", "+", "0_0", "00")


def case_floats():
    return values(
        "1.0",
        "-0.0",
        "3.14_15",
        "1e3",
        "1E-3",
        "-2.5e+10",
        "6_0.2_5e1_0",
        "inf",
        "+inf",
        "-inf",
        "nan",
        "-nan",
        "0e0",
        "0.5",
    )


def case_wrong_floats():
    return values(
        "1.",
        ".5",
        "1.e3",
        "1e",
        "1e+",
        "01.5",
        "1._5",
        "1_.5",
        "1.5.5",
        "infx",
        "nan1",
        "Inf",
        "1e1.5",
        "0x1.5",
        "1e_3",
    )


def case_booleans_and_others():
    return values(
        "true",
        "false",
        "True",
        "truefalse",
        "true1",
        "null",
        "yes",
        "",
        "=",
        "1 2",
        "x",
        "true # c",
        "[true,false]",
    )


def case_basic_strings():
    return values(
        '"a"',
        '""',
        r'"\b\t\n\f\r\"\\"',
        r'"\u00e9\U0001F600"',
        '"\t"',
        '"é漢"',
        '"it\'s"',
        r'"\u0000"',
        '"#"',
        r'"\uD7FF\uE000"',
    )


def case_wrong_strings():
    wrong = [
        '"a',
        '"a\nb"',
        r'"\x41"',
        r'"\u12"',
        r'"\uD800"',
        r'"\U00110000"',
        '"\x01"',
        '"\x7f"',
        "'a",
        "'a\nb'",
        "'\x00'",
        '"a" b',
    ]
    return values(*wrong, r'"\U0010FFFF"', r'"\uDFFF"', '"\\', "'\x1f'", '"a"b', r'"\u00G0"', r'"\ "')


def case_literal_strings():
    return values("'a'", "''", r"'C:\new\x'", "'say \"x\"'", "'\t'", "'#'", "'é'")


def case_long_strings():
    texts = [
        '"""a"""',
        '"""\na\nb"""',
        '"""a\r\nb"""',
        '"""\n\na"""',
        '"""one \\\n   two"""',
        '"""a\\  \n \n\t b"""',
        '""""""',
    ]
    texts += [
        '""""a"""',
        '"""a""""',
        '"""a"""""',
        '"""a""b"""',
        r'"""\"""" ',
        r'"""a\u00e9"""',
        '"""a\\\r\n  b"""',
        '"""\t"""',
    ]
    return values(*texts)


def case_long_literals():
    texts = [
        "'''a'''",
        "'''\na\n b'''",
        "''''a'''",
        "'''a''''",
        "'''a'''''",
        "'''a\\\nb'''",
        "'''a'b''c'''",
        "'''\r\nx\r\n'''",
        "''''''",
    ]
    return values(*texts)


def case_wrong_long_strings():
    texts = [
        '"""a',
        '"""a""',
        "'''a''",
        '"""a""""""',
        '"""\x02"""',
        "'''\x7f'''",
        '"""a\\ b"""',
        r'"""\q"""',
        '"""\na\n',
        '"""a\\',
    ]
    return values(*texts, "'''a''''''", '"""\r"""')


def case_dates_and_times():
    texts = [
        "2024-02-29",
        "07:32:00",
        "00:00:00.5",
        "23:59:59.999999999",
        "12:30:15.25",
        "2024-01-01T07:32:00",
        "1979-05-27 00:32:00.123",
    ]
    texts += [
        "2024-01-01t07:32:00z",
        "2024-01-01T07:32:00Z",
        "2024-01-01T07:32:00.000001+05:30",
        "2024-01-01T07:32:00-07:00",
        "10:00:00.1234567",
    ]
    texts += ["2024-01-01 # day", "2024-01-01T00:00:00+00:00", "2024-12-31T23:59:59-23:59", "0001-01-01"]
    return values(*texts)


def case_wrong_dates():
    texts = [
        "2023-02-29",
        "2024-13-01",
        "2024-1-1",
        "24:00:00",
        "12:60:00",
        "12:00",
        "12:00:61",
        "2024-01-01T",
        "2024-01-01T25:00:00",
    ]
    texts += [
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:60",
        "2024-01-01x",
        "07:32:00Z",
        "2024-01-01 07:32",
        "0000-01-01",
        "2024-00-01",
    ]
    texts += [
        "12:00:00.",
        "2024-01-01TT07:32:00",
        "2024-01-01T00:00:00+1:00",
        "2024-04-31",
        "2024-01-01T00:00:00ZZ",
    ]
    return values(*texts)


def case_arrays():
    texts = [
        "[]",
        "[1]",
        "[1, 2,]",
        "[ [1], ['a', \"b\"], [] ]",
        "[1,2.5,'x',true]",
        "[\n1, # one\n\n 2\n]",
        "[{a = 1}, {b = 2}]",
        "[ ]",
    ]
    texts += ["[\n]", "[2024-01-01,07:00:00]", "[[[[]]]]", "[1\n,2]", "[#c\n1#d\n]"]
    return values(*texts)


def case_wrong_arrays():
    return values(
        "[", "[1", "[1 2]", "[,]", "[1,,2]", "[1,", "]", "[1]]", "[1] 2", "[a]", "[1;2]", "{", "[1, 2", "[\n"
    )


def case_nesting():
    return [type(tried(loads, "x = " + "[" * n + "]" * n)).__name__ for n in (50, 99, 100)], [
        tried(loads, "x = " + opened * n)
        for n in (101, 102, 600, 20_000)
        for opened in ("[", "{a = ", "[{a = ")
    ]


def case_inline_tables():
    texts = [
        "{}",
        "{ }",
        "{a = 1}",
        "{a=1,b=2}",
        "{ a.b = 1, a.c = 2 }",
        "{'x y' = {z = []}}",
        '{"" = 1}',
        "{a = [\n1,\n2]}",
        "{a = {b = 1}, c = 2}",
    ]
    return values(*texts)


def case_wrong_inline_tables():
    texts = [
        "{a = 1,}",
        "{,}",
        "{a}",
        "{a = }",
        "{a = 1 b = 2}",
        "{a = 1, a = 2}",
        "{a.b = 1, a = 2}",
        "{a = 1, a.b = 2}",
        "{\na = 1}",
        "{a = 1\n}",
    ]
    texts += [
        "{a = {}, a.b = 1}",
        "{a.b = 1, a.b.c = 2}",
        "{a.b = {c = 1}, a.b.d = 2}",
        "{a = 1",
        "{1 = 2, 1 = 3}",
        "{a.b = 1, a.b = 2}",
        "{a = [], a.b = 1}",
    ]
    return values(*texts)


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


def case_written_values():
    config = {
        "int": -3,
        "big": 10**20,
        "floats": [
            1.0,
            -0.5,
            1e16,
            1e22,
            1.5e-7,
            float("inf"),
            -float("inf"),
            float("nan"),
            1e100,
            123456.789,
            -1e-9,
        ],
        "bools": [True, False],
        "day": date(2024, 1, 2),
        "clock": time(1, 2, 3, 40000),
        "moment": datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        "utc": datetime(2024, 1, 2, tzinfo=timezone.utc),
        "nested": [[1, ["x"]], [], ({}, 1)],
        "mixed": [{"a": 1}, 2],
        "tuple": (1, 2),
    }
    text = dumps(config)
    return text, read(text)


def case_written_strings():
    texts = [
        "",
        "plain",
        'say "x"',
        "back\\slash",
        "a\tb\nc\rd\be\ff",
        "\x00\x1f\x7f\x80",
        "é漢😀",
        "'",
        "# no comment",
        "\u2028",
    ]
    text = dumps({"x": texts})
    return text, loads(text)["x"] == texts


def case_written_keys():
    keys = [
        "a",
        "A-b_9",
        "a b",
        "a.b",
        "",
        "é",
        '"',
        "'",
        "\n",
        "1",
        "a=",
        "[x]",
        "-",
        "\\",
        "a#b",
        " a",
        "a\n",
    ]
    text = dumps(dict.fromkeys(keys, 1))
    deep = dumps({"x y": {"a.b": {"": {"z": 1}}}, "p": [{"q r": [{"s": 1}]}]})
    return text, list(loads(text)) == keys, deep, read(deep)


def case_written_tables():
    configs = [
        {},
        {"a": {}},
        {"a": {"b": {}}},
        {"a": {"b": {"c": 1}}},
        {"a": {"x": 1, "b": {"y": 2}, "z": 3}, "w": 4},
        {"a": [{}]},
        {"a": []},
        {"a": [{"b": 1}, {"c": {"d": 2}}, {}]},
        {"a": [{"b": [{"c": 1}, {"c": 2}], "x": 1}, {"b": [{"c": 3}]}]},
        {"t": {"l": [{"x": 1}], "m": {"y": 1}}},
        {"a": {"b": []}, "c": {"d": {}, "e": {}}},
        {"t": ({"x": 1}, {"x": 2})},
        {"a": {"b": {"c": {}}, "d": {"e": 1}}, "f": {"g": {}}},
    ]
    texts = [dumps(config) for config in configs]
    return texts, [plain(loads(text)) for text in texts]


def case_values_stay_in_their_table():
    config = {
        "first": {"a": 1},
        "x": 1,
        "second": [{"b": {"c": 1}, "d": 2}, {"e": [{"f": 1}], "g": 3}],
        "y": {"z": {"w": 1}, "v": 2},
    }
    return loads(dumps(config)) == config, dumps(config)


def case_what_cannot_be_written():
    wrong = [
        {"a": None},
        {"a": [None]},
        {1: 2},
        {"a": {1: 2}},
        {"a": object()},
        {"a": {1, 2}},
        {"a": b"x"},
        {"a": [{1: 1}, 2]},
        {None: {}},
        {"a": 1j},
    ]
    return (
        [tried(dumps, config) for config in wrong],
        tried(dumps, {"a": {2: {"b": 1}}}),
        tried(dumps, {"a": [{3: {}}]}),
    )


def case_dumps_changes_nothing():
    config = {"b": {"y": [1]}, "a": [{"x": {}}], "c": 1}
    dumps(config)
    return config, list(config)


def case_get():
    config = {
        "server": {"ports": [80, 443], "a.b": {"c": 1}, "1": "one", "": 0},
        "list": [{"x": 1}, {"x": [5, 6]}],
        "none": None,
    }
    paths = [
        "server.ports",
        "server.ports.1",
        'server."a.b".c',
        "server.1",
        'server.""',
        "list.1.x.0",
        "none",
        " server . ports . 0 ",
        "list.0",
    ]
    missing = [
        "server.ports.2",
        "server.ports.-1",
        "nothing",
        "server.ports.1.x",
        "none.x",
        "list.x",
        "list.2.x",
        "server.ports.x1",
        "list.0.y",
    ]
    wrong = ["", "a.", ".a", "a b", "a..b", "'a", "server.ports x", "a ?"]
    said = [get(config, path) for path in paths], [tried(get, config, path) for path in missing]
    return (
        said,
        [get(config, path, "default") for path in missing],
        [tried(get, config, path) for path in wrong],
        get(config, "none", 1),
        get(config, "x", None),
    )


def case_a_real_file():
    text = """
# A service.
name = "mirror"
started = 2024-03-01T08:00:00Z

[owner]
name = 'Ada "the first"'
tags.main = ["a", "b"]
tags.extra = []

[[disk]]
path = '/srv/a'
size = 4_000.5
  [disk.options]
  cache = { on = true, mode = "write-back" }

[[disk]]
path = '/srv/b'
size = inf

[limits]
retry = [1, 2,
  4, # seconds
]
"""
    config = loads(text)
    return plain(config), dumps(config), plain(loads(dumps(config)))
