"""Hidden cases of minihttp: app."""

import minihttp
from cases.shared import shown
from minihttp import App, Headers, HTTPError, Request, Response


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
    return [shown(app.handle(Request(method, target, body=b"[1]"))) for method, target in ASKED]


def case_app():
    app = _app()
    found = _all_answers(app)
    bad = app.handle(Request("POST", "/echo", body=b"{"))
    return [
        *found,
        shown(bad),
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
    first = [shown(app.handle(Request("GET", "/hello/1"))) for _ in range(3)]
    _marked(app, "b")
    return [first, [shown(app.handle(Request("GET", "/hello/1"))) for _ in range(2)], app.seen]


def case_head_of_a_range():
    app = App()

    @app.route("GET", "/f")
    def file(request):
        return minihttp.send(request, b"0123456789", etag='"e"', modified=784111777)

    headers = [("Range", "bytes=2-5")]
    return [shown(app.handle(Request(method, "/f", headers))) for method in ("GET", "HEAD")]


def case_an_app_without_routes():
    return [shown(App().handle(Request(method, "/"))) for method in ("GET", "HEAD")]


def case_decorators_return_the_function():
    app = App()

    def function(request, other=None):
        return "x"

    decorators = (app.route("GET", "/x"), app.on_error(404), app.middleware)
    return [decorate(function) is function for decorate in decorators]
