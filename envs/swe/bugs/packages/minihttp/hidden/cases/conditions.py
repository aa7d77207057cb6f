"""Hidden cases of minihttp: conditions."""

import minihttp
from cases.shared import shown
from judging import tried
from minihttp import Headers, Request

RANGES = [
    "bytes=0-4",
    "bytes=0-0",
    "bytes=5-",
    "bytes=0-",
    "bytes=-3",
    "bytes=-30",
    "bytes=-0",
    "bytes=-1",
    "bytes=9-9",
    "bytes=9-10",
    "bytes=3-10",
    "bytes=8-99",
    "bytes=10-",
    "bytes=10-12",
    "bytes=11-",
    "bytes=4-2",
    "bytes=1-0",
    "bytes=20-10",
    "bytes=-",
    "bytes=",
    "bytes=0-1,3-4",
    "lines=0-1",
    "bytes=a-b",
    "0-4",
    " bytes=2-3 ",
    "bytes= 2-3",
    "bytes=2 -3",
    "BYTES=1-2",
    "bytes=--3",
    "bytes=007-8",
    "bytes=-10",
    "bytes=-9",
    "bytes=0-9",
    "bytes=0-8",
    "bytes=1-1x",
    "",
]


def case_ranges():
    return [[text, [tried(minihttp.parse_range, text, size) for size in (10, 1, 0, 100)]] for text in RANGES]


def case_send_ranges():
    found = []
    for text in RANGES:
        request = Request("GET", "/", [("Range", text)])
        for data in (b"0123456789", b"x", b""):
            found.append(shown(minihttp.send(request, data)))
    return [*found, shown(minihttp.send(Request("GET", "/"), b"abc", content_type="text/x"))]


def case_http_dates():
    seconds = (
        0,
        1,
        59.999,
        784111777,
        784111777.9,
        951782400,
        951868799,
        951868800,
        1709164800,
        4102444800,
        1e9,
        86399.5,
    )
    return [minihttp.http_date(one) for one in seconds]


def case_not_modified_by_etag():
    found = []
    for known in (
        '"a"',
        '"a", "b"',
        'W/"a"',
        'W/"b" , "a"',
        "*",
        "a",
        "",
        '"a" "b"',
        '"A"',
        '"b"',
        '"a",',
        " * ",
    ):
        headers = Headers([("If-None-Match", known)])
        for etag in ('"a"', '"b"', None, 'W/"a"'):
            found.append(minihttp.not_modified(headers, etag=etag))
        late = Headers([("if-none-match", known), ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")])
        found.append(minihttp.not_modified(late, etag='"a"', modified=784111770))
        found.append(minihttp.not_modified(late, modified=784111770))
    return found


def case_not_modified_by_date():
    found = []
    dates = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 09:49:37 +0100",
        "yesterday",
        "",
        "Sun, 06 Nov 1994 99:49:37 GMT",
    ]
    for date in dates:
        headers = Headers([("If-Modified-Since", date)])
        for modified in (
            784111776,
            784111776.99,
            784111777,
            784111777.5,
            784111777.999,
            784111778,
            784111779,
            0,
            None,
        ):
            found.append(minihttp.not_modified(headers, modified=modified, etag='"a"'))
    return [
        *found,
        minihttp.not_modified(Headers(), modified=1, etag='"a"'),
        minihttp.not_modified(Headers()),
    ]


def case_send_conditions():
    found = []
    for modified in (784111777.25, 784111778, None):
        first = minihttp.send(Request("GET", "/"), b"abc", etag='"e"', modified=modified)
        found.append(shown(first))
        for header, name in (("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")):
            value = first.headers.get(header)
            if value is not None:
                for more in ((), (("Range", "bytes=1-1"),), (("Range", "bytes=9-"),)):
                    request = Request("GET", "/", [(name, value), *more])
                    found.append(shown(minihttp.send(request, b"abc", etag='"e"', modified=modified)))
                    found.append(shown(minihttp.send(request, b"abc", etag='"f"', modified=784111900)))
    return found
