"""Ranges of a body, dates, and whether a client has the newest version already."""

import re
from datetime import datetime, timezone
from email.utils import format_datetime, parsedate_to_datetime

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def parse_range(text, size):
    """Return the first and the last byte that a Range header asks for, or None to send everything.

    Args:
        text: `bytes=2-5`, `bytes=2-` (from there on) or `bytes=-3` (the last three). What is written
            otherwise, or asks for several ranges, is not obeyed.
        size: bytes of the body.

    Raises:
        IndexError: if none of the bytes that are asked for exists.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        first, last = max(size - int(match[2]), 0), size - 1
    else:
        first = int(match[1])
        last = min(int(match[2]), size - 1) if match[2] else size - 1
        if match[2] and int(match[2]) < first:
            return None
    if first > last:
        raise IndexError(f"{text} of {size} bytes")
    return first, last


def http_date(timestamp):
    """Return seconds since 1970 as a date in the form of HTTP; parts of a second are dropped."""
    return format_datetime(datetime.fromtimestamp(timestamp // 1, timezone.utc), usegmt=True)


def not_modified(headers, *, etag=None, modified=None):
    """Say whether what a client has, by the headers of its request, is still the newest version.

    If-None-Match counts before If-Modified-Since. A date that cannot be read does not count.

    Args:
        headers: of the request.
        etag: of the newest version, with its quotes; None if it has none.
        modified: seconds since 1970 when that was made; None if not known.
    """
    known = headers.get("If-None-Match")
    if known is not None:
        return etag is not None and any(one.strip() in ("*", etag, f"W/{etag}") for one in known.split(","))
    since = headers.get("If-Modified-Since")
    if since is None or modified is None:
        return False
    try:
        return modified // 1 <= parsedate_to_datetime(since).timestamp()
    except (ValueError, TypeError):
        return False
