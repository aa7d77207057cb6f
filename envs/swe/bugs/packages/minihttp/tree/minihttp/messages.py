"""What comes in and what goes out."""

import json

from .cookies import parse_cookies, set_cookie
from .errors import REASONS, HTTPError
from .headers import Headers
from .query import parse_query, unquote


class Request:
    """What a client asks.

    Args:
        method: such as "GET", in any case.
        target: path and query as they were sent.
        headers: pairs.
        body: bytes.
    """

    def __init__(self, method, target, headers=(), body=b""):
        self.method = method.upper()
        self.target = target
        path, _, query = target.partition("?")
        self.path = unquote(path)
        self.query = parse_query(query)
        self.headers = Headers(headers)
        self.body = body

    @property
    def cookies(self):
        """Name -> value of all cookies."""
        return parse_cookies("; ".join(self.headers.get_all("Cookie")))

    def argument(self, name, default=None):
        """Return the first value of a name in the query."""
        return next((value for one, value in self.query if one == name), default)

    def json(self):
        """Return what the body holds as JSON.

        Raises:
            HTTPError: 400 if it does not.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise HTTPError(400, "the body is not JSON") from None

    def form(self):
        """Return the pairs of a form that was sent as a body."""
        return parse_query(self.body.decode("utf-8", "replace"))


class Response:
    """What a client is sent.

    Args:
        body: bytes, a text (sent as UTF-8), or a dictionary or a list (sent as JSON).
        status: a number.
        headers: pairs; beside them there is a Content-Type where the body is not of bytes.
    """

    def __init__(self, body=b"", status=200, headers=()):
        self.status = status
        self.headers = Headers(headers)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            self.headers.set_default("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
            self.headers.set_default("Content-Type", "text/plain; charset=utf-8")
        self.body = body

    def set_cookie(self, name, value, **kwargs):
        """Let the client keep a cookie; see `cookies.set_cookie`."""
        self.headers.add("Set-Cookie", set_cookie(name, value, **kwargs))

    def delete_cookie(self, name, path="/"):
        """Let the client forget a cookie."""
        self.set_cookie(name, "", max_age=0, path=path)

    def to_bytes(self):
        """Return the response as it is sent; the length of the body is added."""
        headers = self.headers.copy()
        if self.status not in (204, 304):
            headers.set_default("Content-Length", len(self.body))
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, '')}".rstrip()]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body
