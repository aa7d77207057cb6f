"""An error that becomes a response."""

REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    206: "Partial Content",
    302: "Found",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    416: "Range Not Satisfiable",
    500: "Internal Server Error",
}


class HTTPError(Exception):
    """A request that is refused.

    Args:
        status: of the response.
        detail: its body; the status in words if None.
        headers: pairs of its headers.
    """

    def __init__(self, status, detail=None, headers=()):
        super().__init__(status, detail)
        self.status = status
        self.detail = REASONS.get(status, "") if detail is None else detail
        self.headers = list(headers)
