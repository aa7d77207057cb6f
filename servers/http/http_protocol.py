"""The HTTP of our server: steps the short way, and a bound on what comes before a body.

Bodies are bounded by the gate, where it is known who sends them. A request line or
headers without end never get that far: they are kept until they are complete, so
that anybody could fill the server's memory with them.
"""

from __future__ import annotations

from dataclasses import replace

from ..protocol.encoding import PROTOCOL
from ..protocol.problems import PROBLEM_TYPE, encode_problem, too_large
from .fast_path import StepProtocol

__all__ = ["MAX_HEAD_BYTES", "BoundedHttp"]

MAX_HEAD_BYTES = 65_536
_END = b"\r\n\r\n"
_REFUSAL = (
    "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: {}\r\ncontent-length: {}\r\n"
    "turnwise-protocol: {}\r\nconnection: close\r\n\r\n"
)


class BoundedHttp(StepProtocol):
    """Hang up on a request line and headers that do not end.

    They are measured as they arrive, so that what comes complete in one piece of
    what the loop reads, at most 256 KB, is let through.
    """

    _in_head = False
    _head_bytes = 0
    _body_bytes = 0  # of this read, since the last headers ended

    def on_message_begin(self) -> None:
        """Note that a request line has begun."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the headers have ended."""
        self._in_head, self._body_bytes = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count a part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        self._body_bytes = 0
        super().data_received(data)
        if not self._in_head:
            return
        # a head that began in this read began after the last one that ended in it, and after its body
        ended = data.rfind(_END) if self._head_bytes == 0 else -1
        arrived = len(data) if ended < 0 else len(data) - ended - len(_END)
        self._head_bytes += max(1, arrived - self._body_bytes)
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
