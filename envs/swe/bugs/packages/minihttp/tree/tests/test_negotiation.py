from minihttp import best_match, parse_accept


def test_parse():
    assert parse_accept("text/html, text/*;q=0.5;level=1 , */*; q=x") == [
        ("text/html", 1.0),
        ("text/*", 0.5),
        ("*/*", 0.0),
    ]


def test_best_match():
    assert (
        best_match("application/json, text/html;q=0.9", ["text/html", "application/json"])
        == "application/json"
    )
    assert best_match("image/*", ["text/html"]) is None
    assert best_match("", ["text/html", "text/plain"]) == "text/html"


def test_the_server_decides_among_equals():
    assert best_match("text/plain, text/html", ["text/html", "text/plain"]) == "text/html"
    assert best_match("*/*", ["b/b", "a/a"]) == "b/b"


def test_the_most_specific_entry_counts():
    assert best_match("text/*, text/html;q=0.1, */*;q=0.5", ["text/html", "image/png"]) == "image/png"
    assert best_match("*/*, text/html;q=0", ["text/html"]) is None
