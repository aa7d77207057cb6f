"""Hidden cases of merge: layers."""

import merge
from cases.shared import numbers_from, plain, random_config, with_removals
from judging import tried
from merge import REMOVE, Rules, Stack


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
                found.append([stack.names, plain(stack.effective()), _origins(stack), stack.explain("port")])
    return found


def case_equal_priorities():
    found = []
    for names in ("abc", "cba", "bca", "acb"):
        for priorities in ((0, 0, 0), (1, 1, 0), (0, 1, 1), (5, -5, 5)):
            stack = Stack(Rules({"l": "append"}))
            for name, priority in zip(names, priorities):
                stack.add(name, {"x": name, "l": [name]}, priority)
            found.append([stack.names, plain(stack.effective()), stack.origin("x")])
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
    shown = [[(name, plain(value)) for name, value in stack.explain(path)] for path in ("a", "b", "b.c")]
    return [plain(stack.effective()), shown, stack.origin("a"), stack.origin("b"), stack.origin("b.c")]


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
            found.append([plain(stack.effective()), stack.names, _origins(stack)])
            stack.set_rule("port", "keep")
            stack.remove(stack.names[-1])
            found.append(plain(stack.effective()))
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
    found = [plain(stack.effective())]
    for _ in range(2):
        effective = stack.effective()
        effective["a"].append("changed")
        effective["d"]["e"].clear()
        stack.explain("d")[0][1]["e"].append("changed")
        found.append(plain(stack.effective()))
    return found


def case_origins():
    found = []
    for seed in range(30):
        numbers = numbers_from(seed)
        stack = Stack(Rules({"a": "keep"}) if seed % 3 == 0 else None)
        for name in ("w", "z", "y", "x", "v"):
            stack.add(name, with_removals(numbers, random_config(seed * 7 + ord(name))), next(numbers) % 3)
        paths = ("a", "b", "c", "d", "e", "a.a", "b.a", "b.b", "c.c", "d.a", "e.b", "c.a.b", "")
        found.append([stack.origin(path) for path in paths])
        found.append([[(name, plain(value)) for name, value in stack.explain(path)] for path in paths[:6]])
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
    return [*found, [(name, plain(value)) for name, value in stack.explain("a")]]


def case_layers_with_removals_in_lists():
    stack = Stack(Rules({"u": "by:id"}))
    stack.add("one", {"u": [{"id": 1, "x": 1, "y": {"z": 2}}]})
    stack.add("two", {"u": [{"id": 1, "x": REMOVE, "y": {"z": REMOVE}}, {"id": 2, "x": REMOVE}]})
    return [plain(stack.effective()), [(name, plain(value)) for name, value in stack.explain("u")]]


def case_stacks_that_refuse():
    stack = _stack()
    found = [tried(stack.add, "site", {}), tried(stack.remove, "x"), tried(stack.replace, "x", {})]
    found += [
        tried(stack.set_rule, "a", "x"),
        plain(stack.effective()),
        stack.names,
        Stack().effective(),
        Stack().names,
    ]
    stack.set_rule("port", "forbid")
    found += [tried(stack.effective), tried(stack.origin, "port"), stack.explain("nothing")]
    stack.remove("defaults")
    return [*found, plain(stack.effective())]


def case_all_together():
    stack = Stack(Rules({"tags": "union"}))
    stack.add("defaults", {"host": "localhost", "url": "http://${host}:${port}", "port": 80, "tags": ["a"]})
    stack.add("environment", merge.from_environ({"APP_PORT": "8080", "APP_TAGS": '["b", "a"]'}, "APP"), 10)
    effective = stack.effective()
    expanded = merge.expand(effective)
    merge.put(expanded, "new.x", 1)
    return [
        plain(expanded),
        plain(effective),
        stack.origin("url"),
        stack.origin("port"),
        stack.origin("tags"),
    ]
