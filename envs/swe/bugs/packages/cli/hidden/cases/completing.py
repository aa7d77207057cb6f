"""Hidden cases of cli: completing."""

from cases.shared import build
from cli import complete


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
