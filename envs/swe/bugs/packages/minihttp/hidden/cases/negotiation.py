"""Hidden cases of minihttp: negotiation."""

import minihttp


def case_parse_accept():
    texts = [
        "",
        ",",
        "text/html",
        "TEXT/HTML",
        "a/b;q=0.5",
        "a/b; q=0.5 ",
        "a/b;Q=.5",
        "a/b ; q = 0.3",
        "a/b;q=0",
        "a/b;q=1",
    ]
    texts += [
        "a/b;q=1.1",
        "a/b;q=-1",
        "a/b;q=x",
        "a/b;q=",
        "a/b;q",
        "a/b;level=1;q=0.2",
        "a/b;q=0.2;level=1",
        "a/b, ,c/d",
    ]
    texts += ["a/b;q=nan", "a/b;q=inf", ";q=1", "a/b,c/*;q=0.1,*/*;q=0.01", "a/b;x", "a/b;q=0.1;q=0.9"]
    return [minihttp.parse_accept(text) for text in texts]


OFFERS = (
    ["text/html", "application/json"],
    ["application/json", "text/html"],
    ["text/plain", "text/html", "image/png"],
    ["Text/HTML"],
    [],
)


def case_best_match():
    texts = [
        "",
        "*/*",
        "text/*",
        "text/html",
        "application/json, text/html",
        "text/html;q=0.5, application/json;q=0.5",
    ]
    texts += [
        "text/html;q=0.4, application/json;q=0.5",
        "text/*;q=0.5, */*;q=0.1",
        "text/*, text/html;q=0.1, */*;q=0.5",
    ]
    texts += [
        "*/*, text/html;q=0",
        "*/*;q=0",
        "image/*",
        "image/*;q=0.9, text/*",
        "audio/mp3",
        "text/html;q=0, text/*",
    ]
    texts += [
        "text/html;level=1",
        "*/*;q=0.1, text/plain;q=0.2",
        "text/html;q=x",
        "TEXT/PLAIN",
        "text/html;q=0.3, text/html;q=0.9",
    ]
    texts += [
        "*/*;q=0.8, application/*;q=0.2, application/json;q=0.9",
        "text/plain, image/png, text/html",
        "*",
        "html",
    ]
    return [[minihttp.best_match(text, offers) for offers in OFFERS] for text in texts]
