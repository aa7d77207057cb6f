"""Hidden cases of lexer: rules."""

from cases.shared import scanned, tried
from lexer import Grammar, Include, Rule


def made(states, **named):
    grammar = tried(Grammar, states, **named)
    return grammar if isinstance(grammar, (str, list)) else grammar.kinds()


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
