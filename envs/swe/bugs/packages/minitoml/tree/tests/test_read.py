import math
from datetime import date, datetime, time, timedelta, timezone

import pytest
from minitoml import TomlError, get, loads


def test_pairs_and_tables():
    text = 'title = "x"\n\n[server]\nport = 80 # the usual one\n[server.tls]\non = true\n'
    assert loads(text) == {"title": "x", "server": {"port": 80, "tls": {"on": True}}}


def test_empty():
    assert loads("") == {}
    assert loads("# nothing\n\n") == {}


@pytest.mark.parametrize(
    "text, value",
    [
        ("0x1F", 31),
        ("0o17", 15),
        ("0b101", 5),
        ("1_000", 1000),
        ("-7", -7),
        ("+0", 0),
        ("1e3", 1000.0),
        ("2.5", 2.5),
    ],
)
def test_numbers(text, value):
    read = loads(f"x = {text}")["x"]
    assert read == value
    assert type(read) is type(value)


def test_special_floats():
    assert loads("x = -inf")["x"] == -math.inf
    assert math.isnan(loads("x = nan")["x"])


@pytest.mark.parametrize("text", ["01", "1_", "1.", ".5", "1__0", "0x", "yes", "1 2", "--1", "1e"])
def test_wrong_values(text):
    with pytest.raises(TomlError):
        loads(f"x = {text}")


def test_strings():
    assert loads(r'x = "a\tb\u00e9"')["x"] == "a\tb\u00e9"
    assert loads(r"x = 'C:\new'")["x"] == r"C:\new"
    assert loads('x = """\none\ntwo"""')["x"] == "one\ntwo"
    assert loads('x = """one \\\n   two"""')["x"] == "one two"


def test_dates():
    assert loads("x = 2024-02-29")["x"] == date(2024, 2, 29)
    assert loads("x = 07:32:00")["x"] == time(7, 32)
    assert loads("x = 2024-01-01T07:32:00Z")["x"] == datetime(2024, 1, 1, 7, 32, tzinfo=timezone.utc)
    zone = timezone(timedelta(hours=-7))
    assert loads("x = 2024-01-01 07:32:00-07:00")["x"] == datetime(2024, 1, 1, 7, 32, tzinfo=zone)
    with pytest.raises(TomlError):
        loads("x = 2023-02-29")


def test_arrays():
    assert loads("x = [1, [2, 3], # three\n 4,\n]")["x"] == [1, [2, 3], 4]
    assert loads("x = []")["x"] == []


def test_inline_tables():
    assert loads("x = {a = 1, b.c = 2}")["x"] == {"a": 1, "b": {"c": 2}}
    with pytest.raises(TomlError):
        loads("x = {a = 1,}")


def test_arrays_of_tables():
    assert loads("[[x]]\na = 1\n[[x]]\n[[x]]\na = 3\n") == {"x": [{"a": 1}, {}, {"a": 3}]}


@pytest.mark.parametrize(
    "text",
    [
        "a = 1\na = 2",
        "[a]\n[a]",
        "a = {}\n[a.b]",
        "a = []\n[[a]]",
        "[a]\n[[a]]",
        "a.b = 1\n[a]",
        "a = 1\na.b = 2",
    ],
)
def test_what_is_given_twice(text):
    with pytest.raises(TomlError):
        loads(text)


def test_errors_say_where():
    with pytest.raises(TomlError) as caught:
        loads("a = 1\nb = ?\n")
    assert (caught.value.line, caught.value.column) == (2, 5)


def test_get():
    config = {"server": {"ports": [80, 443], "a.b": 1}}
    assert get(config, "server.ports.1") == 443
    assert get(config, 'server."a.b"') == 1
    assert get(config, "server.name", "none") == "none"
    with pytest.raises(KeyError):
        get(config, "server.name")
