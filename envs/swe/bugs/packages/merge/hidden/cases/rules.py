"""Hidden cases of merge: rules."""

from cases.shared import conflict
from judging import tried
from merge import Rules

PATTERNS = [
    "**",
    "a.*",
    "a.b",
    "*.b",
    "**.b",
    "a.**",
    "*",
    "a.**.c",
    "a[0]",
    "*.*",
    "**.c.**",
    "a.b.c",
    "",
    "**.**",
    "*.b.*",
]


PLACES = [
    (),
    ("a",),
    ("b",),
    ("a", "b"),
    ("a", "c"),
    ("c", "b"),
    ("a", 0),
    ("a", "b", "c"),
    ("a", "x", "y", "c"),
    ("b", "c", "d"),
]


PLACES += [("a", "0"), ("*",), ("a", "b", 0), ("c",)]


WORDS = (
    "replace",
    "keep",
    "forbid",
    "append",
    "prepend",
    "union",
    "max",
    "min",
    "sum",
    "by:x",
    "by:y",
    "by:z",
    "by:u",
    "by:v",
    "by:w",
)


def case_rules_alone():
    return [[Rules({pattern: "keep"}).strategy(place) for place in PLACES] for pattern in PATTERNS]


def case_rules_together():
    found = []
    for turn in range(len(PATTERNS)):
        for step in (1, -1):
            order = (PATTERNS[turn:] + PATTERNS[:turn])[::step]
            rules = Rules({pattern: WORDS[PATTERNS.index(pattern)] for pattern in order})
            found.append([rules.strategy(place) for place in PLACES])
    return found


def case_rules_in_pairs():
    found = []
    for one in PATTERNS:
        for other in PATTERNS:
            if one != other:
                rules = Rules({one: "keep", other: "replace"})
                found.append("".join(rules.strategy(place)[0] for place in PLACES))
    return found


def case_rules_that_are_set_again():
    rules = Rules({"a.*": "keep", "*.b": "replace", "c": "max"})
    found = [rules.strategy(("a", "b"))]
    rules.set("a.*", "sum")
    found.append(rules.strategy(("a", "b")))
    rules.set("*.b", "sum")
    rules.set("*.b", "union")
    found += [rules.strategy(("a", "b")), rules.strategy(("c",)), rules.strategy(("a", "x"))]
    for wrong in ("", "by:", "whatever", "Deep", "by"):
        found.append(tried(rules.set, "c", wrong))
    found += [rules.strategy(("c",)), tried(Rules, {"a..b": "keep"}), tried(Rules, {"a": "x"})]
    for name in (
        "deep",
        "replace",
        "keep",
        "forbid",
        "append",
        "prepend",
        "union",
        "max",
        "min",
        "sum",
        "by:by:",
    ):
        rules.set("c", name)
        found.append(rules.strategy(("c",)))
    return found


def case_nested_rules():
    base = {"a": {"l": [1], "m": {"l": [2]}}, "l": [3], "k": {"x": {"y": 1}}}
    over = {"a": {"l": [4], "m": {"l": [5], "n": 1}}, "l": [6], "k": {"x": {"z": 2}}}
    choices = [
        {},
        {"**.l": "append"},
        {"a": "replace"},
        {"a.m": "keep", "**.l": "append"},
        {"k.*": "replace", "**": "deep"},
    ]
    choices += [
        {"": "replace"},
        {"": "keep"},
        {"**": "replace"},
        {"**": "keep", "a": "deep", "a.m": "deep", "": "deep"},
    ]
    return [conflict(base, over, Rules(one)) for one in choices]
