import pytest
from merge import PathError, drop, format_path, get, parse_path, put

PATHS = {
    "a": ("a",),
    "server.ports[0]": ("server", "ports", 0),
    'users."jane.doe".mail': ("users", "jane.doe", "mail"),
    "[2][0].x": (2, 0, "x"),
    "log-level.*": ("log-level", "*"),
    '"".a': ("", "a"),
    "": (),
}


@pytest.mark.parametrize("text", PATHS)
def test_parse_and_format(text):
    assert parse_path(text) == PATHS[text]
    assert format_path(PATHS[text]) == text


def test_names_with_quotes_and_backslashes():
    path = ("dir", 'say "hi"', "C:\\temp")
    assert format_path(path) == r'dir."say \"hi\""."C:\\temp"'
    assert parse_path(format_path(path)) == path


@pytest.mark.parametrize("text", [".a", "a.", "a..b", "a.[0]", "a b", "[x]", '"open', "a]"])
def test_what_is_not_a_path(text):
    with pytest.raises(PathError):
        parse_path(text)


def test_get():
    config = {"a": {"b": [10, {"c": None}]}}
    assert get(config, "a.b[1].c") is None
    assert get(config, ("a", "b", 0)) == 10
    assert get(config, "a.b[2]", 7) == 7
    assert get(config, "a.b.c", "none") == "none"
    assert get(config, "") is config
    with pytest.raises(PathError):
        get(config, "a.x")


def test_put():
    config = {"a": [1]}
    put(config, "b.c", 2)
    put(config, "a[0]", 3)
    put(config, "a[1]", 4)
    assert config == {"a": [3, 4], "b": {"c": 2}}
    with pytest.raises(PathError):
        put(config, "a[5]", 1)
    with pytest.raises(PathError):
        put(config, "b.c.d", 1)


def test_drop():
    config = {"a": [1, 2], "b": {"c": 3}}
    drop(config, "a[0]")
    drop(config, "b.c")
    assert config == {"a": [2], "b": {}}
    with pytest.raises(PathError):
        drop(config, "b.c")
