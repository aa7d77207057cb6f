"""What a client says of the trace that its call is part of: W3C traceparent.

OpenTelemetry is not needed: where nobody has imported it, no span can be active.
"""

from __future__ import annotations

import sys


def trace_headers() -> dict[str, str]:
    """Return `traceparent` and `tracestate` of the active span; nothing where no span is active."""
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers)
    return headers
