"""Routes, middleware and errors together."""

from .conditions import http_date, not_modified, parse_range
from .errors import HTTPError
from .messages import Response
from .routing import Router


class App:
    """An application: a request goes in, a response comes out, whatever happens."""

    def __init__(self):
        self.router = Router()
        self._middleware = []
        self._error_handlers = {}

    def route(self, method, pattern, name=None):
        """Make the decorated function `(request, **parameters) -> Response` the handler of a route.

        It may also return what a Response is made of: bytes, a text, a dictionary, a list.
        """

        def decorate(handler):
            self.router.add(method, pattern, handler, name)
            return handler

        return decorate

    def middleware(self, function):
        """Add a function `(request, handler) -> response` around all handlers; the first is outermost."""
        self._middleware.append(function)
        return function

    def on_error(self, status):
        """Make the decorated function `(request, error) -> response` answer errors of a status."""

        def decorate(handler):
            self._error_handlers[status] = handler
            return handler

        return decorate

    def handle(self, request):
        """Return the response to a request; what fails becomes one too, with 500 unless it says otherwise."""
        handler = self._dispatch
        for function in reversed(self._middleware):
            handler = self._around(function, handler)
        response = handler(request)
        if request.method == "HEAD":
            response.headers.set_default("Content-Length", len(response.body))
            response.body = b""
        return response

    def _around(self, function, handler):
        return lambda request: self._caught(request, lambda: function(request, handler))

    def _dispatch(self, request):
        def answer():
            handler, parameters = self.router.find(request.method, request.path)
            return handler(request, **parameters)

        return self._caught(request, answer)

    def _caught(self, request, answer):
        try:
            return _response(answer())
        except HTTPError as error:
            return self._refuse(request, error)
        except Exception:  # noqa: BLE001
            return self._refuse(request, HTTPError(500))

    def _refuse(self, request, error):
        handler = self._error_handlers.get(error.status)
        if handler is None:
            return Response(error.detail, error.status, error.headers)
        try:
            return _response(handler(request, error))
        except Exception:  # noqa: BLE001
            return Response("Internal Server Error", 500)


def send(request, data, *, etag=None, modified=None, content_type="application/octet-stream"):
    """Return a response with a body of bytes, or with the part of it that is asked for, or 304.

    Args:
        request: what is answered.
        data: the whole body.
        etag: as for `not_modified`.
        modified: as for `not_modified`.
        content_type: of the body.
    """
    headers = [("Accept-Ranges", "bytes")]
    if etag is not None:
        headers.append(("ETag", etag))
    if modified is not None:
        headers.append(("Last-Modified", http_date(modified)))
    if not_modified(request.headers, etag=etag, modified=modified):
        return Response(b"", 304, headers)
    headers.append(("Content-Type", content_type))
    try:
        part = parse_range(request.headers.get("Range", ""), len(data))
    except IndexError:
        return Response(b"", 416, [("Content-Range", f"bytes */{len(data)}")])
    if part is None:
        return Response(data, 200, headers)
    first, last = part
    headers.append(("Content-Range", f"bytes {first}-{last}/{len(data)}"))
    return Response(data[first : last + 1], 206, headers)


def _response(value):
    return value if isinstance(value, Response) else Response(value)
