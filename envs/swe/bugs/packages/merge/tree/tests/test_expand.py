import pytest
from merge import ExpandError, expand


def test_parts_of_texts():
    config = {"name": "ann", "home": "/srv/${name}/${n}", "n": 3, "on": "x${flag}", "flag": True}
    assert expand(config) == {"name": "ann", "home": "/srv/ann/3", "n": 3, "on": "xtrue", "flag": True}


def test_whole_values_keep_their_type():
    assert expand({"a": {"b": [1, None]}, "c": "${a.b}", "d": "${ a.b[0] }"}) == {
        "a": {"b": [1, None]},
        "c": [1, None],
        "d": 1,
    }


def test_defaults():
    assert expand({"a": "${x:-80}", "b": "${a:-no}", "c": "[${y:-}]"}) == {"a": "80", "b": "80", "c": "[]"}


def test_falsy_values_are_not_missing():
    config = expand({"a": "${zero:-1}", "b": "<${empty:-x}>", "zero": 0, "empty": ""})
    assert config == {"a": 0, "b": "<>", "zero": 0, "empty": ""}


def test_dollars():
    assert expand({"a": "5 $$", "b": "$5", "c": "$${a}"}) == {"a": "5 $", "b": "$5", "c": "${a}"}


def test_the_same_reference_twice():
    config = {"host": "db1", "url": "${host}:${host}", "both": ["${url}", "${url}"]}
    assert expand(config)["both"] == ["db1:db1", "db1:db1"]


def test_circles():
    with pytest.raises(ExpandError, match="b -> c -> b"):
        expand({"a": "${b}", "b": "${c}", "c": "x${b}"})
    with pytest.raises(ExpandError):
        expand({"a": {"b": "${a}"}})


@pytest.mark.parametrize("text", ["${nothing}", "x ${list}", "${", "a ${b", "$$${nothing}"])
def test_what_cannot_be_followed(text):
    with pytest.raises(ExpandError):
        expand({"a": text, "list": [1]})
