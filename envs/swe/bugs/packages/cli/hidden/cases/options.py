"""Hidden cases of cli: options."""

from cases.shared import build, parsed
from cli import Command, Option


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
