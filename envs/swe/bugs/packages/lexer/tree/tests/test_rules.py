import pytest
from lexer import Grammar, GrammarError, Include, Rule, Scanner


def kinds(grammar, text):
    return [token.kind for token in Scanner(grammar).scan(text)]


def test_longest_match_wins():
    grammar = Grammar({"main": [Rule("LESS", "<"), Rule("SHIFT", "<<"), Rule("NAME", "[a-z]+")]})
    assert kinds(grammar, "a<<b<c") == ["NAME", "SHIFT", "NAME", "LESS", "NAME"]


def test_first_rule_wins_among_equals():
    grammar = Grammar({"main": [Rule("KEY", "let"), Rule("NAME", "[a-z]+")]})
    assert kinds(grammar, "let") == ["KEY"]
    assert kinds(grammar, "lets") == ["NAME"]


def test_words_become_kinds():
    grammar = Grammar({"main": [Rule("NAME", "[a-z]+", words=("if", "else")), Rule("SPACE", " ", skip=True)]})
    assert kinds(grammar, "if x else iffy") == ["IF", "NAME", "ELSE", "NAME"]


def test_case_is_ignored_when_asked():
    grammar = Grammar({"main": [Rule("NAME", "[a-z]+", words=("if",))]}, ignore_case=True)
    assert kinds(grammar, "If") == ["IF"]
    assert kinds(grammar, "Iff") == ["NAME"]


def test_include_brings_the_rules_of_another_state():
    grammar = Grammar({"main": [Include("words"), Rule("DOT", r"\.")], "words": [Rule("WORD", r"\w+")]})
    assert kinds(grammar, "a.b") == ["WORD", "DOT", "WORD"]


def test_extend_puts_new_rules_first():
    base = Grammar({"main": [Rule("WORD", r"\w+")]})
    more = base.extend({"main": [Rule("NUMBER", r"\d+")], "other": [Rule("X", "x")]})
    assert kinds(more, "12") == ["NUMBER"]
    assert sorted(more.states) == ["main", "other"]


def test_kinds_are_sorted_and_without_skipped_ones():
    grammar = Grammar(
        {"main": [Rule("NAME", "[a-z]+", words=("do",)), Rule("B", " ", skip=True), Rule("A", "1")]}
    )
    assert grammar.kinds() == ["A", "DO", "NAME"]


@pytest.mark.parametrize(
    "states",
    [
        {"other": [Rule("A", "a")]},
        {"main": [Rule("A", "a", push="nowhere")]},
        {"main": [Include("nowhere")]},
        {"main": [Rule("A", "(")]},
        {"main": [Rule("A", "a*")]},
        {"main": [Rule("A", "a", pop=-1)]},
    ],
)
def test_impossible_grammars_are_refused(states):
    with pytest.raises(GrammarError):
        Grammar(states)
