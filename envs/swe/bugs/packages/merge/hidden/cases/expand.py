"""Hidden cases of merge: expand."""

import merge
from cases.shared import plain
from judging import tried


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
    before = plain(config)
    result = merge.expand(config)
    return [plain(result), plain(config) == before, list(result)]


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
        found.append(tried(lambda text=text: plain(merge.expand({**config, "texts": text})["texts"])))
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
    return plain(merge.expand(config))


def case_expand_shares_nothing():
    config = {"a": [1], "b": "${a}", "c": ["${a}", "${b}"]}
    result = merge.expand(config)
    result["b"].append(2)
    result["c"][0].append(3)
    result["a"].append(4)
    return [plain(result), plain(config)]


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
    return [tried(lambda config=config: plain(merge.expand(config))) for config in configs]


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
