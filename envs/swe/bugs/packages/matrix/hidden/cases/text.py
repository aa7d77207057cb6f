"""Hidden cases of matrix: text."""

from fractions import Fraction

from cases.shared import MATRICES, got
from matrix import Matrix, parse, to_decimal


def case_parsing():
    texts = [
        "",
        " ",
        ";",
        "1",
        "1 2; 3 4",
        "1,2;3,4",
        "1, 2\n3, 4",
        "1 ,2",
        " 1  2 ;\n; 3 -4/6 ",
        "1 2;",
        "\n1\n\n2\n",
        "1\t2",
        "0.5 1e1 -.25",
        "1 2; 3",
        "1 x",
        "1 2; 3 1/0",
        "1,,2",
        ",1",
        "1,",
        "1 / 2",
        "1/2/3",
        "--1",
        "1;2;3",
        "+1 -1",
        "1 2\r\n3 4",
    ]
    return [got(parse, text) for text in texts]


def case_parsing_names_the_row():
    found = []
    for text in ("1 x", "1 2\n\n3 y; 4 5", "1; 2; 3/0", "1, 2,"):
        try:
            parse(text)
        except ValueError as error:
            found.append([number in str(error) for number in ("row 1", "row 2", "row 3")])
    return found


def case_texts():
    ones = [
        *MATRICES,
        parse("2 1; 1/3 -14"),
        parse("-100 2; 3 4000 ; 1/7 -22/7"),
        parse("1"),
        parse("10 -2 3"),
    ]
    return [[str(a).split("\n"), repr(a)] for a in ones]


def case_repr_and_back():
    return [eval(repr(a), {"Matrix": Matrix}) == a for a in MATRICES]


def case_decimals():
    values = [
        0,
        7,
        -7,
        Fraction(1, 2),
        Fraction(-1, 2),
        Fraction(2, 3),
        Fraction(-2, 3),
        Fraction(1, 8),
        Fraction(-1, 8),
        Fraction(3, 8),
        Fraction(1, 1000),
        Fraction(-1, 1000),
        Fraction(5, 2),
        Fraction(-5, 2),
        Fraction(999, 1000),
        Fraction(1995, 1000),
        12345,
        "1/3",
        "-0.045",
    ]
    found = [[got(to_decimal, value, places) for places in (0, 1, 2, 3, 5)] for value in values]
    return [
        *found,
        got(to_decimal, 1, -1),
        got(to_decimal, 0.5, 1),
        got(to_decimal, Fraction(10**30 + 1, 3), 20),
    ]
