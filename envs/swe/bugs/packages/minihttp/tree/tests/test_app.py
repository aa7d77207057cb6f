from minihttp import App, HTTPError, Request, Response


def application():
    app = App()

    @app.route("GET", "/hello/{name}")
    def hello(request, name):
        return f"Hello {name}!"

    @app.route("GET", "/broken")
    def broken(request):
        raise KeyError("x")

    @app.route("GET", "/secret")
    def secret(request):
        raise HTTPError(401, "who are you?", [("WWW-Authenticate", "Basic")])

    return app


def test_handle():
    response = application().handle(Request("GET", "/hello/Ann"))
    assert (response.status, response.body) == (200, b"Hello Ann!")


def test_head():
    response = application().handle(Request("HEAD", "/hello/Ann"))
    assert (response.status, response.body) == (200, b"")
    assert response.headers.get("Content-Length") == "10"


def test_errors():
    app = application()
    assert app.handle(Request("GET", "/nothing")).status == 404
    assert app.handle(Request("POST", "/broken")).headers.get("Allow") == "GET, HEAD"
    assert app.handle(Request("GET", "/broken")).body == b"Internal Server Error"
    response = app.handle(Request("GET", "/secret"))
    assert (response.status, response.headers.get("WWW-Authenticate")) == (401, "Basic")


def test_error_handlers():
    app = application()

    @app.on_error(404)
    def nothing(request, error):
        return Response({"path": request.path}, error.status)

    @app.on_error(500)
    def failed(request, error):
        raise ValueError("this too")

    assert app.handle(Request("GET", "/x")).body == b'{"path": "/x"}'
    assert app.handle(Request("GET", "/broken")).status == 500


def test_middleware():
    app = application()
    seen = []

    @app.middleware
    def outer(request, handler):
        seen.append("outer in")
        response = handler(request)
        seen.append("outer out")
        response.headers.set("X-Outer", "1")
        return response

    @app.middleware
    def inner(request, handler):
        seen.append("inner in")
        if request.path == "/closed":
            return Response("closed", 403)
        return handler(request)

    assert app.handle(Request("GET", "/hello/x")).headers.get("X-Outer") == "1"
    assert app.handle(Request("GET", "/closed")).status == 403
    assert seen == ["outer in", "inner in", "outer out"] * 2


def test_middleware_sees_errors():
    app = application()

    @app.middleware
    def mark(request, handler):
        response = handler(request)
        response.headers.set("X-Mark", response.status)
        return response

    for path, status in (("/nothing", "404"), ("/broken", "500"), ("/secret", "401")):
        assert app.handle(Request("GET", path)).headers.get("X-Mark") == status
