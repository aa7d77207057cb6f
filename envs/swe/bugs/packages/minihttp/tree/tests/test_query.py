from minihttp import build_query, parse_query, quote, unquote


def test_quote():
    assert quote("a b/c?d") == "a%20b/c%3Fd"
    assert quote("a/b", safe="") == "a%2Fb"


def test_unquote():
    assert unquote("a%20b%2fc") == "a b/c"
    assert unquote("a+b") == "a+b"
    assert unquote("a+b%2B", plus=True) == "a b+"


def test_unquote_what_is_not_encoded():
    assert unquote("100%") == "100%"
    assert unquote("%zz%4") == "%zz%4"


def test_other_alphabets():
    assert quote("Käse") == "K%C3%A4se"
    assert unquote("K%C3%A4se") == "Käse"
    assert unquote("%E2%82%AC Käse") == "€ Käse"
    assert unquote("%FF") == "\ufffd"


def test_queries():
    assert parse_query("a=1&b=x+y&a=2&flag&c=&=d&&e=f=g") == [
        ("a", "1"),
        ("b", "x y"),
        ("a", "2"),
        ("flag", ""),
        ("c", ""),
        ("", "d"),
        ("e", "f=g"),
    ]
    assert build_query([("a b", "c&d"), ("n", 3)]) == "a%20b=c%26d&n=3"
