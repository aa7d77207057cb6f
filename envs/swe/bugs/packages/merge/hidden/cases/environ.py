"""Hidden cases of merge: environ."""

import merge
from cases.shared import lines_of, plain
from judging import tried

VALUES = """true|TRUE|True|false|False|null|NULL|none|yes|0|1|-1|+1|007|-007|8080| 7 |1.5
-1.5|+1.5|.5|-.5|5.|1e3|1E3|1e-3
-2e+2|1.5e2|1.e1|e5|1e|1.2.3|1,5|1_000|--1|+-1|- 1|0x10|inf|nan|-|+|.|-.
"8080"|"a|"a" b|["a", 1]|[1|[]|{}|{"a": null}|{a}
 [1] | true |text| text |tru e|1 2|"\\u00e4"|null1|-0|-0.0|1e400|'a'"""


def case_values():
    return [[text, merge.parse_value(text)] for text in [*lines_of(VALUES), "", " ", "\n5\n", "[" * 3]]


def case_environ():
    environ = {
        "APP_SERVER__PORT": "80",
        "APP_SERVER__HOST_NAME": "x",
        "APP_SERVER__TLS__CERT": "[1]",
        "APP_DEBUG": "true",
        "APP_Empty": "",
        "APPLE": "1",
        "APP": "2",
        "MYAPP_X": "3",
        "app_low": "4",
        "APP_A___B": "5",
        "PATH": "/bin",
    }
    found = [plain(merge.from_environ(environ, "APP")), plain(merge.from_environ(environ, "MYAPP"))]
    return [
        *found,
        merge.from_environ(environ, "NO"),
        merge.from_environ({}, "APP"),
        list(merge.from_environ(environ, "APP")),
    ]


def case_environ_that_does_not_fit():
    environs = [
        {"APP_A": "1", "APP_A__B": "2"},
        {"APP_A__B__C": "1", "APP_A__B": "2"},
        {"APP_A__B": "{}", "APP_A__B__C": "1"},
        {"APP_": "1"},
        {"APP_A__": "1"},
        {"APP___A": "1"},
        {"APP_A____B": "1"},
        {"APP_A": "1", "APP_a": "2"},
        {"APP_A__B": "1", "APP_a__c": "2"},
        {"APP_A__B": "1", "APP_a": "2"},
    ]
    return [
        [sorted(environ), tried(lambda one=environ: plain(merge.from_environ(one, "APP")))]
        for environ in environs
    ]
