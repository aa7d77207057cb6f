"""What the package answers to many inputs; no expected value is written here."""

from lexer import (
    Grammar,
    GrammarError,
    Include,
    LexerError,
    Lines,
    Rule,
    ScanError,
    Scanner,
    Token,
    TokenStream,
    indented,
    number,
    presets,
    quote,
    unquote,
)

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


def tried(function, *args, **named):
    try:
        return function(*args, **named)
    except ScanError as error:
        return ["ScanError", error.line, error.column]
    except Exception as error:  # noqa: BLE001
        return type(error).__name__


def plain(tokens):
    return [(token.kind, token.text, token.start, token.end, token.line, token.column) for token in tokens]


def scanned(grammar, text, **named):
    """Return the tokens up to the end or the error, and that error."""
    found, error = [], None
    try:
        for token in Scanner(grammar, **named).scan(text):
            found.append(token)
    except ScanError as caught:
        error = [caught.line, caught.column]
    return [plain(found), error]


def made(states, **named):
    grammar = tried(Grammar, states, **named)
    return grammar if isinstance(grammar, (str, list)) else grammar.kinds()


def case_errors_are_related():
    error = ScanError("no such thing", 3, 14)
    return [
        issubclass(GrammarError, LexerError),
        issubclass(GrammarError, ValueError),
        issubclass(ScanError, LexerError),
        str(error),
        error.message,
        error.line,
        error.column,
    ]


def case_positions_of_every_place():
    texts = ["", "a", "\n", "ab\ncd", "ab\r\ncd\n", "a\rb\r\n\r\nc\n\r", "\n\n\n", "\r\n", "a\n\tb\r"]
    found = []
    for text in texts:
        lines = Lines(text)
        found.append([len(lines), [tried(lines.position, place) for place in range(-2, len(text) + 3)]])
    return found


def case_lines_and_excerpts():
    found = []
    for text in ["", "a", "ab\ncd\n", "one\r\ntwo\rthree", "\tx\n\t\ty z\n", "  \n x\t y\r\n", "aX\nX"]:
        lines = Lines(text)
        found.append(
            [
                [tried(lines.line, number) for number in range(-1, len(lines) + 2)],
                [tried(lines.excerpt, place) for place in range(-1, len(text) + 2)],
            ]
        )
    return found


def case_longest_and_first():
    grammars = [
        [Rule("A", "a"), Rule("AA", "aa"), Rule("AB", "ab")],
        [Rule("AA", "aa"), Rule("A", "a"), Rule("AB", "ab")],
        [Rule("WORD", "[ab]+"), Rule("A", "a+"), Rule("AB", "aab")],
        [Rule("A", "a+"), Rule("WORD", "[ab]+"), Rule("AB", "aab")],
        [Rule("X", "ab?"), Rule("Y", "ab"), Rule("Z", "b|aba")],
        [Rule("Y", "ab"), Rule("X", "ab?"), Rule("Z", "b|aba")],
    ]
    texts = ["a", "aa", "aaa", "ab", "aab", "aaba", "abab", "ba"]
    return [[scanned(Grammar({"main": rules}), text) for text in texts] for rules in grammars]


def case_words():
    found = []
    for ignore_case in (False, True):
        grammar = Grammar(
            {
                "main": [
                    Rule("NAME", "[a-z]+", words=("if", "Else", "END")),
                    Rule("SPACE", " ", skip=True),
                    Rule("BIG", "[A-Z]+", words=("IF", "end")),
                ]
            },
            ignore_case=ignore_case,
        )
        found.append(grammar.kinds())
        found.append([grammar.fold(word) for word in ("If", "END", "a", "")])
        for text in ("if", "iff", "If", "else", "Else", "end", "END", "IF x END", "ifelse", "end if"):
            found.append(scanned(grammar, text, on_error="token"))
    return found


def case_case_counts_unless_told():
    grammar = Grammar({"main": [Rule("NAME", "[a-z]+", words=("if",)), Rule("BIG", "[A-Z]+", words=("IF",))]})
    return [
        grammar.ignore_case,
        [scanned(grammar, text, on_error="token") for text in ("if", "IF", "If", "aB")],
    ]


def case_includes():
    states = {
        "main": [Rule("A", "a"), Include("more"), Rule("Z", "z"), Include("words")],
        "more": [Include("digits"), Rule("DOT", r"\.", push="digits")],
        "digits": [Rule("ONE", "1"), Rule("DIGIT", "[0-9]"), Rule("BACK", ";", pop=1)],
        "words": [Rule("WORD", "[a-z]"), Rule("NINE", "[0-9]+")],
    }
    grammar = Grammar(states)
    return [grammar.kinds()] + [
        scanned(grammar, text) for text in ("a1.2;", "azb", "12", "1.a", ".1;.2;", "z9a8", ".;;")
    ]


def case_impossible_grammars():
    rule = Rule("A", "a")
    return [
        made({"main": [rule]}),
        made({"main": [rule]}, start="other"),
        made({"main": [rule], "other": [Rule("B", "b")]}, start="other"),
        made({}),
        made({"main": []}),
        made({"main": [Include("main")]}),
        made({"main": [Include("b")], "b": [Include("main")]}),
        made({"main": [Include("b")], "b": [Include("c")], "c": [rule, Include("b")]}),
        made({"main": [rule], "b": [Include("c")], "c": [Include("b")]}),
        made({"main": [Include("b"), Include("b")], "b": [rule]}),
        made({"main": [Include("b"), Include("c")], "b": [rule, Include("c")], "c": [Rule("C", "c")]}),
        made({"main": [Rule("A", "a", push="gone")]}),
        made({"main": [rule], "unused": [Rule("B", "b", push="gone")]}),
        made({"main": [rule], "unused": [Include("gone")]}),
        made({"main": [Rule("A", "a", pop=-1)]}),
        made({"main": [Rule("A", "a", pop=0), Rule("B", "b", pop=3)]}),
        made({"main": [Rule("A", "[")]}),
        made({"main": [Rule("A", "")]}),
        made({"main": [Rule("A", "a*")]}),
        made({"main": [Rule("A", "a?b*")]}),
        made({"main": [Rule("A", "(?=a)")]}),
        made({"main": [Rule("A", "a|b", skip=True), Rule("B", "b", words=("x", "B"), skip=True)]}),
    ]


def case_empty_matches_are_no_matches():
    grammar = Grammar({"main": [Rule("AHEAD", "(?=b)|a"), Rule("B", "bb")]})
    return [scanned(grammar, text) for text in ("a", "abb", "ab", "bba")]


def case_extend_leaves_the_first_alone():
    first = {"main": [Rule("WORD", r"[a-z0-9]+"), Rule("SPACE", " ", skip=True)]}
    base = Grammar(first, ignore_case=True)
    more = base.extend(
        {"main": [Rule("NUMBER", "[0-9]+"), Rule("PLUS", r"\+", push="b")], "b": [Rule("B", "b", pop=1)]}
    )
    most = more.extend({"b": [Rule("C", "c")], "main": (Rule("NINE", "9"),)})
    texts = ("a 12", "12+b", "9", "9+cb9", "A+B", "99")
    found = [[scanned(grammar, text) for text in texts] for grammar in (base, more, most, base)]
    found.append([grammar.kinds() for grammar in (base, more, most)])
    found.append([sorted(grammar.states) for grammar in (base, more, most)])
    found.append([len(grammar.states["main"]) for grammar in (base, more, most)] + [len(first["main"])])
    return found


def case_extend_after_extend():
    base = Grammar({"main": [Rule("WORD", "[a-z]+")], "other": [Rule("X", "x+")]}, start="other")
    left = base.extend({"other": [Rule("Y", "x")]})
    right = base.extend({"other": [Rule("Z", "xx")]})
    return [[scanned(grammar, text) for text in ("x", "xx", "xxx", "a")] for grammar in (base, left, right)]


def case_states_of_a_grammar_are_copies():
    rules = [Rule("WORD", "[a-z]+")]
    states = {"main": rules}
    grammar = Grammar(states)
    rules.append(Rule("NUMBER", "[0-9]+"))
    states["late"] = [Rule("LATE", "!")]
    again = grammar.extend({})
    return [scanned(grammar, "a1", on_error="token"), sorted(again.states), again.kinds()]


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


def case_template_preset():
    grammar = presets.template()
    texts = [
        "",
        "just text",
        "a { b } c {x",
        "{{ a }}",
        "{{a}}{{b}}",
        "{{- a -}}",
        "{{ a - b -}} c",
        "{# one #} x {# two #}",
        "{# a # b #}{##}c",
        "{# open",
        "{% if a and not b %}yes{% else %}no{% end %}",
        "{%- for x in y -%}{{ x.y[1](2) }}{%- end -%}",
        "{% iffy %}{% format %}",
        '{{ "plain" }}',
        '{{ "a ${ b } c" }}',
        '{{ "a ${ {b} } c" + \'d"\' }}',
        '{{ "a \\" b \\${x} $ $$" }}',
        '{{ "a ${ "b ${c}" }" }}',
        "{{ 'it\\'s' }}",
        "{{ 'two\nlines' }}",
        '{{ "open }}',
        '{{ "${ open" }}',
        "{{ a == 1 != 2 <= 3 >= 4 < 5 > 6 = 7 }}",
        "{{ 1.5e-3 0x_ff 12abc 1. a.b 1e5 }}",
        "{{ true false andy or and_ äöü ñ1 }}",
        "{{ a }} }} b",
        "{{ } }}",
        "line\n{{ a\n  }}\n x{# c\n #}y {{ z",
    ]
    return [grammar.kinds()] + [scanned(grammar, text) for text in texts]


def case_script_preset():
    grammar = presets.script()
    texts = [
        "",
        "a = 1\nb = 2\r\nc",
        "a # note\nb #",
        "a /* b */ c /* d */ e",
        "a /* b /* c */ d */ e",
        "a /* b\n * c\n **/ d",
        "a /* /* */ b",
        "a */ b",
        "/**/a/***/b/* / * */c",
        "a \\\n b",
        "a \\ b",
        'say "x ${ y\n } z"',
        "f(1, [2])\n\n  g",
        "a\tb\rc",
        "x | y % 2 : 3 / 4 * 5 - 6",
    ]
    return [grammar.kinds()] + [scanned(grammar, text) for text in texts]


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


NUMBERS = """
0 7 12 007 00 01 1_000 1__0 1_ _1 1_0_0 0x 0xff 0XFF 0x_ff 0xf_f 0xf__f 0xff_ 0xg 0o17 0O17 0o18
0o 0b101 0B1_1 0b_1 0b2 0b 1.5 1. .5 1_0.5_5 1._5 1.5_ 0.5 00.5 2e3 2E3 2e-3 2e+3 2e 1.5e2 1.5e 1e5.5 e5 -1 +1
1a 0x1.5 1e400 123456789012345678901234567890 1,5 0.1e-5 9.99 0_1 0e0 08.5 ١ 1.5e1_0""".split()  # noqa: SIM905


def case_numbers():
    found = [(text, repr(tried(number, text))) for text in NUMBERS]
    return found + [tried(number, text) for text in ("", " 1", "1 ", "1\n", "one")]


STRINGS = [
    '""',
    "''",
    '"abc"',
    "'abc'",
    '"it\'s"',
    "'say \"x\"'",
    r'"a\tb\nc\rd\0e"',
    r'"\\n"',
    r'"\\\n"',
    r'"a\\"',
    r'"a\"',
    r'"\""',
    r"'\"\''",
    r'"\x41\x7a"',
    r'"\x4"',
    r'"\xg1"',
    r'"\u0041\u00e4\u20AC"',
    r'"\u004"',
    r'"\u{41}\u{1F600}\u{10ffff}"',
    r'"\u{110000}"',
    r'"\u{}"',
    r'"\u{1234567}"',
    r'"\u{41"',
    r'"\ud800"',
    r'"\udfff"',
    r'"\u{dabc}"',
    r'"\ud7ff\ue000"',
    r'"\\x41"',
    r'"\\u{41}"',
    r'"\q"',
    r'"\ "',
    r'"\N"',
    r'"\x000"',
    '"a"b"',
    "'a'b'",
    "'a\"",
    "\"a'",
    '"',
    "'",
    "",
    "abc",
    "`a`",
    "XaX",
    '"two\nlines"',
    '"ä€"',
    '"\\\n"',
    r'"\00"',
]


def case_unquoting():
    return [(text, tried(unquote, text)) for text in STRINGS]


TEXTS = [
    "",
    "abc",
    "it's",
    'say "x"',
    "a\tb\nc\rd\0e",
    "\\n",
    "\\",
    '\\"',
    "ä€😀",
    "\x07\x1b\x7f",
    "\u2028\u200b\xa0",
    "${x}",
    "a\\u{41}",
    "\0" + "1",
]


def case_quoting():
    return [[quote(text), quote(text, "'"), quote(text, mark='"')] for text in TEXTS]


def case_quoting_and_back():
    return [[unquote(quote(text)) == text, unquote(quote(text, "'")) == text] for text in TEXTS]


def case_tokens():
    token = Token("A", "abc", 4, 2, 1)
    return [
        token.end,
        token == Token("A", "abc", 4, 2, 1),
        token == Token("A", "abc", 5, 2, 1),
        len({token, token}),
    ]
