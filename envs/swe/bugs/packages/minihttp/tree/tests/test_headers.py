import pytest
from minihttp import Headers


def test_names_in_any_case():
    headers = Headers([("Content-Type", "text/html"), ("X-A", " 1 ")])
    assert headers.get("content-type") == "text/html"
    assert "CONTENT-TYPE" in headers
    assert headers.get("x-a") == "1"
    assert headers.get("missing", "none") == "none"


def test_several_values():
    headers = Headers([("Via", "a"), ("Date", "now"), ("via", "b")])
    assert headers.get_all("VIA") == ["a", "b"]
    headers.set("VIA", "c")
    assert list(headers) == [("VIA", "c"), ("Date", "now")]
    headers.set_default("Date", "later")
    headers.set_default("Age", 3)
    headers.remove("via")
    assert list(headers) == [("Date", "now"), ("Age", "3")]


@pytest.mark.parametrize(
    "pair", [("", "x"), ("a b", "x"), ("a:", "x"), ("a", "x\r\nSet-Cookie: y"), ("a", "x\0")]
)
def test_what_would_break_out(pair):
    with pytest.raises(ValueError, match="not a header"):
        Headers([pair])
