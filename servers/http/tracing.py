"""Traces of a server for an OpenTelemetry collector: one span a request.

A span stands around the whole application, hot path and control plane alike, so
that a server without --telemetry runs none of this. Attributes follow the HTTP
semantic conventions (opentelemetry.io/docs/specs/semconv/http); of a body only
the environment and the number of items are given, of headers and query nothing.
The SDK's own thread sends what has gathered: a request is never kept waiting,
and where nobody takes them spans are dropped.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.routing import BaseRoute, Route

from ..protocol.problems import Refused
from ..sessions.service import Service
from .asgi import Message, Receive, Scope, Send
from .control_plane import Application
from .keys import taken_out
from .messages import Response
from .websocket import names

_SPANS_PATH = "/v1/traces"
_FLUSH_S = 5.0
_MAX_PATH = 256
_MAX_HEADER = 512
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))
_SESSIONS = "/v1/sessions/"
_MAX_PROBLEM_BYTES = 1 << 16
_PROPAGATOR = TraceContextTextMapPropagator()


@contextmanager
def traced(app: Application, url: str) -> Iterator[Traced]:
    """Give an application inside spans; at the end send what is left, for a few seconds at most.

    Args:
        app: what answers.
        url: of the collector, for OTLP over HTTP.
    """
    from ... import __version__

    ours = {"service.name": "turnwise", "service.version": __version__}
    if app.service.id_prefix:
        ours["service.instance.id"] = f"worker-{app.service.id_prefix.rstrip('-.')}"
    resource = Resource.create(ours).merge(OTELResourceDetector().detect())  # OTEL_* has the last word
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=_spans_url(url))))
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)  # not every try of a batch
    try:
        yield Traced(app, provider.get_tracer("turnwise", __version__))
    finally:
        flush = threading.Thread(target=provider.shutdown, daemon=True)
        flush.start()
        flush.join(_FLUSH_S)


class Traced:
    """An application with a span around each request and each call of a websocket.

    Args:
        app: what answers.
        tracer: begins spans.
    """

    def __init__(self, app: Application, tracer: Tracer) -> None:
        self._app, self._tracer = app, tracer
        self._subjects = Subjects(app.service, app.control_plane.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        if scope["type"] == "websocket":
            scope["turnwise.around"] = self._around(parent_of(scope["headers"]))
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        span = self._begin(scope)
        if span.is_recording():
            await self._record(span, scope, receive, send)
        else:  # a sampler has left it out
            await self._app(scope, receive, send)

    async def _record(self, span: Span, scope: Scope, receive: Receive, send: Send) -> None:
        status, code = 0, None

        async def sending(message: Message) -> None:
            nonlocal status, code
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status >= 400:
                code = code or code_of(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except BaseException as error:
            _failed(span, type(error).__qualname__)
            raise
        finally:
            subjects, document = self._subjects, scope.get("turnwise.document")
            about = subjects.of_path(scope["path"]) if document is None else subjects.of_document(document)
            _end(span, status, code, about)

    def _begin(self, scope: Scope) -> Span:
        path, asked = taken_out(scope["path"])[1], scope["method"]
        method = asked if asked in _METHODS else "_OTHER"
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "url.path": path[:_MAX_PATH],
            "url.scheme": scope["scheme"],
        }
        name = method if method == asked else "HTTP"
        route = self._subjects.route(path)
        if route is not None:
            attributes["http.route"] = route
            name = f"{name} {route}"
        if scope.get("client"):
            attributes["client.address"] = scope["client"][0]
        return self._tracer.start_span(name, parent_of(scope["headers"]), SpanKind.SERVER, attributes)

    def _around(self, parent: Context) -> Callable[..., Awaitable[Response]]:
        """Give what puts a span around each call of one websocket."""

        async def around(
            document: dict[str, Any], answer_to: Callable[[dict[str, Any]], Awaitable[Response]]
        ) -> Response:
            call = document.get("call")
            name = f"WS {call}" if call in names() else "WS"
            span = self._tracer.start_span(name, parent, SpanKind.SERVER)
            status, code = 0, None
            try:
                answer = await answer_to(document)
                status, code = answer.status, code_of(answer.body) if answer.status >= 400 else None
                return answer
            except Refused as refusal:
                status, code = refusal.problem.status, refusal.problem.code
                raise
            except BaseException as error:
                _failed(span, type(error).__qualname__)
                raise
            finally:
                body = document.get("body")
                _end(span, status, code, self._subjects.of_document(body) if isinstance(body, dict) else {})

        return around


def parent_of(headers: Sequence[tuple[bytes, bytes]]) -> Context:
    """Read whose work a request is part of (W3C Trace Context); an empty context if nobody says."""
    carrier: dict[str, list[str]] = {}
    for name, value in headers:
        if (name == b"traceparent" or name == b"tracestate") and len(value) <= _MAX_HEADER:
            carrier.setdefault(name.decode(), []).append(value.decode("latin-1"))
    return _PROPAGATOR.extract(carrier, Context()) if carrier else Context()


def _end(span: Span, status: int, code: str | None, about: dict[str, str | int]) -> None:
    if status:
        about["http.response.status_code"] = status
    if code is not None:
        about["turnwise.code"] = code
    span.set_attributes(about)
    if status >= 500:
        _failed(span, code or str(status))
    span.end()


def _failed(span: Span, kind: str) -> None:
    """Mark a span as failed by what kind of failure it was; its words may hold an action."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _spans_url(url: str) -> str:
    """Return where spans go: the address itself if it says so, else the usual path below it."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(_SPANS_PATH) else path + _SPANS_PATH).geturl()


class Subjects:
    """What a span may say of a call: its route, environment, number of items, code of its problem.

    Everything else in a body, actions and keys above all, stays out of traces.

    Args:
        service: where the sessions live.
        routes: of the control plane, which knows every path.
    """

    def __init__(self, service: Service, routes: Iterable[BaseRoute]) -> None:
        self._sessions = service.sessions
        self._offered = frozenset(service.catalogue.ids())
        self._paths = frozenset(route.path for route in routes if isinstance(route, Route))

    def route(self, path: str) -> str | None:
        """Return the template of a path, None if there is no such path."""
        if path in self._paths:
            return path
        id, slash, call = path.removeprefix(_SESSIONS).partition("/")
        template = f"{_SESSIONS}{{id}}{slash}{call}"
        return template if id and path.startswith(_SESSIONS) and template in self._paths else None

    def of_path(self, path: str) -> dict[str, str | int]:
        """Describe the session that a path names."""
        id = path[len(_SESSIONS) :].partition("/")[0] if path.startswith(_SESSIONS) else ""
        return self._told({self._env_of(id)})

    def of_document(self, document: dict[str, Any]) -> dict[str, str | int]:
        """Describe the items of a body, or what the body itself names."""
        items = document.get("items", document.get("ids"))
        if not isinstance(items, list):
            return self._told({self._env_of(document)})
        return {"turnwise.items": len(items), **self._told({self._env_of(item) for item in items})}

    def _told(self, env_ids: set[str | None]) -> dict[str, str | int]:
        known = env_ids - {None}
        return {"turnwise.env_id": str(*known)} if len(known) == 1 else {}

    def _env_of(self, item: Any) -> str | None:
        """Return the environment of an item; None if another worker knows it, or nobody."""
        if isinstance(item, dict):
            env_id = item.get("env_id")
            if isinstance(env_id, str):
                return env_id if env_id in self._offered else None
            item = item.get("id")
        session = self._sessions.get(item) if isinstance(item, str) else None
        return None if session is None else session.record.env_id


def code_of(body: bytes) -> str | None:
    """Return the code of a problem; None where the body is not one."""
    if len(body) > _MAX_PROBLEM_BYTES:
        return None
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    code = document.get("code") if isinstance(document, dict) else None
    return code if isinstance(code, str) else None
