"""Hidden cases of minihttp: cookies."""

import minihttp
from cases.shared import shown
from judging import tried
from minihttp import Request, Response


def case_parse_cookies():
    headers = [
        "",
        ";",
        "a=1",
        "a=1; b=2",
        "a=1;b=2;",
        " a = 1 ",
        'a="x y"',
        'a="',
        'a=""',
        'a="x',
        'a=x"',
        "a=1; a=2",
    ]
    headers += [
        "a",
        "a; b=1",
        "=x; b=1",
        "a=b=c",
        "a=%C3%A4",
        "a=%E2%82%AC%",
        "a=x+y",
        'a="x;y"',
        "A=1; a=2",
        "a=; a=1",
    ]
    headers += ['a="b"c"', "a='x'", "a=1, b=2", "a = ; b", 'a=" x "', 'a="%22"']
    return [minihttp.parse_cookies(header) for header in headers]


def case_set_cookie():
    found = []
    for value in [
        "",
        "1",
        "a b",
        "x;y",
        'q"q',
        "a,b",
        "\u00e4",
        "a\\b",
        "100%",
        "\r\n",
        "!#$&'()*+-./:<=>?@[]^_`{|}~",
    ]:
        text = minihttp.set_cookie("name", value)
        found.append([text, minihttp.parse_cookies(text.split("; ")[0]) == {"name": value}])
    settings = [
        {"max_age": 0},
        {"max_age": 60},
        {"max_age": -1},
        {"max_age": None},
        {"path": "/p"},
        {"domain": "x.org"},
    ]
    settings += [
        {"domain": ""},
        {"secure": True},
        {"http_only": False},
        {"same_site": "Strict"},
        {"same_site": "None"},
    ]
    settings += [
        {"same_site": "None", "secure": True},
        {"same_site": "lax"},
        {"same_site": None},
        {"same_site": "Lax"},
    ]
    settings += [
        {"max_age": 5, "path": "/", "domain": "d", "secure": True, "http_only": True, "same_site": "Strict"}
    ]
    found += [tried(lambda one=one: minihttp.set_cookie("n", "v", **one)) for one in settings]
    for name in ("", "a b", "a=b", "a;", "a,", 'a"', "a\tb", "a\r", "a\n", "a-b", "\u00e4", "__Host-X"):
        found.append(tried(minihttp.set_cookie, name, "v"))
    return found


def case_cookies_of_messages():
    request = Request("GET", "/", [("Cookie", "a=1; b=2"), ("cookie", "a=3; c=4"), ("X", "d=5")])
    found = [request.cookies, Request("GET", "/").cookies]
    response = Response("hello", headers=[("Set-Cookie", "first=0")])
    response.set_cookie("session", "s 1", max_age=60)
    response.set_cookie("theme", "dark", http_only=False)
    response.set_cookie("theme", "light", path="/p")
    response.delete_cookie("old")
    response.delete_cookie("older", "/p")
    return [*found, response.headers.get_all("set-cookie"), shown(response)]
