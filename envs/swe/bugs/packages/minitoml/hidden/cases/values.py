"""Hidden cases of minitoml: values."""

from cases.shared import values
from judging import tried
from minitoml import loads


def case_integers():
    return values(
        "0",
        "+0",
        "-0",
        "7",
        "-17",
        "+99",
        "1_000",
        "1_2_3",
        "0xdead_BEEF",
        "0o755",
        "0b1101",
        "9" * 30,
        "0x0",
    )


def case_wrong_integers():
    wrong = [
        "01",
        "-01",
        "1_",
        "_1",
        "1__0",
        "0x",
        "0x_1",
        "0b2",
        "0o8",
        "+0x1",
        "1a",
        "0X1",
        "0xg",
        "--1",
        "+-1",
        "1_.0",
    ]
    return values(*wrong), values("0x1_", "0b", "-", "+", "0_0", "00")


def case_floats():
    return values(
        "1.0",
        "-0.0",
        "3.14_15",
        "1e3",
        "1E-3",
        "-2.5e+10",
        "6_0.2_5e1_0",
        "inf",
        "+inf",
        "-inf",
        "nan",
        "-nan",
        "0e0",
        "0.5",
    )


def case_wrong_floats():
    return values(
        "1.",
        ".5",
        "1.e3",
        "1e",
        "1e+",
        "01.5",
        "1._5",
        "1_.5",
        "1.5.5",
        "infx",
        "nan1",
        "Inf",
        "1e1.5",
        "0x1.5",
        "1e_3",
    )


def case_booleans_and_others():
    return values(
        "true",
        "false",
        "True",
        "truefalse",
        "true1",
        "null",
        "yes",
        "",
        "=",
        "1 2",
        "x",
        "true # c",
        "[true,false]",
    )


def case_dates_and_times():
    texts = [
        "2024-02-29",
        "07:32:00",
        "00:00:00.5",
        "23:59:59.999999999",
        "12:30:15.25",
        "2024-01-01T07:32:00",
        "1979-05-27 00:32:00.123",
    ]
    texts += [
        "2024-01-01t07:32:00z",
        "2024-01-01T07:32:00Z",
        "2024-01-01T07:32:00.000001+05:30",
        "2024-01-01T07:32:00-07:00",
        "10:00:00.1234567",
    ]
    texts += ["2024-01-01 # day", "2024-01-01T00:00:00+00:00", "2024-12-31T23:59:59-23:59", "0001-01-01"]
    return values(*texts)


def case_wrong_dates():
    texts = [
        "2023-02-29",
        "2024-13-01",
        "2024-1-1",
        "24:00:00",
        "12:60:00",
        "12:00",
        "12:00:61",
        "2024-01-01T",
        "2024-01-01T25:00:00",
    ]
    texts += [
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:60",
        "2024-01-01x",
        "07:32:00Z",
        "2024-01-01 07:32",
        "0000-01-01",
        "2024-00-01",
    ]
    texts += [
        "12:00:00.",
        "2024-01-01TT07:32:00",
        "2024-01-01T00:00:00+1:00",
        "2024-04-31",
        "2024-01-01T00:00:00ZZ",
    ]
    return values(*texts)


def case_arrays():
    texts = [
        "[]",
        "[1]",
        "[1, 2,]",
        "[ [1], ['a', \"b\"], [] ]",
        "[1,2.5,'x',true]",
        "[\n1, # one\n\n 2\n]",
        "[{a = 1}, {b = 2}]",
        "[ ]",
    ]
    texts += ["[\n]", "[2024-01-01,07:00:00]", "[[[[]]]]", "[1\n,2]", "[#c\n1#d\n]"]
    return values(*texts)


def case_wrong_arrays():
    return values(
        "[", "[1", "[1 2]", "[,]", "[1,,2]", "[1,", "]", "[1]]", "[1] 2", "[a]", "[1;2]", "{", "[1, 2", "[\n"
    )


def case_nesting():
    return [type(tried(loads, "x = " + "[" * n + "]" * n)).__name__ for n in (50, 99, 100)], [
        tried(loads, "x = " + opened * n)
        for n in (101, 102, 600, 20_000)
        for opened in ("[", "{a = ", "[{a = ")
    ]


def case_inline_tables():
    texts = [
        "{}",
        "{ }",
        "{a = 1}",
        "{a=1,b=2}",
        "{ a.b = 1, a.c = 2 }",
        "{'x y' = {z = []}}",
        '{"" = 1}',
        "{a = [\n1,\n2]}",
        "{a = {b = 1}, c = 2}",
    ]
    return values(*texts)


def case_wrong_inline_tables():
    texts = [
        "{a = 1,}",
        "{,}",
        "{a}",
        "{a = }",
        "{a = 1 b = 2}",
        "{a = 1, a = 2}",
        "{a.b = 1, a = 2}",
        "{a = 1, a.b = 2}",
        "{\na = 1}",
        "{a = 1\n}",
    ]
    texts += [
        "{a = {}, a.b = 1}",
        "{a.b = 1, a.b.c = 2}",
        "{a.b = {c = 1}, a.b.d = 2}",
        "{a = 1",
        "{1 = 2, 1 = 3}",
        "{a.b = 1, a.b = 2}",
        "{a = [], a.b = 1}",
    ]
    return values(*texts)
