import pytest
from merge import REMOVE, ConflictError, MergeError, Rules, clone, merge, same


def test_deep():
    base = {"a": 1, "b": {"c": 2, "d": [1]}}
    over = {"b": {"d": [2], "e": None}, "f": {"g": 0}}
    assert merge(base, over) == {"a": 1, "b": {"c": 2, "d": [2], "e": None}, "f": {"g": 0}}


def test_nothing_given_is_changed():
    base = {"list": [1], "deep": {"list": [2]}}
    over = {"list": [3], "new": {"list": [4]}}
    merged = merge(base, over, Rules({"list": "union"}))
    merged["deep"]["list"].append(9)
    merged["new"]["list"].append(9)
    assert base == {"list": [1], "deep": {"list": [2]}}
    assert over == {"list": [3], "new": {"list": [4]}}


def test_removal():
    assert merge({"a": 1, "b": {"c": 2}}, {"a": REMOVE, "b": {"c": REMOVE}, "z": REMOVE}) == {"b": {}}
    assert merge({}, {"a": {"b": REMOVE, "c": 1}}) == {"a": {"c": 1}}


@pytest.mark.parametrize(
    ("strategy", "result"),
    [
        ("append", [1, 2, 2, 3]),
        ("prepend", [2, 3, 1, 2]),
        ("union", [1, 2, 3]),
        ("replace", [2, 3]),
        ("keep", [1, 2]),
    ],
)
def test_lists(strategy, result):
    assert merge({"a": [1, 2]}, {"a": [2, 3]}, Rules({"a": strategy})) == {"a": result}


def test_union_is_strict():
    assert merge({"a": [1]}, {"a": [True, 1.0, 1]}, Rules({"a": "union"})) == {"a": [1, True, 1.0]}


def test_numbers():
    rules = Rules({"a": "max", "b": "min", "c": "sum"})
    assert merge({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2, "c": 2}, rules) == {"a": 2, "b": 1, "c": 3}
    with pytest.raises(ConflictError):
        merge({"a": 1}, {"a": "2"}, rules)


def test_forbid():
    rules = Rules({"a": "forbid"})
    assert merge({"a": {"x": 1}}, {"a": {"x": 1}, "b": 2}, rules) == {"a": {"x": 1}, "b": 2}
    with pytest.raises(ConflictError, match="a: "):
        merge({"a": 1}, {"a": True}, rules)


def test_by_key():
    base = {"users": [{"id": 1, "tags": ["x"]}, {"id": 2}]}
    over = {"users": [{"id": 3}, {"id": 1, "tags": ["y"], "admin": True}]}
    rules = Rules({"users": "by:id", "users.*.tags": "append"})
    assert merge(base, over, rules)["users"] == [
        {"id": 1, "tags": ["x", "y"], "admin": True},
        {"id": 2},
        {"id": 3},
    ]
    with pytest.raises(ConflictError):
        merge(base, {"users": [{"name": "x"}]}, rules)


def test_rules():
    rules = Rules({"**": "replace", "a.*": "keep", "a.b": "deep", "**.list": "append"})
    assert rules.strategy(("x", "y")) == "replace"
    assert rules.strategy(("a", "c")) == "keep"
    assert rules.strategy(("a", "b")) == "deep"
    assert rules.strategy(("list",)) == "append"
    assert Rules().strategy(("a",)) == "deep"
    with pytest.raises(MergeError):
        rules.set("a", "whatever")


def test_the_rule_with_more_plain_names_wins():
    for patterns in (["a.b", "a.*"], ["a.*", "a.b"]):
        rules = Rules({pattern: "replace" if pattern == "a.b" else "keep" for pattern in patterns})
        assert rules.strategy(("a", "b")) == "replace"


def test_among_equals_the_last_rule_wins():
    rules = Rules({"a.*": "keep", "*.b": "replace"})
    assert rules.strategy(("a", "b")) == "replace"
    rules.set("a.*", "sum")
    assert rules.strategy(("a", "b")) == "sum"


def test_same_and_clone():
    assert same({"a": [1], "b": 2}, {"b": 2, "a": [1]})
    assert not same([1], [True])
    assert clone({"a": REMOVE, "b": [{"c": REMOVE}]}) == {"b": [{}]}
