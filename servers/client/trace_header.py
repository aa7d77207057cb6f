"""What a client says of the trace that its call is part of: W3C traceparent.

OpenTelemetry is not needed: where nobody has imported it, no span can be active.
"""

from __future__ import annotations

import sys

__all__ = ["trace_headers"]


def trace_headers() -> dict[str, str]:
    """Return `traceparent` and `tracestate` of the span that is active, nothing if none is."""
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers)
    return headers
