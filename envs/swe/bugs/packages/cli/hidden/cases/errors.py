"""Hidden cases of cli: errors."""

from cases.shared import build
from cli import UsageError, parse


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


def case_errors():
    plain, hinted = UsageError("no", ["a", "b"]), UsageError("no", ["a"], ["x", "y"])
    return [str(plain), plain.message, plain.path, plain.suggestions, str(hinted), hinted.suggestions]
