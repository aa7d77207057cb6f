"""Hidden cases of cli: spec."""

from cases.shared import build
from cli import Argument, Command, DefinitionError, Option
from judging import tried


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
