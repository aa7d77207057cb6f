"""Hidden cases of merge: paths."""

import merge
from cases.shared import lines_of, plain
from judging import tried

PATHS = """a|a.b|a.b.c|a[0]|a[0][12].b|[3]|[0].x|log-level|a_b.c-d|*|a.*.b|**.x[1]|"x.y"|a."x.y".b|"".a|a.""
"say \\"hi\\""|"back\\\\slash"|"\\\\"
"a\\\\\\"b".c|"a b"[2]|a."[0]"|\u00e4.\u00f6|"\\n"|1.2|a.1|"a".b|007|[007]|a[00]"""


BAD_PATHS = (
    """.|.a|a.|a..b|a.[0]|a b|[x]|[-1]|[]|["a"]|"open|a"b"|a]|a[0|a[0]b|"a"b|a.b.|"a\\|a.+|a/b|[0].[1]|a."""
)


def case_paths_are_read():
    return [merge.parse_path(text) for text in [*lines_of(PATHS), ""]]


def case_paths_that_are_none():
    return [[text, tried(merge.parse_path, text)] for text in [*lines_of(BAD_PATHS), " ", " a", "a "]]


def case_paths_are_written():
    found = []
    for text in lines_of(PATHS):
        path = merge.parse_path(text)
        found.append([merge.format_path(path), merge.parse_path(merge.format_path(path)) == path])
    return found


def case_paths_survive_writing():
    names = [
        "",
        ".",
        '"',
        "\\",
        '\\"',
        '"\\',
        "\\\\",
        '""',
        "a.b",
        'a"',
        "\\a",
        "a\\",
        "[0]",
        "a b",
        "\n",
        "\t",
        "\u00e9",
    ]
    found = []
    for one in names:
        for path in ((one,), ("x", one), (one, 3, one), (one, "y"), (0, one)):
            text = merge.format_path(path)
            found.append([text, merge.parse_path(text) == path])
    return found


def case_tuples_are_paths():
    return [
        merge.parse_path(()),
        merge.parse_path(("a", 1)),
        merge.format_path(()),
        merge.format_path((1, 2, "a")),
    ]


TREE = {"a": {"b": [10, {"c": None, "d": [[1, 2], []]}]}, "x.y": 0, "list": ["p", "q"], "": {"e": False}}
GET_PATHS = """a|a.b|a.b[0]|a.b[1].c|a.b[1].d[0][1]|a.b[1].d[1]|a.b[1].d[1][0]|a.b[2]|a.b[3]|a.b.c|a.c|b
list[0]|list[1]|list[2]|list.p|list[0][0]|"x.y"|x.y|"".e|a.b[0].z|[0]"""


PUT_PATHS = """a|a.b|a.b[0]|a.b[1].c|a.b[2]|a.b[3]|a.b[1].d[1][0]|new|new.deep.er|list[2]|list[3]|list[2].x
list[1].x|list.x|"x.y"|"x.y".z|"".e.f|[0]|a[0]|new[0]|"".new.x|a.b[0].z|a.b[2].n.m"""


DROP_PATHS = """a|a.b|a.b[0]|a.b[1].c|a.b[2]|list[0]|list[2]|new|new.deep|"x.y"|"".e|a.b[1].d[0][1]|list.p"""


def case_get():
    found = []
    for path in lines_of(GET_PATHS):
        found += [plain(tried(merge.get, TREE, path)), plain(merge.get(TREE, path, "default"))]
    found += [plain(merge.get(TREE, "")), plain(merge.get(TREE, ())), merge.get(TREE, "b", None)]
    return [*found, merge.get(TREE, ("a", "b", 0)), merge.get(TREE, "a.b") is TREE["a"]["b"]]


def case_put():
    found = []
    for path in lines_of(PUT_PATHS):
        config = merge.clone(TREE)
        result = tried(merge.put, config, path, "set")
        found.append([path, result, plain(config) if result is None else tried(merge.get, config, path)])
    return [*found, tried(merge.put, {}, "", 1)]


def case_drop():
    found = []
    for path in lines_of(DROP_PATHS):
        config = merge.clone(TREE)
        found.append([path, tried(merge.drop, config, path), plain(config)])
    return [*found, tried(merge.drop, {}, "")]
