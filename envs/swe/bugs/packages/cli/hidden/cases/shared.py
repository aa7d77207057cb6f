"""Hidden cases of cli: what several files of them use."""

from cli import Argument, Command, Option, UsageError, convert, parse


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
