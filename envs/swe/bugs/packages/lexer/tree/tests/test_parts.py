import pytest
from lexer import ScanError, Scanner, TokenStream, indented, number, presets, quote, unquote


def stream(text):
    return TokenStream(Scanner(presets.script()).scan(text))


def layout(text):
    tokens = indented(Scanner(presets.script()).scan(text))
    return " ".join(token.text.strip() or token.kind for token in tokens)


def test_peek_does_not_consume():
    tokens = stream("a b c")
    assert [tokens.peek().text, tokens.peek(2).text, tokens.peek(3)] == ["a", "c", None]
    assert tokens.next().text == "a"
    assert tokens.peek().text == "b"


def test_accept_and_expect():
    tokens = stream("a = 1")
    assert tokens.accept("NUMBER") is None
    assert tokens.accept("NUMBER", "NAME").text == "a"
    with pytest.raises(ScanError):
        tokens.expect("NAME")
    assert tokens.expect("OPERATOR").text == "="


def test_next_after_the_end():
    tokens = stream("ab")
    tokens.next()
    assert tokens.at_end
    with pytest.raises(ScanError) as caught:
        tokens.next()
    assert (caught.value.line, caught.value.column) == (1, 3)


def test_mark_and_reset():
    tokens = stream("a b c")
    mark = tokens.mark()
    tokens.next(), tokens.next()
    tokens.reset(mark)
    assert tokens.next().text == "a"


def test_attempt_goes_back():
    tokens = stream("a b")
    assert tokens.attempt(lambda s: (s.expect("NAME"), s.expect("NUMBER"))) is None
    assert tokens.attempt(lambda s: s.expect("NAME").text) == "a"


def test_skip_to():
    tokens = stream("a b\nc")
    assert [token.text for token in tokens.skip_to("NEWLINE")] == ["a", "b"]
    assert tokens.next().kind == "NEWLINE"


def test_one_block():
    assert layout("a:\n  b\nc\n") == "a : NEWLINE INDENT b NEWLINE DEDENT c NEWLINE"


def test_open_blocks_end_with_the_text():
    assert layout("a:\n  b:\n    c") == "a : NEWLINE INDENT b : NEWLINE INDENT c NEWLINE DEDENT DEDENT"


def test_empty_lines_and_brackets():
    assert layout("a\n\n\nf(1,\n  2)\n") == "a NEWLINE f ( 1 , 2 ) NEWLINE"


def test_a_line_that_fits_no_block():
    with pytest.raises(ScanError):
        layout("a:\n    b\n  c\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("12", 12), ("1_000", 1000), ("0xff", 255), ("0b101", 5), ("1.5", 1.5), ("2e-3", 0.002)],
)
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "007", "1__0", "1_", "0x", "1.", "e5", "-1"])
def test_what_is_not_a_number(text):
    with pytest.raises(ValueError):
        number(text)


def test_unquote():
    assert unquote(r'"a\tb"') == "a\tb"
    assert unquote(r"'\x41\u0042\u{43}'") == "ABC"
    assert unquote("'say \"x\"'") == 'say "x"'


@pytest.mark.parametrize("text", ["", '"', "abc", "'a\"", "'a'b'", r"'\q'", r"'\u{110000}'"])
def test_what_can_not_be_unquoted(text):
    with pytest.raises(ValueError):
        unquote(text)


def test_quote():
    assert quote('a"b\n') == r'"a\"b\n"'
    assert quote("it's", "'") == r"'it\'s'"
