"""Hidden cases of merge: merging."""

import merge
from cases.shared import conflict, numbers_from, plain, random_config, with_removals
from judging import tried
from merge import REMOVE, Rules


def _merged(base, over, rules=None):
    result = tried(merge.merge, base, over, rules)
    return plain(result) if isinstance(result, dict) else result


def case_errors():
    kinds = (merge.PathError, merge.ConflictError, merge.ExpandError)
    return [[issubclass(kind, merge.MergeError) for kind in kinds], issubclass(merge.PathError, LookupError)]


def case_merge_random():
    found = []
    for seed in range(40):
        base, over = random_config(seed), random_config(seed + 100)
        if seed % 2:
            over = with_removals(numbers_from(seed), over)
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
        first = plain(merged)
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
        found.append([first, plain(base), plain(over)])
    return found


def case_merge_again_and_again():
    rules = Rules({"l": "append", "s": "union", "n": "sum"})
    base = {"l": [1], "s": [1], "n": 1}
    over = {"l": [2], "s": [2], "n": 2}
    return [plain(merge.merge(base, over, rules)) for _ in range(3)] + [plain(base), plain(over)]


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
            found.append(conflict({"a": {"b": base}}, {"a": {"b": over}}, Rules({"a.b": strategy})))
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
            found.append(conflict({"a": base}, {"a": over}, Rules({"a": strategy})))
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
        found.append(conflict({"a": base}, {"a": over, "b": 1}, Rules({"a": "forbid"})))
    found.append(conflict({}, {"a": 1}, Rules({"a": "forbid"})))
    found.append(conflict({"a": 1}, {"a": REMOVE}, Rules({"a": "forbid"})))
    found.append(conflict({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, Rules({"**.c": "forbid"})))
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
    found = [conflict({"u": base}, {"u": over}, rules) for over in overs]
    found += [conflict({"u": over}, {"u": base}, rules) for over in overs[1:]]
    twice = [{"id": 1, "a": 1}, {"id": 1, "b": 2}]
    return [
        *found,
        conflict({"u": twice}, {"u": [{"id": 1, "c": 3}]}, rules),
        conflict({"u": 3}, {"u": []}, rules),
    ]
