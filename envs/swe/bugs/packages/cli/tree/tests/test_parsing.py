import pytest
from cli import Argument, Command, DefinitionError, Option, UsageError, convert, parse

COPY = Command(
    "copy",
    options=[
        Option("jobs", ("-j", "--jobs"), convert=convert.integer(1), default=1, env="JOBS"),
        Option("tags", ("-t", "--tag"), multiple=True),
        Option("force", ("-f", "--force"), kind="flag"),
        Option("format", ("--format",), convert=convert.choice("text", "json")),
    ],
    arguments=[Argument("sources", many=True), Argument("target")],
)
TOOL = Command(
    "tool", options=[Option("verbose", ("-v", "--verbose"), kind="count")], commands=[COPY, Command("list")]
)


def values(words, command=COPY, **named):
    return parse(command, words.split(), **named).values


def test_defaults():
    assert values("a b") == {
        "jobs": 1,
        "tags": [],
        "force": False,
        "format": None,
        "sources": ["a"],
        "target": "b",
    }


@pytest.mark.parametrize(
    "words", ["--jobs 4 a b", "--jobs=4 a b", "-j4 a b", "-j 4 a b", "a --jo 4 b", "a b -fj4"]
)
def test_spellings_of_an_option(words):
    assert values(words)["jobs"] == 4


def test_the_last_one_counts():
    assert values("-j 2 -j 3 a b")["jobs"] == 3


def test_multiple():
    assert values("-t x a --tag=y b -tz")["tags"] == ["x", "y", "z"]


def test_flags_and_denials():
    assert values("-f a b")["force"] is True
    assert values("--force --no-force a b")["force"] is False


def test_many_leaves_enough():
    found = values("a b c d")
    assert found["sources"] == ["a", "b", "c"]
    assert found["target"] == "d"


def test_everything_is_an_argument_after_dashes():
    assert values("-f -- -j -f")["sources"] == ["-j"]


def test_commands():
    result = parse(TOOL, ["-vv", "copy", "-v", "a", "b"])
    assert result.path == ["tool", "copy"]
    assert result.values["verbose"] == 3


@pytest.mark.parametrize(
    "words", ["", "a", "--jobs", "-j 0 a b", "-j x a b", "--fo a b", "--nope a b", "-x a b", "--force=1 a b"]
)
def test_what_a_user_does_wrong(words):
    with pytest.raises(UsageError) as caught:
        values(words)
    assert caught.value.path == ["copy"]


def test_suggestions():
    with pytest.raises(UsageError) as caught:
        parse(TOOL, ["cpoy"])
    assert caught.value.suggestions == ["copy"]
    with pytest.raises(UsageError) as caught:
        values("--formt text a b")
    assert caught.value.suggestions == ["--format", "--force"]


def test_environment_and_configuration():
    assert values("a b", env={"JOBS": "5"}, config={"jobs": "6"})["jobs"] == 5
    assert values("a b", config={"jobs": "6", "force": "Yes", "tags": "x,y"})["tags"] == ["x", "y"]
    assert values("-j 4 a b", env={"JOBS": "5"})["jobs"] == 4
    with pytest.raises(UsageError):
        values("a b", env={"JOBS": "many"})


def test_impossible_commands():
    with pytest.raises(DefinitionError):
        Command("x", options=[Option("a", ("-a",)), Option("b", ("-a",))])
    with pytest.raises(DefinitionError):
        Command("x", arguments=[Argument("a", many=True), Argument("b", many=True)])
    with pytest.raises(DefinitionError):
        Command("x", options=[Option("a", ("a",))])
