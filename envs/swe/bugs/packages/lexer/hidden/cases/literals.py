"""Hidden cases of lexer: literals."""

from cases.shared import tried
from lexer import number, quote, unquote

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
