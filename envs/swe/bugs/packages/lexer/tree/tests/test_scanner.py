import pytest
from lexer import Grammar, Lines, Rule, ScanError, Scanner, presets

STRINGS = Grammar(
    {
        "main": [
            Rule("SPACE", r"\s+", skip=True),
            Rule("NAME", r"[a-z]+"),
            Rule("OPEN", r"\(", push="main"),
            Rule("CLOSE", r"\)", pop=1),
            Rule("QUOTE", r'"', push="string"),
        ],
        "string": [Rule("CHARS", r'[^"]+'), Rule("QUOTE", r'"', pop=1)],
    }
)


def test_states_are_entered_and_left():
    tokens = Scanner(STRINGS).tokens('a "b (c" d')
    assert [(token.kind, token.text) for token in tokens] == [
        ("NAME", "a"),
        ("QUOTE", '"'),
        ("CHARS", "b (c"),
        ("QUOTE", '"'),
        ("NAME", "d"),
    ]


def test_places_of_tokens():
    tokens = Scanner(STRINGS).tokens("ab\n  cd e")
    assert [(token.start, token.end) for token in tokens] == [(0, 2), (5, 7), (8, 9)]
    assert [(token.line, token.column) for token in tokens] == [(1, 1), (2, 3), (2, 6)]


def test_unknown_text_is_an_error():
    with pytest.raises(ScanError) as caught:
        Scanner(STRINGS).tokens("a\n 1")
    assert (caught.value.line, caught.value.column) == (2, 2)


def test_unknown_text_as_one_token():
    tokens = Scanner(STRINGS, on_error="token").tokens("a 12?b")
    assert [(token.kind, token.text) for token in tokens] == [("NAME", "a"), ("ERROR", "12?"), ("NAME", "b")]


def test_open_state_at_the_end():
    with pytest.raises(ScanError) as caught:
        Scanner(STRINGS).tokens('a ("b c')
    assert (caught.value.line, caught.value.column) == (1, 4)


def test_leaving_more_than_was_entered():
    with pytest.raises(ScanError):
        Scanner(STRINGS).tokens("(a))")


def test_states_can_be_seen_while_scanning():
    scanner = Scanner(STRINGS)
    seen = [(token.text, scanner.states) for token in scanner.scan('("a")')]
    assert seen[0] == ("(", ["main", "main"])
    assert seen[2] == ("a", ["main", "main", "string"])
    assert seen[-1] == (")", ["main"])


def test_positions():
    lines = Lines("ab\ncd\n")
    assert len(lines) == 3
    assert [lines.position(place) for place in range(7)] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 1),
        (2, 2),
        (2, 3),
        (3, 1),
    ]


def test_excerpt_points_at_the_place():
    assert Lines("x\n\tab = 1").excerpt(7) == "\tab = 1\n\t    ^"


def test_template():
    tokens = Scanner(presets.template()).tokens('Hi {{ name | "a ${b}" }}!{# no #}')
    assert [token.kind for token in tokens] == (
        [
            "TEXT",
            "BEGIN",
            "NAME",
            "OPERATOR",
            "QUOTE",
            "CHARS",
            "INSERT",
            "NAME",
            "END",
            "QUOTE",
            "END",
            "TEXT",
        ]
    )


def test_script():
    tokens = Scanner(presets.script()).tokens("a = 1 # one\n/* no */ b <= 2")
    assert [token.text for token in tokens] == ["a", "=", "1", "\n", "b", "<=", "2"]
