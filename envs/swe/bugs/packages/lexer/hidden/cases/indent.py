"""Hidden cases of lexer: indent."""

from lexer import ScanError, Scanner, Token, indented, presets


def layout(text, **named):
    found, error = [], None
    try:
        for token in indented(Scanner(presets.script()).scan(text), **named):
            found.append((token.kind, token.text, token.start, token.line, token.column))
    except ScanError as caught:
        error = [caught.line, caught.column]
    return [found, error]


def case_indentation():
    texts = [
        "",
        "\n",
        "\n\n",
        "a",
        "a\n",
        "  a\n",
        "  a\nb\n",
        "a:\n  b\nc\n",
        "a:\n  b",
        "a:\n  b:\n    c",
        "a:\n  b:\n    c\n",
        "a:\n  b:\n    c\nd",
        "a:\n  b:\n    c\n  d\ne\n",
        "a:\n\n\n  b\n\n\nc",
        "a:\n    b\n  c\n",
        "a:\n  b:\n      c\n    d",
        "a:\n  b # note\n# note\n  c\n",
        "a:\n  b\n   # note\nc",
        "if a:\n  b\nelse:\n  c\n",
        "a:\n  b\n    c\n        d\n e",
    ]
    return [layout(text) for text in texts]


def case_indentation_and_brackets():
    texts = [
        "f(1,\n  2)\ng",
        "f(\n\n1\n)\n  g",
        "a:\n  f(1,\n2,\n      3)\n  b\nc",
        "f((1,\n2),\n3)\nb",
        ")",
        "f(1))\n",
        "(a\n",
        "[a\n  b]\nc",
        "a [\n b\n]",
    ]
    pairs = (("(", ")"), ("[", "]"))
    return (
        [layout(text) for text in texts]
        + [layout(text, brackets=pairs) for text in texts]
        + [layout(text, brackets=()) for text in texts]
    )


def case_indentation_with_another_newline():
    tokens = [
        Token("WORD", "a", 0, 1, 1),
        Token("NL", "\n", 1, 1, 2),
        Token("WORD", "b", 4, 2, 3),
        Token("NEWLINE", "nl", 6, 2, 5),
    ]
    return [
        [
            (token.kind, token.text, token.start, token.line, token.column)
            for token in indented(tokens, newline=name)
        ]
        for name in ("NL", "NEWLINE")
    ]
