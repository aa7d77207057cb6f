"""Hidden cases of merge."""

import merge
from judging import tried, unordered
from merge import REMOVE, Rules, Stack


def _numbers(seed):
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed >> 8


def _value(numbers, depth=3):
    kind = next(numbers) % (6 if depth else 4)
    if kind == 0:
        return next(numbers) % 5
    if kind == 1:
        return (None, True, False, 1.5, "", "text")[next(numbers) % 6]
    if kind == 2:
        return [next(numbers) % 4 for _ in range(next(numbers) % 4)]
    if kind == 3:
        return "abc"[next(numbers) % 3]
    return {"abcd"[next(numbers) % 4]: _value(numbers, depth - 1) for _ in range(next(numbers) % 4)}


def _config(seed):
    numbers = _numbers(seed)
    return {key: _value(numbers) for key in "abcde" if next(numbers) % 4}


def _with_removals(numbers, value):
    if not isinstance(value, dict):
        return value
    return {
        key: REMOVE if next(numbers) % 5 == 0 else _with_removals(numbers, one) for key, one in value.items()
    }


def _plain(value):
    """A value in which keys are sorted, and what is to be removed is a text."""
    if value is REMOVE:
        return "REMOVE"
    if isinstance(value, dict):
        return unordered({key: _plain(one) for key, one in value.items()})
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _merged(base, over, rules=None):
    result = tried(merge.merge, base, over, rules)
    return _plain(result) if isinstance(result, dict) else result


def _conflict(base, over, rules):
    try:
        return _plain(merge.merge(base, over, rules))
    except merge.ConflictError as error:
        return ["conflict", str(error).partition(":")[0]]


def case_errors():
    kinds = (merge.PathError, merge.ConflictError, merge.ExpandError)
    return [[issubclass(kind, merge.MergeError) for kind in kinds], issubclass(merge.PathError, LookupError)]


PATHS = """a|a.b|a.b.c|a[0]|a[0][12].b|[3]|[0].x|log-level|a_b.c-d|*|a.*.b|**.x[1]|"x.y"|a."x.y".b|"".a|a.""
"say \\"hi\\""|"back\\\\slash"|"\\\\"
"a\\\\\\"b".c|"a b"[2]|a."[0]"|\u00e4.\u00f6|"\\n"|1.2|a.1|"a".b|007|[007]|a[00]"""

BAD_PATHS = (
    """.|.a|a.|a..b|a.[0]|a b|[x]|[-1]|[]|["a"]|"open|a"b"|a]|a[0|a[0]b|"a"b|a.b.|"a\\|a.+|a/b|[0].[1]|a."""
)


def _texts(lines):
    return [text for line in lines.splitlines() for text in line.split("|")]


def case_paths_are_read():
    return [merge.parse_path(text) for text in [*_texts(PATHS), ""]]


def case_paths_that_are_none():
    return [[text, tried(merge.parse_path, text)] for text in [*_texts(BAD_PATHS), " ", " a", "a "]]


def case_paths_are_written():
    found = []
    for text in _texts(PATHS):
        path = merge.parse_path(text)
        found.append([merge.format_path(path), merge.parse_path(merge.format_path(path)) == path])
    return found


def case_paths_survive_writing():
    names = [
        "",
        ".",
        '"',
        "\\",
        '\\"',
        '"\\',
        "\\\\",
        '""',
        "a.b",
        'a"',
        "\\a",
        "a\\",
        "[0]",
        "a b",
        "\n",
        "\t",
        "\u00e9",
    ]
    found = []
    for one in names:
        for path in ((one,), ("x", one), (one, 3, one), (one, "y"), (0, one)):
            text = merge.format_path(path)
            found.append([text, merge.parse_path(text) == path])
    return found


def case_tuples_are_paths():
    return [
        merge.parse_path(()),
        merge.parse_path(("a", 1)),
        merge.format_path(()),
        merge.format_path((1, 2, "a")),
    ]


TREE = {"a": {"b": [10, {"c": None, "d": [[1, 2], []]}]}, "x.y": 0, "list": ["p", "q"], "": {"e": False}}

GET_PATHS = """a|a.b|a.b[0]|a.b[1].c|a.b[1].d[0][1]|a.b[1].d[1]|a.b[1].d[1][0]|a.b[2]|a.b[3]|a.b.c|a.c|b
list[0]|list[1]|list[2]|list.p|list[0][0]|"x.y"|x.y|"".e|a.b[0].z|[0]"""

PUT_PATHS = """a|a.b|a.b[0]|a.b[1].c|a.b[2]|a.b[3]|a.b[1].d[1][0]|new|new.deep.er|list[2]|list[3]|list[2].x
list[1].x|list.x|"x.y"|"x.y".z|"".e.f|[0]|a[0]|new[0]|"".new.x|a.b[0].z|a.b[2].n.m"""

DROP_PATHS = """a|a.b|a.b[0]|a.b[1].c|a.b[2]|list[0]|list[2]|new|new.deep|"x.y"|"".e|a.b[1].d[0][1]|list.p"""


def case_get():
    found = []
    for path in _texts(GET_PATHS):
        found += [_plain(tried(merge.get, TREE, path)), _plain(merge.get(TREE, path, "default"))]
    found += [_plain(merge.get(TREE, "")), _plain(merge.get(TREE, ())), merge.get(TREE, "b", None)]
    return [*found, merge.get(TREE, ("a", "b", 0)), merge.get(TREE, "a.b") is TREE["a"]["b"]]


def case_put():
    found = []
    for path in _texts(PUT_PATHS):
        config = merge.clone(TREE)
        result = tried(merge.put, config, path, "set")
        found.append([path, result, _plain(config) if result is None else tried(merge.get, config, path)])
    return [*found, tried(merge.put, {}, "", 1)]


def case_drop():
    found = []
    for path in _texts(DROP_PATHS):
        config = merge.clone(TREE)
        found.append([path, tried(merge.drop, config, path), _plain(config)])
    return [*found, tried(merge.drop, {}, "")]


def case_clone():
    value = {"a": REMOVE, "b": [{"c": REMOVE, "d": [1]}, []], "e": {"f": {"g": REMOVE}}}
    copy, exact = merge.clone(value), merge.clone(value, removals=True)
    found = [_plain(copy), _plain(exact), list(exact)]
    copy["b"][0]["d"].append(2)
    exact["e"]["f"]["h"] = 1
    exact["b"][1].append(3)
    return [*found, _plain(value), merge.clone(3), merge.clone(None), repr(REMOVE)]


def case_same():
    values = [
        None,
        True,
        False,
        0,
        1,
        2,
        0.0,
        1.0,
        "",
        "1",
        [],
        [1],
        [1, 2],
        [True],
        {},
        {"a": 1},
        {"a": 1.0},
        {"b": 1},
    ]
    values += [{"a": 1, "b": [{"c": 0}]}, {"b": [{"c": 0}], "a": 1}, {"b": [{"c": False}], "a": 1}, {"a": {}}]
    return [[merge.same(one, other) for other in values] for one in values]


def case_merge_random():
    found = []
    for seed in range(40):
        base, over = _config(seed), _config(seed + 100)
        if seed % 2:
            over = _with_removals(_numbers(seed), over)
        found.append(_merged(base, over))
    return found


def case_merge_of_edges():
    values = [None, 0, "", False, [], {}, [0], {"x": None}, {"x": {"y": 1}}, REMOVE]
    found = []
    for base in values:
        for over in values:
            if base is not REMOVE:
                found.append(_merged({"k": base}, {"k": over}))
    return [*found, _merged({}, {}), _merged({}, {"a": {"b": REMOVE, "c": 1}}), _merged({"a": 1}, {})]


def case_merge_keeps_the_order_of_keys():
    result = merge.merge({"z": 1, "a": {"y": 1, "b": 2}}, {"m": 1, "a": {"c": 3, "b": 4}, "z": 5})
    return [list(result), list(result["a"])]


def case_merge_changes_nothing():
    found = []
    for strategy in ("deep", "replace", "keep", "append", "prepend", "union", "by:id"):
        rules = Rules(
            {"l": strategy, "d": "deep" if strategy in ("append", "union", "prepend", "by:id") else strategy}
        )
        base = {"l": [{"id": 1, "v": [1]}], "d": {"in": {"x": [1]}}, "only": [[1]]}
        over = {"l": [{"id": 2, "v": [2]}, {"id": 1, "w": [3]}], "d": {"in": {"y": [2]}}, "new": {"n": [[2]]}}
        merged = merge.merge(base, over, rules)
        first = _plain(merged)
        for entry in merged["l"]:
            entry["id"] = 99
            for part in ("v", "w"):
                entry.get(part, []).append("changed")
        for part in merged["d"]["in"].values():
            part.append("changed")
        merged["d"]["in"]["z"] = 1
        merged["only"][0].append(3)
        merged["new"]["n"][0].append(3)
        merged["l"].append("x")
        found.append([first, _plain(base), _plain(over)])
    return found


def case_merge_again_and_again():
    rules = Rules({"l": "append", "s": "union", "n": "sum"})
    base = {"l": [1], "s": [1], "n": 1}
    over = {"l": [2], "s": [2], "n": 2}
    return [_plain(merge.merge(base, over, rules)) for _ in range(3)] + [_plain(base), _plain(over)]


def case_lists():
    pairs = [
        ([], []),
        ([1, 2], [2, 3]),
        ([1, 1], [1]),
        ([], [1, 1, 2]),
        ([[1]], [[1], [2]]),
        ([{"a": 1}], [{"a": 1.0}]),
    ]
    pairs += [
        ([1], [True, 1.0, "1", 1]),
        ([None, None], [None]),
        ([1], 2),
        (1, [2]),
        ({}, [1]),
        ([1], None),
        ("a", "b"),
    ]
    found = []
    for strategy in ("append", "prepend", "union", "replace", "keep", "deep"):
        for base, over in pairs:
            found.append(_conflict({"a": {"b": base}}, {"a": {"b": over}}, Rules({"a.b": strategy})))
    return found


def case_numbers():
    pairs = [
        (1, 2),
        (2, 1),
        (-1, -2),
        (1, 1),
        (0, 5),
        (1.5, 1),
        (1, 1.5),
        (2, 2.0),
        (1, "2"),
        ("1", 2),
        (True, 2),
        (1, False),
    ]
    pairs += [(None, 1), ([1], 2), (0, 0.0)]
    found = []
    for strategy in ("max", "min", "sum"):
        for base, over in pairs:
            found.append(_conflict({"a": base}, {"a": over}, Rules({"a": strategy})))
    return found


def case_forbid():
    found = []
    for base, over in (
        (1, 1),
        (1, True),
        (1, 1.0),
        ({"x": [1]}, {"x": [1]}),
        ({"x": 1}, {"x": 1, "y": 2}),
        (None, 0),
        ([], {}),
    ):
        found.append(_conflict({"a": base}, {"a": over, "b": 1}, Rules({"a": "forbid"})))
    found.append(_conflict({}, {"a": 1}, Rules({"a": "forbid"})))
    found.append(_conflict({"a": 1}, {"a": REMOVE}, Rules({"a": "forbid"})))
    found.append(_conflict({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, Rules({"**.c": "forbid"})))
    return found


def case_by_key():
    rules = Rules({"u": "by:id", "u.*.tags": "append", "u[1].n": "sum"})
    base = [{"id": 1, "tags": ["x"], "n": 1}, {"id": 2, "n": 2}, {"id": "1"}]
    overs = [
        [],
        [{"id": 2, "n": 5}, {"id": 1, "n": 7}],
        [{"id": 3}, {"id": 1, "tags": ["y"], "admin": True}, {"id": 3, "x": 1}, {"id": 4}],
        [{"id": "1", "z": 0}, {"id": "2"}],
        [{"id": 1, "tags": REMOVE}],
        [{"name": 1}],
        [{"id": None}],
        [{"id": [1]}],
        [3],
        {"id": 1},
    ]
    found = [_conflict({"u": base}, {"u": over}, rules) for over in overs]
    found += [_conflict({"u": over}, {"u": base}, rules) for over in overs[1:]]
    twice = [{"id": 1, "a": 1}, {"id": 1, "b": 2}]
    return [
        *found,
        _conflict({"u": twice}, {"u": [{"id": 1, "c": 3}]}, rules),
        _conflict({"u": 3}, {"u": []}, rules),
    ]


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
    return [_conflict(base, over, Rules(one)) for one in choices]


def _stack(**priorities):
    stack = Stack(Rules({"plugins": "append", "limits.*": "max"}))
    stack.add(
        "defaults", {"port": 80, "plugins": ["log"], "limits": {"users": 10}}, priorities.get("defaults", 0)
    )
    stack.add("site", {"port": 8080, "plugins": ["auth"], "limits": {"users": 5}}, priorities.get("site", 0))
    stack.add("alpha", {"port": 8080, "db": {"host": "x"}}, priorities.get("alpha", 0))
    return stack


def _origins(stack):
    return [
        stack.origin(path)
        for path in ("port", "plugins", "plugins[0]", "limits.users", "db", "db.host", "", "z")
    ]


def case_priorities():
    found = []
    for one in (-1, 0, 1):
        for other in (-1, 0, 1):
            for third in (0, 2):
                stack = _stack(defaults=one, site=other, alpha=third)
                found.append([stack.names, _plain(stack.effective()), _origins(stack), stack.explain("port")])
    return found


def case_equal_priorities():
    found = []
    for names in ("abc", "cba", "bca", "acb"):
        for priorities in ((0, 0, 0), (1, 1, 0), (0, 1, 1), (5, -5, 5)):
            stack = Stack(Rules({"l": "append"}))
            for name, priority in zip(names, priorities):
                stack.add(name, {"x": name, "l": [name]}, priority)
            found.append([stack.names, _plain(stack.effective()), stack.origin("x")])
    return found


def case_priorities_by_default():
    found = []
    for priority in (-1, 0, 1):
        stack = Stack()
        stack.add("one", {"x": 1}, priority)
        stack.add("two", {"x": 2})
        stack.add("three", {"x": 3}, priority)
        found.append([stack.names, stack.effective(), stack.origin("x")])
    return found


def case_layers_replaced_by_removals():
    stack = Stack()
    stack.add("one", {"a": 1, "b": {"c": 2, "d": 3}})
    stack.add("two", {"a": 5})
    stack.replace("two", {"a": REMOVE, "b": {"c": REMOVE, "e": REMOVE}})
    shown = [[(name, _plain(value)) for name, value in stack.explain(path)] for path in ("a", "b", "b.c")]
    return [_plain(stack.effective()), shown, stack.origin("a"), stack.origin("b"), stack.origin("b.c")]


def case_changes_count_at_once():
    found = []
    for warm in (False, True):
        for number in range(6):
            stack = _stack()
            if warm:
                stack.effective()
            change = (
                lambda stack: stack.add("new", {"port": 1, "plugins": ["n"]}),
                lambda stack: stack.add("new", {"port": 1, "plugins": ["n"]}, -3),
                lambda stack: stack.replace("defaults", {"plugins": ["other"], "limits": {"users": 1}}),
                lambda stack: stack.remove("defaults"),
                lambda stack: stack.remove("site"),
                lambda stack: stack.set_rule("plugins", "replace"),
            )[number]
            change(stack)
            found.append([_plain(stack.effective()), stack.names, _origins(stack)])
            stack.set_rule("port", "keep")
            stack.remove(stack.names[-1])
            found.append(_plain(stack.effective()))
            for name in stack.names:
                stack.remove(name)
            found.append(stack.effective())
    return found


def case_stack_shares_nothing():
    values = {"a": [1], "d": {"e": [2]}}
    stack = Stack()
    stack.add("one", values)
    values["a"].append("outside")
    values["d"]["x"] = 1
    again = {"d": {"y": [3]}}
    stack.add("two", {})
    stack.replace("two", again)
    again["d"]["y"].append("outside")
    found = [_plain(stack.effective())]
    for _ in range(2):
        effective = stack.effective()
        effective["a"].append("changed")
        effective["d"]["e"].clear()
        stack.explain("d")[0][1]["e"].append("changed")
        found.append(_plain(stack.effective()))
    return found


def case_origins():
    found = []
    for seed in range(30):
        numbers = _numbers(seed)
        stack = Stack(Rules({"a": "keep"}) if seed % 3 == 0 else None)
        for name in ("w", "z", "y", "x", "v"):
            stack.add(name, _with_removals(numbers, _config(seed * 7 + ord(name))), next(numbers) % 3)
        paths = ("a", "b", "c", "d", "e", "a.a", "b.a", "b.b", "c.c", "d.a", "e.b", "c.a.b", "")
        found.append([stack.origin(path) for path in paths])
        found.append([[(name, _plain(value)) for name, value in stack.explain(path)] for path in paths[:6]])
    return found


def case_origins_of_what_comes_and_goes():
    found = []
    steps = [
        1,
        REMOVE,
        1,
        1.0,
        True,
        REMOVE,
        REMOVE,
        None,
        None,
        {"b": 1},
        {"b": REMOVE},
        {"b": 1},
        {"b": 1, "c": 2},
        0,
    ]
    stack = Stack()
    for number, value in enumerate(steps):
        stack.add(f"layer {number}", {"a": value})
        found.append([stack.origin("a"), stack.origin("a.b"), stack.origin("a.c"), stack.origin("")])
    return [*found, [(name, _plain(value)) for name, value in stack.explain("a")]]


def case_layers_with_removals_in_lists():
    stack = Stack(Rules({"u": "by:id"}))
    stack.add("one", {"u": [{"id": 1, "x": 1, "y": {"z": 2}}]})
    stack.add("two", {"u": [{"id": 1, "x": REMOVE, "y": {"z": REMOVE}}, {"id": 2, "x": REMOVE}]})
    return [_plain(stack.effective()), [(name, _plain(value)) for name, value in stack.explain("u")]]


def case_stacks_that_refuse():
    stack = _stack()
    found = [tried(stack.add, "site", {}), tried(stack.remove, "x"), tried(stack.replace, "x", {})]
    found += [
        tried(stack.set_rule, "a", "x"),
        _plain(stack.effective()),
        stack.names,
        Stack().effective(),
        Stack().names,
    ]
    stack.set_rule("port", "forbid")
    found += [tried(stack.effective), tried(stack.origin, "port"), stack.explain("nothing")]
    stack.remove("defaults")
    return [*found, _plain(stack.effective())]


def case_expand():
    config = {
        "name": "ann",
        "n": 3,
        "f": 1.5,
        "yes": True,
        "no": False,
        "nil": None,
        "list": [1, "${name}", ["${n}"]],
        "deep": {"x": "${list}", "y": {"z": "${name}"}},
        "x.y": "dots",
        "texts": [
            "${name}",
            "<${name}>",
            "${n}${n}",
            "${n}",
            "${f}|${yes}|${no}|${nil}",
            "${yes}",
            "${no}",
            "${nil}",
            "${deep.y.z}!",
            "${list[1]} ${list[2][0]}",
            '${"x.y"}',
            "${ name }",
            "${deep.y}",
            "${list}",
            "",
            "plain",
        ],
    }
    before = _plain(config)
    result = merge.expand(config)
    return [_plain(result), _plain(config) == before, list(result)]


def case_expand_defaults():
    config = {
        "zero": 0,
        "empty": "",
        "no": False,
        "nil": None,
        "list": [],
        "texts": [
            "${x:-80}",
            "${x:-}",
            "[${x:-}]",
            "${zero:-1}",
            "<${empty:-1}>",
            "${empty:-1}",
            "${no:-1}",
            "${nil:-1}",
            "${list:-1}",
            "${x.y.z:-a:-b}",
            "${x:-$$}",
            "${list[0]:-none}",
            "${x :- spaced }",
            "${x:- }",
            "${texts[0]}",
            "${x:-${zero}}",
        ],
    }
    found = []
    for text in config["texts"]:
        found.append(tried(lambda text=text: _plain(merge.expand({**config, "texts": text})["texts"])))
    return found


def case_expand_dollars():
    texts = [
        "$",
        "$$",
        "$$$",
        "$$$$",
        "$a",
        "$${a}",
        "$$${a}",
        "${a}$",
        "a$",
        "$ {a}",
        "}",
        "{a}",
        "${a}}",
        "$${",
        "${a}{",
    ]
    return [merge.expand({"a": "A", "t": text})["t"] for text in texts]


def case_expand_again_and_again():
    config = {
        "host": "db",
        "url": "${host}:${host}",
        "all": ["${url}", "${url}", {"u": "${url}/${host}"}],
        "q": "${all}",
    }
    config.update({f"v{number}": f"${{v{number - 1}}}${{v{number - 1}}}" for number in range(1, 6)})
    config["v0"] = "x"
    return _plain(merge.expand(config))


def case_expand_shares_nothing():
    config = {"a": [1], "b": "${a}", "c": ["${a}", "${b}"]}
    result = merge.expand(config)
    result["b"].append(2)
    result["c"][0].append(3)
    result["a"].append(4)
    return [_plain(result), _plain(config)]


def case_expand_circles():
    configs = [
        {"a": "${a}"},
        {"a": "${b}", "b": "${a}"},
        {"a": "x${b}", "b": "${c}", "c": "${b}"},
        {"a": {"b": "${a}"}},
        {"a": {"b": "${a.c}", "c": "${a.b}"}},
        {"a": {"b": "${a.c}", "c": 1}},
        {"a": ["${a[1]}", "${a[2]}", 5]},
        {"a": ["${a}"]},
        {"a": "${b:-x}", "b": "${a:-y}"},
        {"a": {"x": "${b}"}, "b": {"y": "${a.x.z}", "z": 1}},
    ]
    return [tried(lambda config=config: _plain(merge.expand(config))) for config in configs]


def case_expand_what_cannot_be_followed():
    texts = [
        "${nothing}",
        "x ${list}",
        "x ${dict}",
        "${",
        "a ${b",
        "${a",
        "$$${nothing}",
        "${}",
        "${a..b}",
        "${list[5]}",
    ]
    texts += ["${a} ${", "${a${b}}", "${x y}", "${nothing} ${a}", "${:-x}"]
    found = []
    for text in texts:
        config = {"a": 1, "list": [1], "dict": {}, "t": text}
        found.append([text, tried(lambda config=config: merge.expand(config)["t"])])
    return found


def case_expand_after_a_mistake():
    config = {"a": "${b}", "b": "${nothing}"}
    found = [tried(merge.expand, config)]
    config["nothing"] = "now"
    return [*found, merge.expand(config), merge.expand({}), merge.expand({"a": [], "b": {}})]


VALUES = """true|TRUE|True|false|False|null|NULL|none|yes|0|1|-1|+1|007|-007|8080| 7 |1.5
-1.5|+1.5|.5|-.5|5.|1e3|1E3|1e-3
-2e+2|1.5e2|1.e1|e5|1e|1.2.3|1,5|1_000|--1|+-1|- 1|0x10|inf|nan|-|+|.|-.
"8080"|"a|"a" b|["a", 1]|[1|[]|{}|{"a": null}|{a}
 [1] | true |text| text |tru e|1 2|"\\u00e4"|null1|-0|-0.0|1e400|'a'"""


def case_values():
    return [[text, merge.parse_value(text)] for text in [*_texts(VALUES), "", " ", "\n5\n", "[" * 3]]


def case_environ():
    environ = {
        "APP_SERVER__PORT": "80",
        "APP_SERVER__HOST_NAME": "x",
        "APP_SERVER__TLS__CERT": "[1]",
        "APP_DEBUG": "true",
        "APP_Empty": "",
        "APPLE": "1",
        "APP": "2",
        "MYAPP_X": "3",
        "app_low": "4",
        "APP_A___B": "5",
        "PATH": "/bin",
    }
    found = [_plain(merge.from_environ(environ, "APP")), _plain(merge.from_environ(environ, "MYAPP"))]
    return [
        *found,
        merge.from_environ(environ, "NO"),
        merge.from_environ({}, "APP"),
        list(merge.from_environ(environ, "APP")),
    ]


def case_environ_that_does_not_fit():
    environs = [
        {"APP_A": "1", "APP_A__B": "2"},
        {"APP_A__B__C": "1", "APP_A__B": "2"},
        {"APP_A__B": "{}", "APP_A__B__C": "1"},
        {"APP_": "1"},
        {"APP_A__": "1"},
        {"APP___A": "1"},
        {"APP_A____B": "1"},
        {"APP_A": "1", "APP_a": "2"},
        {"APP_A__B": "1", "APP_a__c": "2"},
        {"APP_A__B": "1", "APP_a": "2"},
    ]
    return [
        [sorted(environ), tried(lambda one=environ: _plain(merge.from_environ(one, "APP")))]
        for environ in environs
    ]


def case_all_together():
    stack = Stack(Rules({"tags": "union"}))
    stack.add("defaults", {"host": "localhost", "url": "http://${host}:${port}", "port": 80, "tags": ["a"]})
    stack.add("environment", merge.from_environ({"APP_PORT": "8080", "APP_TAGS": '["b", "a"]'}, "APP"), 10)
    effective = stack.effective()
    expanded = merge.expand(effective)
    merge.put(expanded, "new.x", 1)
    return [
        _plain(expanded),
        _plain(effective),
        stack.origin("url"),
        stack.origin("port"),
        stack.origin("tags"),
    ]
