"""Hidden cases of minitoml: writer."""

from datetime import date, datetime, time, timedelta, timezone

from cases.shared import plain, read
from judging import tried
from minitoml import dumps, loads


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
