"""What the package answers to many inputs; no expected value is written here."""

import math

from cli import (
    Argument,
    Command,
    DefinitionError,
    Option,
    UsageError,
    complete,
    convert,
    distance,
    help_text,
    nearest,
    parse,
    usage,
)
from judging import tried


def build():
    """Return a tool with two levels of commands."""
    copy = Command(
        "copy",
        help="Copy files.",
        options=[
            Option("jobs", ("-j", "--jobs"), convert=convert.integer(1, 64), default=1, env="JOBS"),
            Option("tags", ("-t", "--tag", "--label"), multiple=True, env="TAGS"),
            Option("force", ("-f", "--force"), kind="flag", env="FORCE"),
            Option("format", ("--format",), convert=convert.choice("text", "json"), default="text"),
            Option("color", ("--color", "--colour"), kind="flag", default=True),
        ],
        arguments=[Argument("sources", many=True), Argument("target")],
    )
    remote = Command(
        "remote",
        options=[Option("host", ("-H", "--host"), required=True, env="HOST")],
        commands=[
            Command(
                "add",
                options=[Option("offset", ("-o", "--offset"), convert=convert.number)],
                arguments=[
                    Argument("name"),
                    Argument("port", convert=convert.integer(), required=False, default=22),
                    Argument("rest", many=True, required=False, default=["none"]),
                ],
            ),
            Command(
                "rename",
                options=[Option("verbose", ("-v", "--very"), kind="flag")],
                arguments=[Argument("name")],
            ),
            Command("remove"),
        ],
    )
    return Command(
        "tool",
        options=[
            Option("verbose", ("-v", "--verbose"), kind="count", env="VERBOSE"),
            Option("quiet", ("-q", "--quiet"), kind="flag"),
        ],
        commands=[
            copy,
            remote,
            Command(
                "count",
                options=[Option("one", ("-1",), kind="flag")],
                arguments=[
                    Argument("words", many=True, required=False),
                ],
            ),
        ],
    )


def parsed(command, words, **named):
    try:
        result = parse(command, words.split() if isinstance(words, str) else words, **named)
    except UsageError as error:
        return [
            "UsageError",
            error.path,
            error.suggestions,
            str(error).startswith(" ".join(error.path) + ": "),
        ]
    except Exception as error:  # noqa: BLE001
        return type(error).__name__
    return [result.path, list(result.values.items())]


def at_copy(lines, **named):
    return [parsed(build(), "copy " + line, **named) for line in lines]


def case_spellings_of_options():
    return at_copy(
        [
            "a b",
            "--jobs 4 a b",
            "--jobs=4 a b",
            "-j4 a b",
            "-j 4 a b",
            "-j=4 a b",
            "--job 4 a b",
            "--j 4 a b",
            "--j=4 a b",
            "--jobs= a b",
            "--format=json a b",
            "--for json a b",
            "--fo json a b",
            "--form json a b",
            "--force a b",
            "--forc a b",
            "-ffj4 a b",
            "-fj 4 a b",
            "-fjx a b",
            "-jf a b",
            "-ft a b c",
            "-fta b c",
            "-fx a b",
            "-x a b",
            "a -f b",
            "a b -f",
        ]
    )


def case_values_with_signs():
    return at_copy(
        [
            "--tag=x=y a b",
            "--tag== a b",
            "--tag= a b",
            "-tx=y a b",
            "-t= a b",
            "--tag x=y a b",
            "--label=a,b a b",
        ]
    )


def case_multiple_and_last():
    return at_copy(
        [
            "-t x -t y a b",
            "-tx a --tag y b --label=z",
            "-j 2 -j 3 a b",
            "--format json --format text a b",
            "-t x a -t x b",
            "--lab x --la y a b",
        ]
    )


def case_flags_and_denials():
    return at_copy(
        [
            "--no-color a b",
            "--no-colour a b",
            "--no-col a b",
            "--no-c a b",
            "--no a b",
            "--n a b",
            "--col a b",
            "--colou a b",
            "--no-color --color a b",
            "--colour --no-colour a b",
            "--no-force a b",
            "-f --no-force a b",
            "--force=1 a b",
            "--no-force= a b",
            "--no-jobs a b",
            "--no-q a b",
            "--no-verbose a b",
            "--no-f a b",
        ]
    )


def case_dashes():
    return at_copy(
        [
            "-- -f b",
            "-f -- -f -- b",
            "a -- b -j",
            "- b",
            "-t - a b",
            "--tag - a b",
            "a - -f",
            "-- --",
            "a b --",
            "-t -- a b",
            "--jobs -- a b",
            "--tag=-- a b",
            "-- a b -- c",
            "--tag -x a b",
            "--tag=-x a b",
            "-t -f a b",
            "-t-f a b",
            "--- a b",
            "---x a b",
            "-= a b",
        ]
    )


def case_negative_numbers():
    lines = [
        "copy -1 -2.5",
        "copy -t -1 a -.5",
        "copy -t -1.5 -3. b",
        "copy -1x b",
        "copy -1.2.3 b",
        "copy -. b",
        "copy -1e5 b",
        "copy -j -1 a b",
        "copy -٣ b",
        "count -1",
        "count -1 -1",
        "count -2",
        "count -11",
        "count 1 -- -2",
        "count -1.5",
        "remote -H h add -o -2.5 n -7",
        "remote -H -1 add n",
        "remote -H h add -o=-2 n",
        "remote -H h add -o-2 n -8 x",
        "-1 copy a b",
        "remote -H h add --offset=-.5 -5",
    ]
    return [parsed(build(), line) for line in lines]


def case_names_that_begin_others():
    command = Command(
        "c",
        options=[
            Option("input", ("--in", "--in-file")),
            Option("inner", ("--inner",), kind="flag"),
            Option("index", ("--index",), kind="count"),
        ],
    )
    lines = (
        "--in x",
        "--in=x",
        "--in- x",
        "--inn",
        "--ind",
        "--i x",
        "--no-in",
        "--no-i",
        "--n",
        "--in-file=y --in z",
    )
    return [parsed(command, line) for line in lines]


def case_counting():
    lines = [
        "-v copy a b",
        "-vv copy a b",
        "-v copy -vv a b --verbose",
        "-vqv copy a b",
        "copy a b -v --verb",
        "-v=1 copy a b",
        "--verbose=2 copy a b",
    ]
    return [parsed(build(), line) for line in lines]


def case_places_of_arguments():
    found = []
    for line in ("", "a", "a b", "a b c", "a b c d e"):
        found.append(parsed(build(), "copy " + line))
        found.append(parsed(build(), "remote -H h add " + line))
        found.append(parsed(build(), "count " + line))
    for line in ("n 80", "n 80 x", "n 80 x y z", "n x"):
        found.append(parsed(build(), "remote -H h add " + line))
    return found


def case_arguments_in_other_orders():
    def command(*arguments):
        return Command("c", arguments=list(arguments))

    some, maybe = Argument("some", many=True), Argument("maybe", many=True, required=False)
    one, two = Argument("one"), Argument("two", convert=convert.integer())
    opt, last = Argument("opt", required=False, default=[1]), Argument("last", required=False)
    found = []
    for arguments in (
        (one, some),
        (some, one, two),
        (one, some, two),
        (one, opt, maybe),
        (one, maybe, opt),
        (opt, last),
        (some, opt),
        (maybe,),
        (one, two),
        (),
    ):
        for line in ("", "1", "1 2", "1 2 3", "1 2 3 4", "x y", "1 x 3"):
            found.append(parsed(command(*arguments), line))
    return found


def case_commands():
    lines = [
        "",
        "-v",
        "copy",
        "cpoy a b",
        "cop a b",
        "remote",
        "remote add n",
        "remote -H h",
        "remote -H h ad n",
        "remote -H h remvoe",
        "remote -H h remove",
        "remote -H h remove x",
        "remote add -H h n",
        "remote add n --host h",
        "remote add n -q -v",
        "remote -q add -H h n -v",
        "-H h remote add n",
        "remote -H h rename n -v",
        "remote -H h -v rename n",
        "-v remote -H h rename n --ver",
        "remote -H h rename n --very --verbose",
        "remote -H h rename -vv n",
        "copy -H h a b",
        "copy copy copy",
        "copy a b --tog x",
        "copy a b --hots x",
        "remote add --hots x",
        "-- copy a b",
        "copy --colr a b",
        "copi",
        "xyz",
    ]
    return [parsed(build(), line) for line in lines]


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


def case_messages_name_what_was_given():
    found = []
    for line, parts in (
        ("copy --jobs", ["--jobs"]),
        ("copy -j", ["-j"]),
        ("copy --nope", ["--nope"]),
        ("copy -x", ["-x"]),
        ("copy a", ["target"]),
        ("copy", ["sources"]),
        ("copy -j 99 a b", ["-j", "99", "64"]),
        ("copy -j 0 a b", ["0", "1"]),
        ("copy --co a b", ["--color"]),
        ("copy --form xml a b", ["xml", "text", "json"]),
        ("remote remove x", ["x"]),
        ("remote remove", ["--host"]),
        ("remote -H h", ["add", "rename", "remove"]),
        ("cpy", ["cpy", "copy"]),
        ("copy --no-color=1 a b", ["--no-color"]),
    ):
        try:
            parse(build(), line.split())
        except UsageError as error:
            found.append([line, [part in str(error) for part in parts]])
    return found


def case_impossible_commands():
    def made(**named):
        return tried(lambda: Command("c", **named).name)

    def option(*flags, **named):
        return Option("o", flags, **named)

    some = Argument("some", many=True)
    return [
        made(),
        made(options=[option("-a"), Option("b", ("-a",))]),
        made(options=[option("-a", "-a")]),
        made(options=[option("-a"), option("-b")]),
        made(options=[option("-a"), Option("b", ("-b",))]),
        made(options=[option("--x", kind="flag"), Option("b", ("--no-x",))]),
        made(options=[option("--x"), Option("b", ("--no-x",))]),
        made(options=[option("-x", kind="count"), Option("b", ("--no-x",))]),
        made(options=[option("--x", "--no-x", kind="flag")]),
        made(options=[Option("a", ("-a",))], arguments=[Argument("a")]),
        made(arguments=[Argument("a"), Argument("a")]),
        made(arguments=[Argument("a")], commands=[Command("x")]),
        made(commands=[Command("x"), Command("x")]),
        made(commands=[Command("x"), Command("y")]),
        made(arguments=[some, Argument("other", many=True)]),
        made(arguments=[some, Argument("b"), Argument("c", required=False)]),
        made(arguments=[Argument("b", required=False), Argument("c")]),
        made(options=[option("-a", kind="flag", multiple=True)]),
        made(options=[option("-a", kind="count", multiple=True)]),
        made(options=[option("-a", kind="switch")]),
        made(options=[option("-a", multiple=True)]),
        *[
            made(options=[option(*flags)])
            for flags in (
                (),
                ("a",),
                ("-ab",),
                ("--",),
                ("-",),
                ("--a b",),
                ("--a=b",),
                ("---a",),
                ("-a", "b"),
                ("-=",),
                ("--a-b",),
                ("-1",),
                ("--é",),
                ("- ",),
            )
        ],
        issubclass(DefinitionError, ValueError),
    ]


def case_words_of_options():
    return [
        Option("a", ("-a", "--all"), kind="flag").words(),
        Option("a", ("-a", "--all")).words(),
        Option("a", ("--all", "-a", "--every"), kind="flag").words(),
        Option("a", ("-a", "--all"), kind="count").words(),
        Option("a", ("-a",), kind="flag").words(),
        tried(lambda: build().command("copy").name),
        build().command("nothing"),
        build().command(""),
    ]


def case_errors():
    plain, hinted = UsageError("no", ["a", "b"]), UsageError("no", ["a"], ["x", "y"])
    return [str(plain), plain.message, plain.path, plain.suggestions, str(hinted), hinted.suggestions]


def over(converter, texts):
    return [(text, tried(converter, text)) for text in texts.split("|")]


def case_integers():
    texts = "0|1|-1|+5|007|1.0|1e3| 1|1 ||x|٣|1_000|64|65|--1|+|99999999999999999999"
    ranges = ((None, None), (1, None), (None, 5), (0, 0), (-1, 64))
    return [over(convert.integer(low, high), texts) for low, high in ranges]


def case_numbers_and_booleans():
    numbers = over(convert.number, "0|1.5|-2|1e3|inf|-inf|nan|x||.5|1.|1,5")
    booleans = over(convert.boolean, "1|0|true|FALSE|Yes|nO|on|Off| yes |y|n|2||t|00")
    return [
        numbers,
        booleans,
        over(convert.choice("a", "B", ""), "a|b|B||A| a"),
        over(convert.choice(), "a|"),
    ]


def case_durations():
    texts = (
        "0|90|1.5|1s|1m|1h|1d|1h30m|1.5h|2d12h|1d2h3m4s|0.1s|0.1m|1.1m|0.7h|1m1h|30m1h|1h1h|1hm|h||s|-1|-1h|+1h|"
        "1 h"
        "|1h 30m|1H|1h30|30x|1h30m extra|x1h|.5h|1.h|1.25m0.5s|1e3|1_0s|90.25|0.3s|100d|2.5s|1,5h|1h\n|90\n"
        "|0h0m"
    )
    return over(convert.duration, texts)


def case_sizes():
    texts = (
        "0|1|100|10K|10k|1.5M|2gb|2GB|1B|1b|1T|1kb|1KiB|0.1K|0.5|1.5|2.5|0.4999|0.0005K|1.0004883K|K||b|kb|-1|-1K|+1|"
        "1 K|1P|1.K|.5K|1e3|10KK|10K extra|999999999999G|0.3M|1.1G|2.5b|x1K|1K\n|0.00048828125K|0.001M"
    )
    return over(convert.size, texts)


def case_pairs_and_listings():
    pairs = over(convert.pair, "a=b|a=|=b|=|a|a=b=c||a==|a b=c d")
    listings = over(
        convert.listing, r"|a|a,b|a,,b|,|,a|a,|a\,b|a\\,b|\a|\\|\,|a\|a, b|\,\,,|\\\,|a\\\\|\\,\\"
    )
    return [pairs, listings]


def case_distances():
    words = [
        "",
        "a",
        "b",
        "ab",
        "ba",
        "abc",
        "acb",
        "bca",
        "copy",
        "cpoy",
        "kitten",
        "sitting",
        "aab",
        "aba",
        "abab",
        "baba",
        "flaw",
        "lawn",
    ]
    return [[distance(one, other) for other in words] for one in words]


def case_nearest():
    names = [
        "start",
        "status",
        "state",
        "stop",
        "stat",
        "restart",
        "copy",
        "compare",
        "commit",
        "co",
        "c",
        "",
    ]
    words = [
        "stat",
        "sta",
        "strat",
        "cop",
        "cpoy",
        "comit",
        "x",
        "c",
        "",
        "restarts",
        "start",
        "compre",
        "sttaus",
        "abcdefgh",
    ]
    found = [
        [
            nearest(word, names),
            nearest(word, names[::-1], 5),
            nearest(word, names, 1),
            nearest(word, names, 0),
        ]
        for word in words
    ]
    return [
        *found,
        nearest("b", ["d", "c", "a", "e"]),
        nearest("ab", ["aa", "aa", "bb", "ac"]),
        nearest("abc", ["xyz", "axy", "abx", "xbc"]),
    ]


def case_nearest_at_the_limit():
    names = ["abcdef"[:length] + "z" * (6 - length) for length in range(7)]
    return [nearest("abcdef"[:size], names, 9) for size in range(7)] + [nearest("abcdefg", names, 9)]


LONG = "Copies every file that is named to the target, which has to be a folder if there are several of them."


def helped():
    return Command(
        "tool",
        help=LONG + "\n\nSecond paragraph.",
        options=[
            Option("jobs", ("-j", "--jobs"), default=1, env="JOBS", help="How many are copied at a time."),
            Option("name", ("--name",), required=True, help=LONG),
            Option("exclude", ("--exclude-everything-like", "-X"), help="Leave out."),
            Option("force", ("-f",), kind="flag", default=False),
            Option("quiet", ("-q", "--quiet"), kind="flag", help="Say nothing."),
            Option("edge", ("--edge-of-the-w",), help="As wide as fits."),
            Option("over", ("--over-the-widt",), kind="value", help="One more.\nAnd a line."),
            Option("zero", ("-z",), default=0, help=""),
        ],
        arguments=[Argument("source", help="What is copied."), Argument("targets", many=True, help=LONG)],
    )


def case_help_texts():
    tool, found = build(), []
    for command, path in (
        (helped(), ["tool"]),
        (tool, ["tool"]),
        (tool.commands[0], ["tool", "copy"]),
        (tool.commands[1], ["tool", "remote"]),
        (Command("empty"), ["empty"]),
        (Command("e", help="Only this."), ["x", "e"]),
    ):
        found += [help_text(command, path, width).split("\n") for width in (30, 40, 62, 200)]
        found.append(help_text(command, path).split("\n"))
    return found


def case_usage():
    tool = build()
    return [
        usage(helped(), ["tool"]),
        usage(tool, ["tool"]),
        *[usage(inner, ["t", inner.name]) for inner in tool.commands],
        *[usage(inner, [inner.name]) for inner in tool.commands[1].commands],
        usage(Command("x", options=[Option("a", ("-a",), kind="flag", required=True)]), []),
        usage(
            Command("x", arguments=[Argument("a", required=False), Argument("b", many=True, required=False)]),
            ["x"],
        ),
    ]


def case_wrapping():
    from cli.helping import columns, wrapped

    texts = [
        "",
        "a",
        "a b",
        "ab cd ef",
        "abcdef gh",
        "a  b",
        " a ",
        "a\nb c",
        "a\n\nb",
        "aaa bbb ccc ddd",
        "\n",
        "abc de\nf ghij k",
    ]
    found = [[wrapped(text, width) for width in range(1, 9)] for text in texts]
    rows = [
        ("a", "one two three"),
        ("bcd", ""),
        ("x" * 20, "just fits"),
        ("y" * 21, "too wide"),
        ("", "nothing left"),
    ]
    found += [columns(rows, width) for width in (26, 30, 40)]
    found += [columns(rows[:2], width) for width in (8, 12, 40)]
    return [*found, columns(rows[3:4], 40), columns([], 10)]


def case_completion():
    lines = [
        [],
        [""],
        ["c"],
        ["co"],
        ["copy"],
        ["x"],
        ["-"],
        ["--"],
        ["--v"],
        ["-v", "-"],
        ["-q", "-"],
        ["--no-quiet", "--"],
        ["copy", ""],
        ["copy", "-"],
        ["copy", "--"],
        ["copy", "--fo"],
        ["copy", "--no"],
        ["copy", "-f", "--fo"],
        ["copy", "-j", ""],
        ["copy", "-j", "-"],
        ["copy", "--jobs=2", "--j"],
        ["copy", "-t", "x", "--"],
        ["copy", "--", "-"],
        ["copy", "--", ""],
        ["copy", "--nope", "--"],
        ["copy", "a", "b", "c", "--t"],
        ["copy", "-j", "many", "--t"],
        ["remote", ""],
        ["remote", "re"],
        ["remote", "-"],
        ["remote", "-H", "re"],
        ["remote", "-H", "h", "re"],
        ["remote", "add", "-"],
        ["remote", "add", "--h"],
        ["remote", "rename", "-v"],
        ["remote", "rename", "--ver"],
        ["nope", ""],
        ["count", "-"],
        ["count", "-1", "-"],
        ["copy", "--color", "--"],
        ["copy", "--tag", "--"],
    ]
    return [complete(build(), words) for words in lines]


def case_completion_leaves_words_alone():
    words = ["copy", "--fo"]
    complete(build(), words)
    return [words, complete(build(), tuple(words))]


def case_finite():
    return [math.isfinite(convert.number("1e308")), tried(convert.number, "1e309")]
