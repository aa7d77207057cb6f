"""HTTP as uvicorn speaks it, with a bound on what comes before a body.

Bodies are bounded by the gate, where it is known who sends them. A request line or
headers without end never get that far: they are kept until they are complete, so
that anybody could fill the server's memory with them.
"""

from __future__ import annotations

from dataclasses import replace

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .problems import PROBLEM_TYPE, encode_problem, too_large
from .wire import PROTOCOL

__all__ = ["MAX_HEAD_BYTES", "BoundedHttp"]

MAX_HEAD_BYTES = 65_536
_REFUSAL = (
    "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: {}\r\ncontent-length: {}\r\n"
    "turnwise-protocol: {}\r\nconnection: close\r\n\r\n"
)


class BoundedHttp(HttpToolsProtocol):
    """Hang up on a request line and headers that do not end.

    They are measured as they arrive, so that what comes complete in one piece of
    what the loop reads, at most 256 KB, is let through.
    """

    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        super().data_received(data)
        cycle = self.cycle
        if cycle is not None and cycle.scope is self.scope:  # past the headers
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and self.transport.get_protocol() is self:
            self._refuse()

    def _refuse(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:  # else it would end up in that answer
            what = "bytes of the request line and headers"
            problem = replace(too_large(what, self._head_bytes, MAX_HEAD_BYTES), status=431)
            body = encode_problem(problem)
            self.transport.write(_REFUSAL.format(PROBLEM_TYPE, len(body), PROTOCOL).encode() + body)
        self.transport.close()
