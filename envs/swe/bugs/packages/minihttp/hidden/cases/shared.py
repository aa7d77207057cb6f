"""Hidden cases of minihttp: what several files of them use."""

from minihttp import HTTPError


def shown(response):
    return [response.status, list(response.headers), response.body, response.to_bytes()]


def refused(function, *args):
    """What a call returns, or the status and headers of its refusal."""
    try:
        return function(*args)
    except HTTPError as error:
        return ["refused", error.status, error.detail, error.headers]
