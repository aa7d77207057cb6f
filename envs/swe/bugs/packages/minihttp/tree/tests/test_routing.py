import pytest
from minihttp import HTTPError, Router


def router():
    made = Router()
    made.add("GET", "/users/{id:int}", "user", "user")
    made.add("GET", "/users/{name}", "by name")
    made.add("GET", "/users/me", "me")
    made.add("DELETE", "/users/{id:int}", "delete")
    made.add("GET", "/files/{rest:path}", "file", "file")
    made.add("POST", "/{a}.{b}", "dots")
    return made


def test_find():
    assert router().find("GET", "/users/7") == ("user", {"id": 7})
    assert router().find("GET", "/users/ann") == ("by name", {"name": "ann"})
    assert router().find("GET", "/files/a/b.c") == ("file", {"rest": "a/b.c"})
    assert router().find("DELETE", "/users/7") == ("delete", {"id": 7})
    assert router().find("HEAD", "/users/7") == ("user", {"id": 7})


def test_routes_without_parameters_come_first():
    assert router().find("GET", "/users/me") == ("me", {})


def test_a_parameter_is_one_part():
    with pytest.raises(HTTPError) as caught:
        router().find("GET", "/users/ann/photos")
    assert caught.value.status == 404


def test_method_not_allowed():
    with pytest.raises(HTTPError) as caught:
        router().find("PUT", "/users/7")
    assert caught.value.status == 405
    assert caught.value.headers == [("Allow", "DELETE, GET, HEAD")]


def test_dots_are_dots():
    assert router().find("POST", "/x.y") == ("dots", {"a": "x", "b": "y"})
    with pytest.raises(HTTPError):
        router().find("POST", "/x-y")


def test_url():
    assert router().url("user", id=7) == "/users/7"
    assert router().url("file", rest="a b/c") == "/files/a%20b/c"
    with pytest.raises(KeyError):
        router().url("nothing")
    with pytest.raises(ValueError, match="match"):
        router().url("user", id="x")


def test_bad_patterns():
    with pytest.raises(ValueError, match="int"):
        Router().add("GET", "/{a:float}", None)
    with pytest.raises(ValueError, match="new name"):
        Router().add("GET", "/{a}/{a}", None)
    with pytest.raises(ValueError, match="GET"):
        router().add("GET", "/users/me", None)
