"""A small web handler without sockets."""

from .app import App, send
from .conditions import http_date, not_modified, parse_range
from .cookies import parse_cookies, set_cookie
from .errors import HTTPError
from .headers import Headers
from .messages import Request, Response
from .negotiation import best_match, parse_accept
from .query import build_query, parse_query, quote, unquote
from .routing import Router

__all__ = [
    "App",
    "HTTPError",
    "Headers",
    "Request",
    "Response",
    "Router",
    "best_match",
    "build_query",
    "http_date",
    "not_modified",
    "parse_accept",
    "parse_cookies",
    "parse_query",
    "parse_range",
    "quote",
    "send",
    "set_cookie",
    "unquote",
]
