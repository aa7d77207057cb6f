"""Hidden cases of minihttp: headers."""

from judging import tried
from minihttp import Headers


def case_headers():
    headers = Headers([("Content-Type", "text/html"), ("X-A", " 1 "), ("x-a", 2), ("X-B", "")])
    found = [
        len(headers),
        list(headers),
        [name in headers for name in ("x-A", "content-type", "X", "X-B", "")],
    ]
    found += [
        headers.get("X-a"),
        headers.get("x-b"),
        headers.get("q"),
        headers.get("q", 7),
        headers.get_all("X-A"),
    ]
    for name in ("X-A", "x-b", "new", "content-TYPE"):
        copy = headers.copy()
        copy.set(name, "set")
        found.append([list(copy), len(copy)])
        copy.add(name, "added")
        found.append(copy.get_all(name))
        copy.set_default(name, "default")
        copy.set_default("Q", "default")
        copy.set_default("q", "other")
        found.append(list(copy))
        copy.remove(name)
        copy.remove("nothing")
        found.append([list(copy), name in copy])
    copy = Headers([("A", "1"), ("B", "2"), ("a", "3"), ("C", "4"), ("A", "5")])
    copy.set("a", "6")
    return [*found, list(copy), list(headers), list(Headers())]


def case_headers_that_break_out():
    found = []
    for name in ("a", "", "a b", "a:", ":", "a\r", "a\nb", "\u00e4", "a-b"):
        for value in ("x", "", "x\ry", "x\ny", "x\r\nB: y", "x\0", "\tX ", "x\n", 3):
            for method in ("add", "set", "set_default"):
                headers = Headers([("c", "d")])
                found.append([tried(getattr(headers, method), name, value), list(headers)])
        found.append(tried(lambda name=name: list(Headers([(name, "v")]))))
    return found


def case_headers_while_they_change():
    headers = Headers([("a", "1"), ("b", "2")])
    for name, _ in headers:
        headers.remove(name)
    return [list(headers), len(headers)]
