"""Hidden cases of minihttp: messages."""

import minihttp
from cases.shared import refused, shown
from judging import unordered
from minihttp import Headers, HTTPError, Request, Response


def case_requests():
    targets = [
        "/",
        "",
        "/a%20b/c?x=1&y=%C3%A4&x=2",
        "/a?",
        "/a?b?c=d",
        "/a+b?c+d=e+f",
        "/%3F?x",
        "/%C3%A4/%2F",
        "?a=1",
        "*",
    ]
    found = []
    for target in targets:
        request = Request("get", target)
        found.append([request.method, request.target, request.path, request.query, request.argument("x")])
        found.append(
            [request.argument("x", "none"), request.argument("y"), list(request.headers), request.body]
        )
    request = Request("Post", "/", [("A", "1"), ("a", "2")], b"x=1&x=2")
    return [*found, request.method, list(request.headers), request.form(), request.headers.get("a")]


def case_bodies_of_requests():
    found = []
    for body in (
        b"",
        b"{}",
        b'{"a": [1, null, 1.5]}',
        b"[",
        b"nul",
        b'"\xc3\xa4"',
        b"\xff",
        b"a=1&b=%C3%A4+x",
        b"a=\xff",
        b"3",
    ):
        request = Request("POST", "/", body=body)
        answer = refused(request.json)
        found.append([unordered(answer) if isinstance(answer, dict) else answer, request.form()])
    return found


def case_responses():
    bodies = [b"", b"bytes", "", "text", "h\u00e9", {}, {"a": 1, "b": [None, True]}, [], [1, "\u00e4"]]
    found = []
    for body in bodies:
        for headers in ((), [("content-type", "x/y")], [("Content-Length", "99")]):
            found.append(shown(Response(body, headers=headers)))
    for status in (200, 201, 204, 206, 302, 304, 400, 401, 403, 404, 405, 406, 416, 500, 299, 999):
        found += [
            shown(Response(b"", status)),
            shown(Response("x", status, [("X-\u20ac", "v"), ("Y", "\u20ac\u00e4")])),
        ]
    return found


def case_responses_share_nothing():
    found = []
    headers = [("A", "1")]
    for turn in range(3):
        response = Response("x") if turn else Response("x", 200, headers)
        response.headers.add("X-Turn", turn)
        response.set_cookie("c", str(turn))
        found.append(list(response.headers))
        error = HTTPError(404)
        error.headers.append(("X-E", str(turn)))
        found.append(error.headers)
        request = Request("GET", "/")
        request.headers.add("R", "1")
        found.append(list(request.headers))
        data = minihttp.send(request, b"abc")
        data.headers.add("S", "1")
        found.append(list(data.headers))
    first = Response("x", 200, headers)
    second = Response("y", 200, first.headers)
    second.headers.add("B", "2")
    first.to_bytes()
    return [*found, headers, list(first.headers), list(Headers()), list(Response().headers)]


def case_http_errors():
    errors = [
        HTTPError(404),
        HTTPError(404, ""),
        HTTPError(401, "who?", [("A", "b")]),
        HTTPError(299),
        HTTPError(500, "x"),
    ]
    return [[error.status, error.detail, error.headers] for error in errors]
