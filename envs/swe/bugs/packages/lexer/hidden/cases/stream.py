"""Hidden cases of lexer: stream."""

from cases.shared import tried
from lexer import GrammarError, ScanError, Scanner, TokenStream, presets


def stream(text):
    return TokenStream(Scanner(presets.script()).scan(text))


def text_of(token):
    return None if token is None else token.text


def case_peeking():
    tokens = stream("a b c")
    found = [text_of(tokens.peek(ahead)) for ahead in (0, 1, 2, 3, 9, 0)]
    found.append(tried(tokens.peek, -1))
    for _ in range(4):
        found.append([text_of(tokens.peek()), text_of(tokens.peek(1)), tokens.at_end, tokens.mark()])
        found.append(tried(lambda: tokens.next().text))
    return found


def case_peeking_is_lazy():
    read = []

    def source():
        for token in Scanner(presets.script()).scan("a b c d"):
            read.append(token.text)
            yield token

    tokens = TokenStream(source())
    found = [list(read)]
    for ahead in (0, 0, 1, 0):
        tokens.peek(ahead)
        found.append(list(read))
    tokens.next()
    tokens.next()
    tokens.next()
    return [*found, list(read)]


def case_accept_and_expect():
    found = []
    for text in ("", "a", "1 a", "a = 1", "a\n\nb"):
        tokens = stream(text)
        for kinds in (("NUMBER",), ("NAME", "NUMBER"), (), ("NAME",), ("OPERATOR", "NAME"), ("NEWLINE",)):
            found.append([text_of(tokens.accept(*kinds)), tokens.mark()])
        tokens = stream(text)
        for kinds in (("NUMBER",), ("NUMBER", "NAME"), ("NEWLINE", "OPERATOR"), ("NAME",), ("NUMBER",)):
            found.append(
                [tried(lambda kinds=kinds, tokens=tokens: tokens.expect(*kinds).text), tokens.mark()]
            )
    return found


def case_expect_says_what_was_wanted():
    found = []
    for text in ("a", ""):
        try:
            stream(text).expect("NUMBER", "OPEN")
        except ScanError as error:
            found.append([all(kind in error.message for kind in ("NUMBER", "OPEN")), "NAME" in error.message])
    return found


def case_after_the_end():
    found = []
    for text in ("", "ab", "a\n  bcd", "a (\n"):
        tokens = stream(text)
        tokens.skip_to("NOTHING")
        found.append(
            [tokens.at_end, tried(tokens.next), tried(tokens.expect, "NAME"), text_of(tokens.accept("NAME"))]
        )
    return found


def case_mark_and_reset():
    tokens = stream("a b c d")
    found = []
    start = tokens.mark()
    tokens.next()
    one = tokens.mark()
    tokens.next()
    tokens.peek(1)
    found.append(tokens.next().text)
    for mark in (one, start, 2, 3, 4, 5, -1, 1):
        found.append([tried(tokens.reset, mark), tokens.mark(), text_of(tokens.peek())])
    tokens.reset(start)
    return [*found, [token.text for token in tokens.skip_to()], tokens.at_end]


def case_attempt():
    tokens = stream("a = 1 b")

    def value(inner):
        return inner.expect("NAME").text, inner.expect("OPERATOR").text, inner.expect("NAME").text

    def outer(inner):
        inner.next()
        got = inner.attempt(lambda deep: (deep.expect("OPERATOR"), deep.expect("NAME")))
        return got, inner.next().text

    def broken(inner):
        inner.next()
        raise KeyError("mine")

    def grammar(inner):
        inner.next()
        raise GrammarError("mine")

    found = [tokens.attempt(value), tokens.mark(), tokens.attempt(grammar), tokens.mark()]
    found += [tokens.attempt(outer), tokens.mark()]
    tokens.reset(0)
    found += [tried(tokens.attempt, broken), tokens.attempt(lambda inner: inner.next().text), tokens.mark()]
    found += [tokens.attempt(lambda inner: 0), tokens.attempt(lambda inner: None), tokens.mark()]
    return found


def case_skip_to():
    found = []
    for kinds in (("NEWLINE",), ("NUMBER",), ("NUMBER", "OPERATOR"), ("NAME",), ()):
        tokens = stream("a b = 1\nc")
        found.append(
            [[token.text for token in tokens.skip_to(*kinds)], text_of(tokens.peek()), tokens.mark()]
        )
    return found
