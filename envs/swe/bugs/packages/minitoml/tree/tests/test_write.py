from datetime import date

import pytest
from minitoml import dumps, loads


def test_tables_below_values():
    config = {"title": "x", "server": {"ports": [80, 443], "tls": {"on": True}}}
    assert dumps(config) == 'title = "x"\n\n[server]\nports = [80, 443]\n\n[server.tls]\non = true\n'


def test_arrays_of_tables():
    assert dumps({"x": [{"a": 1}, {}]}) == "[[x]]\na = 1\n\n[[x]]\n"


def test_headers_that_are_not_needed():
    assert dumps({"a": {"b": {"c": 1}}}) == "[a.b]\nc = 1\n"
    assert dumps({"a": {}}) == "[a]\n"


def test_keys_and_strings():
    assert dumps({"a b": 'say "x"\n'}) == '"a b" = "say \\"x\\"\\n"\n'


def test_plain_values():
    assert dumps({"a": 1.0, "b": False, "c": date(2024, 1, 2), "d": []}) == (
        "a = 1.0\nb = false\nc = 2024-01-02\nd = []\n"
    )


def test_there_and_back():
    config = {"a": [1, [2.5, "x"]], "t": {"u": {}, "v": [{"w": [{"x": 1}]}]}, "": {"é": "\\"}}
    assert loads(dumps(config)) == config


def test_what_cannot_be_written():
    with pytest.raises(TypeError):
        dumps({"a": None})
    with pytest.raises(TypeError):
        dumps({1: 2})
