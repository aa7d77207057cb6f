"""Hidden cases of minihttp: query."""

import minihttp

TEXTS = [
    "",
    "a",
    "a b",
    "a/b",
    "a+b",
    "100%",
    "%",
    "%%",
    "%4",
    "%zz",
    "%4g",
    "%g4",
    "%41",
    "%61%62",
    "%2B",
    "%2b+%2F",
]


TEXTS += [
    "K\u00e4se",
    "\u20ac",
    "\U0001f600",
    "%C3%A4",
    "%c3%a4x",
    "%E2%82%AC",
    "%F0%9F%98%80",
    "%FF",
    "%C3",
    "%C3x",
]


TEXTS += [
    "a%00b",
    "~-._",
    "!$&'()*,;=:@",
    "\u00e4%C3%A4",
    "%E2%82%ACK\u00e4se%20",
    "% 1",
    "%1 ",
    "%+1",
    "%-1",
    "%0x",
    "a\nb",
]


TEXTS += ["%C3%A4%C3%B6%C3%BC", "%e4%f6", "++", "%2525"]


def case_unquote():
    return [[minihttp.unquote(text), minihttp.unquote(text, plus=True)] for text in TEXTS]


def case_quote():
    return [[minihttp.quote(text), minihttp.quote(text, ""), minihttp.quote(text, "+ %")] for text in TEXTS]


def case_quote_and_back():
    return [minihttp.unquote(minihttp.quote(text)) == text for text in TEXTS]


def case_queries():
    queries = [
        "",
        "&",
        "a",
        "a=",
        "=a",
        "=",
        "a=1",
        "a=1&b=2",
        "a=1&&a=2&",
        "a=b=c",
        "a==",
        "a+b=c+d",
        "a%3Db=c%26d",
    ]
    queries += ["k=%C3%A4&%E2%82%AC=x", "x=%FF", "a;b=c", "a=1#b", "a=%", "+=+", "a=1&b"]
    found = []
    for query in queries:
        pairs = minihttp.parse_query(query)
        found.append(
            [pairs, minihttp.build_query(pairs), minihttp.parse_query(minihttp.build_query(pairs)) == pairs]
        )
    return [
        *found,
        minihttp.build_query([]),
        minihttp.build_query([("a/b", "c d"), ("n", 3), ("f", 1.5), ("x", None)]),
    ]
