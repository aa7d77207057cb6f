"""Hidden cases of minihttp."""

import minihttp
from judging import tried, unordered
from minihttp import App, Headers, HTTPError, Request, Response, Router


def _shown(response):
    return [response.status, list(response.headers), response.body, response.to_bytes()]


def _refused(function, *args):
    """What a call returns, or the status and headers of its refusal."""
    try:
        return function(*args)
    except HTTPError as error:
        return ["refused", error.status, error.detail, error.headers]


def case_headers():
    headers = Headers([("Content-Type", "text/html"), ("X-A", " 1 "), ("x-a", 2), ("X-B", "")])
    found = [
        len(headers),
        list(headers),
        [name in headers for name in ("x-A", "content-type", "X", "X-B", "")],
    ]
    found += [
        headers.get("X-a"),
        headers.get("x-b"),
        headers.get("q"),
        headers.get("q", 7),
        headers.get_all("X-A"),
    ]
    for name in ("X-A", "x-b", "new", "content-TYPE"):
        copy = headers.copy()
        copy.set(name, "set")
        found.append([list(copy), len(copy)])
        copy.add(name, "added")
        found.append(copy.get_all(name))
        copy.set_default(name, "default")
        copy.set_default("Q", "default")
        copy.set_default("q", "other")
        found.append(list(copy))
        copy.remove(name)
        copy.remove("nothing")
        found.append([list(copy), name in copy])
    copy = Headers([("A", "1"), ("B", "2"), ("a", "3"), ("C", "4"), ("A", "5")])
    copy.set("a", "6")
    return [*found, list(copy), list(headers), list(Headers())]


def case_headers_that_break_out():
    found = []
    for name in ("a", "", "a b", "a:", ":", "a\r", "a\nb", "\u00e4", "a-b"):
        for value in ("x", "", "x\ry", "x\ny", "x\r\nB: y", "x\0", "\tX ", "x\n", 3):
            for method in ("add", "set", "set_default"):
                headers = Headers([("c", "d")])
                found.append([tried(getattr(headers, method), name, value), list(headers)])
        found.append(tried(lambda name=name: list(Headers([(name, "v")]))))
    return found


def case_headers_while_they_change():
    headers = Headers([("a", "1"), ("b", "2")])
    for name, _ in headers:
        headers.remove(name)
    return [list(headers), len(headers)]


TEXTS = [
    "",
    "a",
    "a b",
    "a/b",
    "a+b",
    "100%",
    "%",
    "%%",
    "%4",
    "%zz",
    "%4g",
    "%g4",
    "%41",
    "%61%62",
    "%2B",
    "%2b+%2F",
]
TEXTS += [
    "K\u00e4se",
    "\u20ac",
    "\U0001f600",
    "%C3%A4",
    "%c3%a4x",
    "%E2%82%AC",
    "%F0%9F%98%80",
    "%FF",
    "%C3",
    "%C3x",
]
TEXTS += [
    "a%00b",
    "~-._",
    "!$&'()*,;=:@",
    "\u00e4%C3%A4",
    "%E2%82%ACK\u00e4se%20",
    "% 1",
    "%1 ",
    "%+1",
    "%-1",
    "%0x",
    "a\nb",
]
TEXTS += ["%C3%A4%C3%B6%C3%BC", "%e4%f6", "++", "%2525"]


def case_unquote():
    return [[minihttp.unquote(text), minihttp.unquote(text, plus=True)] for text in TEXTS]


def case_quote():
    return [[minihttp.quote(text), minihttp.quote(text, ""), minihttp.quote(text, "+ %")] for text in TEXTS]


def case_quote_and_back():
    return [minihttp.unquote(minihttp.quote(text)) == text for text in TEXTS]


def case_queries():
    queries = [
        "",
        "&",
        "a",
        "a=",
        "=a",
        "=",
        "a=1",
        "a=1&b=2",
        "a=1&&a=2&",
        "a=b=c",
        "a==",
        "a+b=c+d",
        "a%3Db=c%26d",
    ]
    queries += ["k=%C3%A4&%E2%82%AC=x", "x=%FF", "a;b=c", "a=1#b", "a=%", "+=+", "a=1&b"]
    found = []
    for query in queries:
        pairs = minihttp.parse_query(query)
        found.append(
            [pairs, minihttp.build_query(pairs), minihttp.parse_query(minihttp.build_query(pairs)) == pairs]
        )
    return [
        *found,
        minihttp.build_query([]),
        minihttp.build_query([("a/b", "c d"), ("n", 3), ("f", 1.5), ("x", None)]),
    ]


def case_parse_cookies():
    headers = [
        "",
        ";",
        "a=1",
        "a=1; b=2",
        "a=1;b=2;",
        " a = 1 ",
        'a="x y"',
        'a="',
        'a=""',
        'a="x',
        'a=x"',
        "a=1; a=2",
    ]
    headers += [
        "a",
        "a; b=1",
        "=x; b=1",
        "a=b=c",
        "a=%C3%A4",
        "a=%E2%82%AC%",
        "a=x+y",
        'a="x;y"',
        "A=1; a=2",
        "a=; a=1",
    ]
    headers += ['a="b"c"', "a='x'", "a=1, b=2", "a = ; b", 'a=" x "', 'a="%22"']
    return [minihttp.parse_cookies(header) for header in headers]


def case_set_cookie():
    found = []
    for value in [
        "",
        "1",
        "a b",
        "x;y",
        'q"q',
        "a,b",
        "\u00e4",
        "a\\b",
        "100%",
        "\r\n",
        "!#$&'()*+-./:<=>?@[]^_`{|}~",
    ]:
        text = minihttp.set_cookie("name", value)
        found.append([text, minihttp.parse_cookies(text.split("; ")[0]) == {"name": value}])
    settings = [
        {"max_age": 0},
        {"max_age": 60},
        {"max_age": -1},
        {"max_age": None},
        {"path": "/p"},
        {"domain": "x.org"},
    ]
    settings += [
        {"domain": ""},
        {"secure": True},
        {"http_only": False},
        {"same_site": "Strict"},
        {"same_site": "None"},
    ]
    settings += [
        {"same_site": "None", "secure": True},
        {"same_site": "lax"},
        {"same_site": None},
        {"same_site": "Lax"},
    ]
    settings += [
        {"max_age": 5, "path": "/", "domain": "d", "secure": True, "http_only": True, "same_site": "Strict"}
    ]
    found += [tried(lambda one=one: minihttp.set_cookie("n", "v", **one)) for one in settings]
    for name in ("", "a b", "a=b", "a;", "a,", 'a"', "a\tb", "a\r", "a\n", "a-b", "\u00e4", "__Host-X"):
        found.append(tried(minihttp.set_cookie, name, "v"))
    return found


def case_cookies_of_messages():
    request = Request("GET", "/", [("Cookie", "a=1; b=2"), ("cookie", "a=3; c=4"), ("X", "d=5")])
    found = [request.cookies, Request("GET", "/").cookies]
    response = Response("hello", headers=[("Set-Cookie", "first=0")])
    response.set_cookie("session", "s 1", max_age=60)
    response.set_cookie("theme", "dark", http_only=False)
    response.set_cookie("theme", "light", path="/p")
    response.delete_cookie("old")
    response.delete_cookie("older", "/p")
    return [*found, response.headers.get_all("set-cookie"), _shown(response)]


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
        answer = _refused(request.json)
        found.append([unordered(answer) if isinstance(answer, dict) else answer, request.form()])
    return found


def case_responses():
    bodies = [b"", b"bytes", "", "text", "h\u00e9", {}, {"a": 1, "b": [None, True]}, [], [1, "\u00e4"]]
    found = []
    for body in bodies:
        for headers in ((), [("content-type", "x/y")], [("Content-Length", "99")]):
            found.append(_shown(Response(body, headers=headers)))
    for status in (200, 201, 204, 206, 302, 304, 400, 401, 403, 404, 405, 406, 416, 500, 299, 999):
        found += [
            _shown(Response(b"", status)),
            _shown(Response("x", status, [("X-\u20ac", "v"), ("Y", "\u20ac\u00e4")])),
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


PATTERNS = (
    "/users/{id:int}",
    "/users/{name}",
    "/users/me",
    "/users/{name}/photos/{number:int}",
    "/files/{rest:path}",
    "/files/{folder}/index",
    "/{a}.{b}",
    "/{a}-{b:int}",
    "/a.b",
    "/x/{p:path}/end",
    "/(odd)+/{q:str}",
    "/",
    "",
)
PATHS = [
    "/users/7",
    "/users/007",
    "/users/-7",
    "/users/7a",
    "/users/me",
    "/users/ann",
    "/users/ann/",
    "/users/",
    "/users",
    "/users//",
    "/users/ann/photos/3",
    "/users/ann/photos/x",
    "/users/a/b/photos/3",
    "/users/ann/bob",
    "/files/a",
    "/files/a/b/c.d",
    "/files/",
    "/files/a/index",
    "/files/a/b/index",
    "/a.b",
    "/aXb",
    "/x.y",
    "/x.y.z",
    "/x/y.z",
    "/.",
    "/a-1",
    "/a-b-22",
    "/a/b-1",
    "/x/1/end",
    "/x/1/2/3/end",
    "/x//end",
    "/x/end",
    "/(odd)+/1",
    "/odd/1",
    "/",
    "//",
    "/users/a\nb",
    "/users/7\n",
    "\n/",
    "/users/٣",
    "/USERS/me",
]


def _router(order=PATTERNS):
    router = Router()
    for pattern in order:
        router.add("GET", pattern, f"get {pattern}", f"n{PATTERNS.index(pattern)}")
    router.add("POST", "/users/{name}", "post")
    router.add("DELETE", "/users/{id:int}", "delete")
    return router


def case_routes():
    found = []
    for order in (PATTERNS, PATTERNS[::-1], PATTERNS[5:] + PATTERNS[:5]):
        router = _router(order)
        for path in [*PATHS, ""]:
            found.append(_refused(router.find, "GET", path))
    return found


def case_routes_one_by_one():
    found = []
    for pattern in PATTERNS:
        router = Router()
        router.add("GET", pattern, "it")
        for path in [*PATHS, ""]:
            answer = _refused(router.find, "GET", path)
            if answer[0] == "it":
                found.append([pattern, path, answer[1], list(answer[1])])
    return found


def case_methods():
    found = []
    router = _router()
    router.add("PUT", "/only/put", "put")
    router.add("HEAD", "/head", "head")
    router.add("GET", "/head", "get")
    router.add("POST", "/{x}", "post x")
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "get", "OPTIONS"):
        for path in ("/users/7", "/users/ann", "/only/put", "/head", "/a.b", "/nothing/here", "/files/a"):
            found.append(_refused(router.find, method, path))
    return found


def case_bad_routes():
    found = []
    for pattern in (
        "/{a:float}",
        "/{a}/{a}",
        "/{a}/{a:int}",
        "/{a:}",
        "/{}",
        "/{a b}",
        "/{a",
        "/a}",
        "/{a:int}{b:int}",
        "/{1}",
    ):
        router = Router()
        found.append([pattern, tried(router.add, "GET", pattern, "it")])
    router = Router()
    router.add("GET", "/a", 1)
    found += [
        tried(router.add, "GET", "/a", 2),
        tried(router.add, "POST", "/a", 3),
        router.find("POST", "/a"),
    ]
    return [*found, router.find("GET", "/a")]


def case_urls():
    router = _router()
    calls = [
        ("n0", {"id": 7}),
        ("n0", {"id": "7"}),
        ("n0", {"id": "x"}),
        ("n0", {"id": -1}),
        ("n0", {}),
        ("n0", {"id": 1, "more": 2}),
        ("n1", {"name": "a b"}),
        ("n1", {"name": "a/b"}),
        ("n1", {"name": "\u00e4?&"}),
        ("n1", {"name": ""}),
        ("n2", {}),
        ("n3", {"name": "x", "number": 3}),
        ("n4", {"rest": "a b/c"}),
        ("n4", {"rest": "a"}),
        ("n6", {"a": "x", "b": "y"}),
        ("n10", {"q": "1+1"}),
        ("n11", {}),
        ("nothing", {}),
    ]
    found = [tried(lambda name=name, given=given: router.url(name, **given)) for name, given in calls]
    late = Router()
    late.add("GET", "/a/{b}", 1)
    late.add("POST", "/a/{b}", 2, "late")
    late.add("PUT", "/a/{b}", 3, "later")
    return [*found, late.url("late", b=1), tried(lambda: late.url("later", b=1))]


def case_parse_accept():
    texts = [
        "",
        ",",
        "text/html",
        "TEXT/HTML",
        "a/b;q=0.5",
        "a/b; q=0.5 ",
        "a/b;Q=.5",
        "a/b ; q = 0.3",
        "a/b;q=0",
        "a/b;q=1",
    ]
    texts += [
        "a/b;q=1.1",
        "a/b;q=-1",
        "a/b;q=x",
        "a/b;q=",
        "a/b;q",
        "a/b;level=1;q=0.2",
        "a/b;q=0.2;level=1",
        "a/b, ,c/d",
    ]
    texts += ["a/b;q=nan", "a/b;q=inf", ";q=1", "a/b,c/*;q=0.1,*/*;q=0.01", "a/b;x", "a/b;q=0.1;q=0.9"]
    return [minihttp.parse_accept(text) for text in texts]


OFFERS = (
    ["text/html", "application/json"],
    ["application/json", "text/html"],
    ["text/plain", "text/html", "image/png"],
    ["Text/HTML"],
    [],
)


def case_best_match():
    texts = [
        "",
        "*/*",
        "text/*",
        "text/html",
        "application/json, text/html",
        "text/html;q=0.5, application/json;q=0.5",
    ]
    texts += [
        "text/html;q=0.4, application/json;q=0.5",
        "text/*;q=0.5, */*;q=0.1",
        "text/*, text/html;q=0.1, */*;q=0.5",
    ]
    texts += [
        "*/*, text/html;q=0",
        "*/*;q=0",
        "image/*",
        "image/*;q=0.9, text/*",
        "audio/mp3",
        "text/html;q=0, text/*",
    ]
    texts += [
        "text/html;level=1",
        "*/*;q=0.1, text/plain;q=0.2",
        "text/html;q=x",
        "TEXT/PLAIN",
        "text/html;q=0.3, text/html;q=0.9",
    ]
    texts += [
        "*/*;q=0.8, application/*;q=0.2, application/json;q=0.9",
        "text/plain, image/png, text/html",
        "*",
        "html",
    ]
    return [[minihttp.best_match(text, offers) for offers in OFFERS] for text in texts]


RANGES = [
    "bytes=0-4",
    "bytes=0-0",
    "bytes=5-",
    "bytes=0-",
    "bytes=-3",
    "bytes=-30",
    "bytes=-0",
    "bytes=-1",
    "bytes=9-9",
    "bytes=9-10",
    "bytes=3-10",
    "bytes=8-99",
    "bytes=10-",
    "bytes=10-12",
    "bytes=11-",
    "bytes=4-2",
    "bytes=1-0",
    "bytes=20-10",
    "bytes=-",
    "bytes=",
    "bytes=0-1,3-4",
    "lines=0-1",
    "bytes=a-b",
    "0-4",
    " bytes=2-3 ",
    "bytes= 2-3",
    "bytes=2 -3",
    "BYTES=1-2",
    "bytes=--3",
    "bytes=007-8",
    "bytes=-10",
    "bytes=-9",
    "bytes=0-9",
    "bytes=0-8",
    "bytes=1-1x",
    "",
]


def case_ranges():
    return [[text, [tried(minihttp.parse_range, text, size) for size in (10, 1, 0, 100)]] for text in RANGES]


def case_send_ranges():
    found = []
    for text in RANGES:
        request = Request("GET", "/", [("Range", text)])
        for data in (b"0123456789", b"x", b""):
            found.append(_shown(minihttp.send(request, data)))
    return [*found, _shown(minihttp.send(Request("GET", "/"), b"abc", content_type="text/x"))]


def case_http_dates():
    seconds = (
        0,
        1,
        59.999,
        784111777,
        784111777.9,
        951782400,
        951868799,
        951868800,
        1709164800,
        4102444800,
        1e9,
        86399.5,
    )
    return [minihttp.http_date(one) for one in seconds]


def case_not_modified_by_etag():
    found = []
    for known in (
        '"a"',
        '"a", "b"',
        'W/"a"',
        'W/"b" , "a"',
        "*",
        "a",
        "",
        '"a" "b"',
        '"A"',
        '"b"',
        '"a",',
        " * ",
    ):
        headers = Headers([("If-None-Match", known)])
        for etag in ('"a"', '"b"', None, 'W/"a"'):
            found.append(minihttp.not_modified(headers, etag=etag))
        late = Headers([("if-none-match", known), ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")])
        found.append(minihttp.not_modified(late, etag='"a"', modified=784111770))
        found.append(minihttp.not_modified(late, modified=784111770))
    return found


def case_not_modified_by_date():
    found = []
    dates = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 09:49:37 +0100",
        "yesterday",
        "",
        "Sun, 06 Nov 1994 99:49:37 GMT",
    ]
    for date in dates:
        headers = Headers([("If-Modified-Since", date)])
        for modified in (
            784111776,
            784111776.99,
            784111777,
            784111777.5,
            784111777.999,
            784111778,
            784111779,
            0,
            None,
        ):
            found.append(minihttp.not_modified(headers, modified=modified, etag='"a"'))
    return [
        *found,
        minihttp.not_modified(Headers(), modified=1, etag='"a"'),
        minihttp.not_modified(Headers()),
    ]


def case_send_conditions():
    found = []
    for modified in (784111777.25, 784111778, None):
        first = minihttp.send(Request("GET", "/"), b"abc", etag='"e"', modified=modified)
        found.append(_shown(first))
        for header, name in (("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")):
            value = first.headers.get(header)
            if value is not None:
                for more in ((), (("Range", "bytes=1-1"),), (("Range", "bytes=9-"),)):
                    request = Request("GET", "/", [(name, value), *more])
                    found.append(_shown(minihttp.send(request, b"abc", etag='"e"', modified=modified)))
                    found.append(_shown(minihttp.send(request, b"abc", etag='"f"', modified=784111900)))
    return found


def _app():
    app = App()
    app.seen = []

    @app.route("GET", "/hello/{name}", "hello")
    def hello(request, name):
        return f"Hello {name} {request.argument('x')}"

    @app.route("GET", "/broken")
    def broken(request):
        raise KeyError("x")

    @app.route("GET", "/secret")
    def secret(request):
        raise HTTPError(401, "who are you?", [("WWW-Authenticate", "Basic")])

    @app.route("POST", "/echo")
    def echo(request):
        return {"got": request.json()}

    @app.route("PUT", "/echo")
    def put(request):
        return Response([1], 201)

    @app.route("GET", "/sum/{a:int}/{b:int}")
    def total(request, a, b):
        return [a + b]

    @app.route("GET", "/bytes")
    def data(request):
        return b"\x00\x01"

    @app.route("GET", "/nonsense")
    def nonsense(request):
        return Headers

    return app


ASKED = [
    ("GET", "/hello/Ann"),
    ("GET", "/hello/A%20b?x=1"),
    ("GET", "/hello/a%2Fb"),
    ("HEAD", "/hello/Ann"),
    ("head", "/nothing"),
    ("HEAD", "/broken"),
    ("GET", "/broken"),
    ("GET", "/secret"),
    ("POST", "/echo"),
    ("PUT", "/echo"),
    ("GET", "/echo"),
    ("GET", "/sum/1/22"),
    ("GET", "/sum/1/x"),
    ("GET", "/bytes"),
    ("HEAD", "/bytes"),
    ("GET", "/nothing"),
    ("PATCH", "/hello/x"),
    ("get", "/hello/low"),
]


def _all_answers(app):
    return [_shown(app.handle(Request(method, target, body=b"[1]"))) for method, target in ASKED]


def case_app():
    app = _app()
    found = _all_answers(app)
    bad = app.handle(Request("POST", "/echo", body=b"{"))
    return [
        *found,
        _shown(bad),
        app.router.url("hello", name="x"),
        app.handle(Request("GET", "/nonsense")).status,
    ]


def case_error_handlers():
    app = _app()

    @app.on_error(404)
    def nothing(request, error):
        return Response({"path": request.path}, error.status)

    @app.on_error(401)
    def text(request, error):
        return f"text {error.status} {error.detail}"

    @app.on_error(500)
    def failed(request, error):
        raise ValueError("this too")

    @app.on_error(405)
    def refused(request, error):
        raise HTTPError(403)

    return _all_answers(app)


def _marked(app, name):
    @app.middleware
    def mark(request, handler):
        app.seen.append(f"{name} in")
        response = handler(request)
        app.seen.append(f"{name} out {response.status}")
        response.headers.add(f"X-{name}", response.status)
        return response


def case_middleware():
    app = _app()
    for name in ("outer", "middle", "inner"):
        _marked(app, name)
    return [_all_answers(app), app.seen]


def case_middleware_that_answers():
    app = _app()
    _marked(app, "outer")

    @app.middleware
    def guard(request, handler):
        if request.path == "/secret":
            return "closed"
        if request.path == "/bytes":
            raise HTTPError(403, "no bytes")
        if request.path == "/broken":
            return Response("was broken", handler(request).status)
        if request.path.startswith("/sum"):
            raise KeyError("bug in the middleware")
        return handler(request)

    _marked(app, "inner")

    @app.on_error(403)
    def forbidden(request, error):
        return Response("custom", 403, [("X-Custom", error.detail)])

    return [_all_answers(app), app.seen]


def case_middleware_is_not_used_up():
    app = _app()
    _marked(app, "a")
    first = [_shown(app.handle(Request("GET", "/hello/1"))) for _ in range(3)]
    _marked(app, "b")
    return [first, [_shown(app.handle(Request("GET", "/hello/1"))) for _ in range(2)], app.seen]


def case_head_of_a_range():
    app = App()

    @app.route("GET", "/f")
    def file(request):
        return minihttp.send(request, b"0123456789", etag='"e"', modified=784111777)

    headers = [("Range", "bytes=2-5")]
    return [_shown(app.handle(Request(method, "/f", headers))) for method in ("GET", "HEAD")]


def case_an_app_without_routes():
    return [_shown(App().handle(Request(method, "/"))) for method in ("GET", "HEAD")]


def case_decorators_return_the_function():
    app = App()

    def function(request, other=None):
        return "x"

    decorators = (app.route("GET", "/x"), app.on_error(404), app.middleware)
    return [decorate(function) is function for decorate in decorators]
