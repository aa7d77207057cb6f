"""Hidden cases of lexer: scanner."""

from cases.shared import plain, scanned, tried
from lexer import Grammar, Rule, Scanner, unquote

NESTED = {
    "main": [
        Rule("SPACE", r"\s+", skip=True),
        Rule("NAME", r"[a-z]+", words=("if", "else", "iffy")),
        Rule("OPEN", r"\(", push="main"),
        Rule("CLOSE", r"\)", pop=1),
        Rule("QUOTE", r'"', push="string"),
        Rule("OUT", r"!!", pop=2),
        Rule("SWAP", r"~", pop=1, push="string"),
        Rule("HUSH", r"<", skip=True, push="main"),
        Rule("HUSHED", r">", skip=True, pop=1),
    ],
    "string": [Rule("CHARS", r'[^"]+'), Rule("QUOTE", r'"', pop=1)],
}


def case_nesting():
    grammar = Grammar(NESTED)
    texts = [
        "",
        "a",
        '"b"',
        'a "b (c" d',
        "(a (b) c)",
        "((a",
        "(a))",
        "a)",
        "((a!! b",
        "(!!",
        "(((a!!)",
        '(~b c"',
        "~",
        "<a",
        "<a>b",
        ">",
        "a\n (b\n  (c\n )",
        '"a\n\n  b',
        '(\r\n  "x',
        "if else iffy ifs",
        "(((\n)))\n(",
    ]
    return [scanned(grammar, text) for text in texts]


def case_one_scanner_for_many_texts():
    scanner = Scanner(Grammar(NESTED))
    found = []
    for text in ('("a', "b c", "a)", "(b)", "((", 'x "y" z', "1", "a", '"open', "(a"):
        found.append(tried(lambda text=text: plain(scanner.tokens(text))))
    return found


def case_a_scan_that_was_left_early():
    scanner = Scanner(Grammar(NESTED))
    first = scanner.scan('(("a b" c')
    found = [next(first).text for _ in range(4)]
    before = scanner.states
    return [found, before, tried(lambda: plain(scanner.tokens("a (b) c")))]


def case_states_while_scanning():
    scanner = Scanner(Grammar(NESTED))
    found = []
    for text in ('a ("b" (c) d)', "(((a!! b)", '(~x" y', "<a <b> > c"):
        found.append([(token.text, scanner.states) for token in scanner.scan(text)])
    return found


def case_errors_as_tokens():
    grammar = Grammar(NESTED)
    texts = ["1", "12", "a1", "1a", "a 12?b 3 4", "?\n?", "(1)", '"1"2', "1\n 2\n\n3", "(1"]
    return [scanned(grammar, text, on_error="token") for text in texts] + [
        scanned(grammar, text) for text in texts
    ]


def case_on_error_is_checked():
    grammar = Grammar(NESTED)
    return [
        scanned(grammar, "a", on_error="raise"),
        tried(Scanner, grammar, "ignore"),
        tried(Scanner, grammar, on_error=""),
    ]


def case_code_points():
    return [
        tried(unquote, f'"{text}"')
        for text in (
            r"\u{d7ff}",
            r"\u{d800}",
            r"\u{dfff}",
            r"\u{e000}",
            r"\u{10ffff}",
            r"\u{110000}",
            r"\u{0}",
        )
    ]


def case_bad_text_up_to_the_end():
    grammar = Grammar({"main": [Rule("A", "a"), Rule("AB", "..(?=a)")]})
    return [scanned(grammar, text, on_error="token") for text in ("1", "12", "123a", "a1234a5", "1a", "12a")]
