"""Hidden cases of minitoml: paths."""

from judging import tried
from minitoml import get


def case_get():
    config = {
        "server": {"ports": [80, 443], "a.b": {"c": 1}, "1": "one", "": 0},
        "list": [{"x": 1}, {"x": [5, 6]}],
        "none": None,
    }
    paths = [
        "server.ports",
        "server.ports.1",
        'server."a.b".c',
        "server.1",
        'server.""',
        "list.1.x.0",
        "none",
        " server . ports . 0 ",
        "list.0",
    ]
    missing = [
        "server.ports.2",
        "server.ports.-1",
        "nothing",
        "server.ports.1.x",
        "none.x",
        "list.x",
        "list.2.x",
        "server.ports.x1",
        "list.0.y",
    ]
    wrong = ["", "a.", ".a", "a b", "a..b", "'a", "server.ports x", "a ?"]
    said = [get(config, path) for path in paths], [tried(get, config, path) for path in missing]
    return (
        said,
        [get(config, path, "default") for path in missing],
        [tried(get, config, path) for path in wrong],
        get(config, "none", 1),
        get(config, "x", None),
    )
