"""Hidden cases of minitoml: strings."""

from cases.shared import values


def case_basic_strings():
    return values(
        '"a"',
        '""',
        r'"\b\t\n\f\r\"\\"',
        r'"\u00e9\U0001F600"',
        '"\t"',
        '"é漢"',
        '"it\'s"',
        r'"\u0000"',
        '"#"',
        r'"\uD7FF\uE000"',
    )


def case_wrong_strings():
    wrong = [
        '"a',
        '"a\nb"',
        r'"\x41"',
        r'"\u12"',
        r'"\uD800"',
        r'"\U00110000"',
        '"\x01"',
        '"\x7f"',
        "'a",
        "'a\nb'",
        "'\x00'",
        '"a" b',
    ]
    return values(*wrong, r'"\U0010FFFF"', r'"\uDFFF"', '"\\', "'\x1f'", '"a"b', r'"\u00G0"', r'"\ "')


def case_literal_strings():
    return values("'a'", "''", r"'C:\new\x'", "'say \"x\"'", "'\t'", "'#'", "'é'")


def case_long_strings():
    texts = [
        '"""a"""',
        '"""\na\nb"""',
        '"""a\r\nb"""',
        '"""\n\na"""',
        '"""one \\\n   two"""',
        '"""a\\  \n \n\t b"""',
        '""""""',
    ]
    texts += [
        '""""a"""',
        '"""a""""',
        '"""a"""""',
        '"""a""b"""',
        r'"""\"""" ',
        r'"""a\u00e9"""',
        '"""a\\\r\n  b"""',
        '"""\t"""',
    ]
    return values(*texts)


def case_long_literals():
    texts = [
        "'''a'''",
        "'''\na\n b'''",
        "''''a'''",
        "'''a''''",
        "'''a'''''",
        "'''a\\\nb'''",
        "'''a'b''c'''",
        "'''\r\nx\r\n'''",
        "''''''",
    ]
    return values(*texts)


def case_wrong_long_strings():
    texts = [
        '"""a',
        '"""a""',
        "'''a''",
        '"""a""""""',
        '"""\x02"""',
        "'''\x7f'''",
        '"""a\\ b"""',
        r'"""\q"""',
        '"""\na\n',
        '"""a\\',
    ]
    return values(*texts, "'''a''''''", '"""\r"""')
