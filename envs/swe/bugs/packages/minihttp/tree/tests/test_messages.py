import pytest
from minihttp import HTTPError, Request, Response


def test_request():
    request = Request("get", "/a%20b/c?x=1&y=%C3%A4&x=2", [("Host", "h")], b'{"k": [1]}')
    assert (request.method, request.path) == ("GET", "/a b/c")
    assert request.argument("x") == "1"
    assert request.argument("y") == "ä"
    assert request.argument("z", "none") == "none"
    assert request.json() == {"k": [1]}


def test_form_and_bad_json():
    request = Request("POST", "/", body=b"a=1&b=x+y")
    assert request.form() == [("a", "1"), ("b", "x y")]
    with pytest.raises(HTTPError) as caught:
        request.json()
    assert caught.value.status == 400


def test_response_to_bytes():
    response = Response("hé", headers=[("X-A", "1")])
    assert response.to_bytes().split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"X-A: 1",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: 3",
        b"",
        b"h\xc3\xa9",
    ]
    assert Response(b"", 204).to_bytes() == b"HTTP/1.1 204 No Content\r\n\r\n"
    assert Response(b"", 299).to_bytes() == b"HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n"


def test_json_response():
    response = Response({"a": 1}, 201)
    assert response.body == b'{"a": 1}'
    assert response.headers.get("content-type") == "application/json"


def test_responses_share_nothing():
    Response("one").headers.set("X-User", "ann")
    assert "X-User" not in Response("two").headers
