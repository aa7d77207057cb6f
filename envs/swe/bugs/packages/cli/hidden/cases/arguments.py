"""Hidden cases of cli: arguments."""

from cases.shared import build, parsed
from cli import Argument, Command, convert


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
