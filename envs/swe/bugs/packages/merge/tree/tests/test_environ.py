import pytest
from merge import ConflictError, from_environ, parse_value

VALUES = {
    "true": True,
    "FALSE": False,
    "Null": None,
    "8080": 8080,
    " 7 ": 7,
    "1.5": 1.5,
    "1e3": 1000.0,
    '"8080"': "8080",
    '["a", 1]': ["a", 1],
    "[broken": "[broken",
    "1.2.3": "1.2.3",
    "": "",
    " text ": " text ",
}


@pytest.mark.parametrize("text", VALUES)
def test_values(text):
    assert parse_value(text) == VALUES[text]
    assert type(parse_value(text)) is type(VALUES[text])


def test_signs():
    assert parse_value("-5") == -5
    assert parse_value("+5") == 5
    assert parse_value("-0.5") == -0.5


def test_from_environ():
    environ = {
        "APP_SERVER__PORT": "80",
        "APP_DEBUG": "true",
        "APPLE": "1",
        "PATH": "/bin",
        "APP_SERVER__A_B": "x",
    }
    assert from_environ(environ, "APP") == {"debug": True, "server": {"a_b": "x", "port": 80}}


@pytest.mark.parametrize(
    "environ",
    [{"APP_A": "1", "APP_A__B": "2"}, {"APP_": "1"}, {"APP_A__": "1"}, {"APP_A": "1", "APP_a": "2"}],
)
def test_what_does_not_fit(environ):
    with pytest.raises(ConflictError):
        from_environ(environ, "APP")
