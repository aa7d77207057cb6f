import pytest
from minihttp import Headers, Request, http_date, not_modified, parse_range, send

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bytes=0-4", (0, 4)),
        ("bytes=5-", (5, 9)),
        ("bytes=-3", (7, 9)),
        ("bytes=-30", (0, 9)),
        ("bytes=9-9", (9, 9)),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
    ],
)
def test_parse_range(text, part):
    assert parse_range(text, 10) == part


def test_ranges_beyond_the_end():
    assert parse_range("bytes=8-99", 10) == (8, 9)
    assert parse_range("bytes=3-10", 10) == (3, 9)
    with pytest.raises(IndexError):
        parse_range("bytes=10-", 10)
    with pytest.raises(IndexError):
        parse_range("bytes=-0", 10)


def test_http_date():
    assert http_date(784111777.9) == DATE


def test_etags():
    headers = Headers([("If-None-Match", '"a", W/"b"')])
    assert not_modified(headers, etag='"a"')
    assert not_modified(headers, etag='"b"')
    assert not not_modified(headers, etag='"c"')
    assert not not_modified(headers)
    assert not_modified(Headers([("If-None-Match", "*")]), etag='"c"')


def test_dates():
    headers = Headers([("If-Modified-Since", DATE)])
    assert not_modified(headers, modified=784111776)
    assert not not_modified(headers, modified=784111778)
    assert not not_modified(Headers([("If-Modified-Since", "yesterday")]), modified=1)


def test_the_same_second():
    assert not_modified(Headers([("If-Modified-Since", DATE)]), modified=784111777.5)


def test_send():
    response = send(Request("GET", "/", [("Range", "bytes=2-3")]), b"abcdef", etag='"e"')
    assert (response.status, response.body) == (206, b"cd")
    assert response.headers.get("Content-Range") == "bytes 2-3/6"
    response = send(Request("GET", "/", [("Range", "bytes=9-")]), b"abcdef")
    assert (response.status, response.headers.get("Content-Range")) == (416, "bytes */6")
    response = send(Request("GET", "/", [("If-None-Match", '"e"')]), b"abcdef", etag='"e"')
    assert (response.status, response.body) == (304, b"")
