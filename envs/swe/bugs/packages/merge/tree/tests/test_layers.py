import pytest
from merge import REMOVE, MergeError, Rules, Stack


def stack():
    made = Stack(Rules({"plugins": "append"}))
    made.add("defaults", {"port": 80, "plugins": ["log"], "db": {"host": "localhost"}})
    made.add("site", {"port": 8080, "plugins": ["auth"]}, priority=5)
    made.add("user", {"db": {"host": "db1"}, "port": 8080}, priority=9)
    return made


def test_effective():
    assert stack().effective() == {"port": 8080, "plugins": ["log", "auth"], "db": {"host": "db1"}}
    assert Stack().effective() == {}


def test_effective_is_ones_own():
    made = stack()
    made.effective()["plugins"].append("mine")
    assert made.effective()["plugins"] == ["log", "auth"]


def test_priorities():
    made = Stack()
    made.add("b", {"x": 1}, priority=2)
    made.add("c", {"x": 2})
    made.add("a", {"x": 3})
    assert made.names == ["c", "a", "b"]
    assert made.effective() == {"x": 1}


def test_later_layers_of_the_same_priority_win():
    made = Stack()
    made.add("zeta", {"x": 1})
    made.add("alpha", {"x": 2})
    assert made.effective() == {"x": 2}


def test_changes_count_at_once():
    made = stack()
    made.effective()
    made.replace("user", {"db": {"host": "db2"}})
    assert made.effective()["db"] == {"host": "db2"}
    made.remove("site")
    assert made.effective()["port"] == 80
    made.set_rule("db", "keep")
    assert made.effective()["db"] == {"host": "localhost"}


def test_a_layer_is_a_copy():
    values = {"a": [1]}
    made = Stack()
    made.add("one", values)
    values["a"].append(2)
    assert made.effective() == {"a": [1]}


def test_origin():
    made = stack()
    assert made.origin("port") == "site"
    assert made.origin("db.host") == "user"
    assert made.origin("plugins") == "site"
    assert made.origin("nothing") is None


def test_origin_after_a_removal():
    made = Stack()
    made.add("one", {"a": 1})
    made.add("two", {"a": REMOVE})
    assert made.origin("a") is None
    made.add("three", {"a": 1})
    assert made.origin("a") == "three"


def test_explain():
    assert stack().explain("port") == [("defaults", 80), ("site", 8080), ("user", 8080)]


def test_names():
    made = stack()
    with pytest.raises(MergeError):
        made.add("site", {})
    with pytest.raises(MergeError):
        made.remove("other")
    with pytest.raises(MergeError):
        made.replace("other", {})
