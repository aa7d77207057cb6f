"""Hidden cases of cli: suggesting."""

from cli import distance, nearest


def case_distances():
    words = [
        "",
        "a",
        "b",
        "ab",
        "ba",
        "abc",
        "acb",
        "bca",
        "copy",
        "cpoy",
        "kitten",
        "sitting",
        "aab",
        "aba",
        "abab",
        "baba",
        "flaw",
        "lawn",
    ]
    return [[distance(one, other) for other in words] for one in words]


def case_nearest():
    names = [
        "start",
        "status",
        "state",
        "stop",
        "stat",
        "restart",
        "copy",
        "compare",
        "commit",
        "co",
        "c",
        "",
    ]
    words = [
        "stat",
        "sta",
        "strat",
        "cop",
        "cpoy",
        "comit",
        "x",
        "c",
        "",
        "restarts",
        "start",
        "compre",
        "sttaus",
        "abcdefgh",
    ]
    found = [
        [
            nearest(word, names),
            nearest(word, names[::-1], 5),
            nearest(word, names, 1),
            nearest(word, names, 0),
        ]
        for word in words
    ]
    return [
        *found,
        nearest("b", ["d", "c", "a", "e"]),
        nearest("ab", ["aa", "aa", "bb", "ac"]),
        nearest("abc", ["xyz", "axy", "abx", "xbc"]),
    ]


def case_nearest_at_the_limit():
    names = ["abcdef"[:length] + "z" * (6 - length) for length in range(7)]
    return [nearest("abcdef"[:size], names, 9) for size in range(7)] + [nearest("abcdefg", names, 9)]
