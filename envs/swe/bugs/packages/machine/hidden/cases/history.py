"""Hidden cases of machine: history."""

from cases.shared import nested, noting, played


def case_history():
    walks = [
        ["on", "off", "on"],
        ["on", "n", "off", "on", "2", "off", "on"],
        ["on", "n", "2", "y", "off", "on", "1", "off", "on"],
        ["on", "n", "2", "y", "m", "n"],
        ["on", "n", "2", "y", "self"],
        ["on", "n", "2", "n", "n"],
        ["on", "n", "2", "in", "off", "on"],
        ["on", "n", "in", "n", "2", "m", "off", "on", "n"],
        ["hop", "y", "off", "hop", "off", "on"],
        ["on", "n", "2", "y", "off", "hop", "m", "off", "on", "n"],
    ]
    kinds = [(one, two) for one in ("none", "shallow", "deep") for two in ("none", "shallow", "deep")]
    return [
        [[row[2] for row in played(*noting(nested(*kind)), walk)[1:]] for walk in walks] for kind in kinds
    ]


def case_history_and_actions():
    return [
        played(*noting(nested(kind, "shallow")), ["on", "n", "2", "y", "off", "on", "m", "n", "self"])
        for kind in ("none", "shallow", "deep")
    ]
