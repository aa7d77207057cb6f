import pytest
from minihttp import Request, Response, parse_cookies, set_cookie


def test_parse():
    assert parse_cookies('a=1; b="x y"; c=%C3%A4=; a=2; broken; =d') == {"a": "1", "b": "x y", "c": "ä="}


def test_request():
    request = Request("GET", "/", [("Cookie", "a=1"), ("Cookie", "b=2")])
    assert request.cookies == {"a": "1", "b": "2"}


def test_set_cookie():
    assert set_cookie("a", "x; y") == "a=x%3B%20y; Path=/; HttpOnly; SameSite=Lax"
    full = set_cookie(
        "a", "1", max_age=60, path="/p", domain="x.org", secure=True, http_only=False, same_site="None"
    )
    assert full == "a=1; Max-Age=60; Path=/p; Domain=x.org; Secure; SameSite=None"


def test_set_cookie_refuses():
    with pytest.raises(ValueError, match="name"):
        set_cookie("a b", "1")
    with pytest.raises(ValueError, match="same_site"):
        set_cookie("a", "1", same_site="None")


def test_delete_cookie():
    response = Response("bye")
    response.delete_cookie("session")
    assert response.headers.get("Set-Cookie") == "session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"


def test_several_cookies():
    response = Response("hello")
    response.set_cookie("session", "s1")
    response.set_cookie("theme", "dark")
    assert [value.split(";")[0] for value in response.headers.get_all("Set-Cookie")] == [
        "session=s1",
        "theme=dark",
    ]
