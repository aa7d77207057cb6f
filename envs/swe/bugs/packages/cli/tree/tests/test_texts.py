import pytest
from cli import Argument, Command, Option, complete, convert, distance, help_text, nearest

TOOL = Command(
    "tool",
    help="Moves things about.",
    options=[Option("verbose", ("-v", "--verbose"), kind="count", help="Say more.")],
    commands=[
        Command(
            "copy",
            help="Copy files.",
            options=[Option("jobs", ("-j", "--jobs"), default=1, help="How many at a time.")],
            arguments=[Argument("source", help="What."), Argument("targets", many=True, required=False)],
        ),
        Command("compare"),
    ],
)


def test_help():
    assert help_text(TOOL.commands[0], ["tool", "copy"], 40) == (
        "usage: tool copy [options] SOURCE [TARGETS...]\n"
        "\n"
        "Copy files.\n"
        "\n"
        "arguments:\n"
        "  SOURCE   What.\n"
        "  TARGETS\n"
        "\n"
        "options:\n"
        "  -j, --jobs JOBS  How many at a time.\n"
        "                   [default: 1]\n"
    )


def test_help_with_commands():
    lines = help_text(TOOL, ["tool"]).splitlines()
    assert lines[0] == "usage: tool [options] COMMAND ..."
    assert "  -v, --verbose  Say more." in lines
    assert "  copy     Copy files." in lines


def test_complete():
    assert complete(TOOL, ["co"]) == ["compare", "copy"]
    assert complete(TOOL, ["copy", "--"]) == ["--jobs", "--verbose"]
    assert complete(TOOL, ["copy", "-j", ""]) == []


def test_distance():
    assert distance("", "abc") == 3
    assert distance("copy", "cpoy") == 1
    assert distance("kitten", "sitting") == 3


def test_nearest():
    assert nearest("stat", ["start", "status", "state", "stop"]) == ["start", "state", "status"]
    assert nearest("x", ["copy"]) == []


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("1h30m", 5400), ("1.5h", 5400), ("1d", 86400), ("2.5s", 2.5)]
)
def test_durations(text, value):
    assert convert.duration(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("100", 100), ("10K", 10240), ("1.5M", 1572864), ("2gb", 2 * 1024**3)]
)
def test_sizes(text, value):
    assert convert.size(text) == value


def test_pairs_and_listings():
    assert convert.pair("a=b") == ("a", "b")
    assert convert.listing("a,b,c") == ["a", "b", "c"]
    assert convert.listing("a\\,b") == ["a,b"]


def test_booleans():
    assert convert.boolean("Yes") is True
    assert convert.boolean("off") is False


@pytest.mark.parametrize(
    ("converter", "text"),
    [
        (convert.duration, ""),
        (convert.duration, "1x"),
        (convert.size, "K"),
        (convert.pair, "a"),
        (convert.boolean, "maybe"),
        (convert.number, "nan"),
        (convert.integer(1, 3), "4"),
        (convert.choice("a", "b"), "c"),
        (convert.listing, "a\\"),
    ],
)
def test_what_can_not_be_converted(converter, text):
    with pytest.raises(ValueError):
        converter(text)
