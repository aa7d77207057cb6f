"""Hidden cases of merge: values."""

import merge
from cases.shared import plain
from merge import REMOVE


def case_clone():
    value = {"a": REMOVE, "b": [{"c": REMOVE, "d": [1]}, []], "e": {"f": {"g": REMOVE}}}
    copy, exact = merge.clone(value), merge.clone(value, removals=True)
    found = [plain(copy), plain(exact), list(exact)]
    copy["b"][0]["d"].append(2)
    exact["e"]["f"]["h"] = 1
    exact["b"][1].append(3)
    return [*found, plain(value), merge.clone(3), merge.clone(None), repr(REMOVE)]


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
