"""Hidden cases of cli: helping."""

from cases.shared import build
from cli import Argument, Command, Option, help_text, usage

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
