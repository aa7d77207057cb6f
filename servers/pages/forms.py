"""Forms as browsers send them, within bounds."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import Request

from ...errors import UsageError

_MOST_BODY, _MOST_FIELDS = 1 << 20, 20


async def read_form(request: Request) -> dict[str, str]:
    """Read a form of at most a megabyte; of fields with one name the last counts.

    Raises:
        UsageError: if it is longer, or has too many fields.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BODY:
            raise UsageError(f"what was sent is longer than {_MOST_BODY} bytes")
    try:
        given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise UsageError(f"what was sent has more than {_MOST_FIELDS} fields") from error
    return {name: values[-1] for name, values in given.items()}
