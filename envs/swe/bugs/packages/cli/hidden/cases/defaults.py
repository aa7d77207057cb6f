"""Hidden cases of cli: defaults."""

from cases.shared import build, parsed
from cli import Argument, Command, Option, convert, parse


def case_where_values_come_from():
    found = []
    for line in ("copy a b", "copy -j 2 -t z --force a b", "copy --no-force -j1 a b", "-v copy a b"):
        for env in (
            {},
            {"JOBS": "5", "TAGS": "x,y", "FORCE": "yes", "VERBOSE": "3"},
            {"TAGS": "", "FORCE": "0", "VERBOSE": "0"},
        ):
            for config in (
                {},
                {
                    "jobs": "6",
                    "tags": "p,q\\,r",
                    "force": "ON",
                    "format": "json",
                    "verbose": "9",
                    "color": "no",
                },
            ):
                found.append(parsed(build(), line, env=env, config=config))
    return found


def case_values_that_are_nothing():
    command = Command(
        "c",
        options=[
            Option("n", ("-n",), convert=convert.integer(), default=7, env="N"),
            Option("s", ("-s",), default="d", env="S"),
            Option("m", ("-m",), multiple=True, default=["d"], env="M", convert=convert.integer()),
            Option("f", ("-f", "--flag"), kind="flag", default=True, env="F"),
            Option("c", ("-c",), kind="count", default=4, env="C"),
            Option("z", ("-z",), default=0),
        ],
    )
    env = {"N": "1", "S": "e", "M": "1,2", "F": "yes", "C": "2"}
    empty = {"N": "0", "S": "", "M": "", "F": "no", "C": "0"}
    lines = [
        "",
        "-n 0",
        "-s=",
        "--no-flag",
        "-c",
        ["-s", ""],
        ["-m", "0"],
        ["-n0", "-s", "", "--no-flag", "-m0"],
    ]
    config = {"n": "3", "s": "k", "m": "8", "f": "on", "c": "6", "z": "q", "other": "x"}
    return [
        parsed(command, line, env=one, config=two)
        for line in lines
        for one, two in (
            ({}, {}),
            (env, {}),
            (empty, {}),
            ({}, config),
            (empty, config),
            ({}, {"n": "0", "s": "", "f": "off", "c": "0", "m": ""}),
        )
    ]


def case_bad_environment_and_configuration():
    found = []
    for env in (
        {"JOBS": "0"},
        {"JOBS": "x"},
        {"JOBS": ""},
        {"FORCE": "maybe"},
        {"TAGS": "a\\"},
        {"VERBOSE": "-1"},
        {"VERBOSE": "1.0"},
        {"VERBOSE": "yes"},
    ):
        found.append(parsed(build(), "copy a b", env=env))
        found.append(parsed(build(), "copy -j 1 -f -v -t x a b", env=env))
    for config in (
        {"jobs": "65"},
        {"format": "xml"},
        {"verbose": "many"},
        {"color": ""},
        {"tags": "\\"},
        {"host": "h"},
    ):
        found.append(parsed(build(), "copy a b", config=config))
        found.append(parsed(build(), "remote remove", config=config))
    found.append(parsed(build(), "remote remove", env={"HOST": "h"}))
    found.append(parsed(build(), "remote remove", env={"HOST": ""}))
    return found


def case_defaults_are_not_changed():
    default, rest = ["d"], ["r"]
    command = Command(
        "c",
        options=[
            Option("m", ("-m",), multiple=True, default=default),
            Option("t", ("-t",), default={"a": [1]}),
        ],
        arguments=[
            Argument("x", required=False, default=rest),
            Argument("rest", many=True, required=False, default=rest),
        ],
    )
    found = []
    for line in ("", "-m x", "-m x -m y", "", "-m z"):
        values = parse(command, line.split()).values
        found.append(repr(values))
        values["m"].append("changed")
        values["x"].append("changed")
        values["rest"].append("changed")
        if isinstance(values["t"], dict):
            values["t"]["a"].append("changed")
    return [*found, default, rest]


def case_words_are_not_changed():
    words, env, config = ["-v", "copy", "a", "b"], {"JOBS": "2"}, {"tags": "x"}
    first = parsed(build(), words, env=env, config=config)
    second = parsed(build(), tuple(words), env=env, config=config)
    return [first == second, words, env, config]


def case_one_command_for_many_lines():
    tool = build()
    return [
        parsed(tool, line)
        for line in (
            "-vv copy -t x a b",
            "copy a b",
            "-v copy -f a",
            "copy -t y c d",
            "remote -H h remove",
            "remote remove",
        )
    ]
