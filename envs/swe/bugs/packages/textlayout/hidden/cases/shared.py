"""Hidden cases of textlayout: what several files of them use."""

RED, BOLD, RESET = "\x1b[31m", "\x1b[1;4m", "\x1b[0m"


SAMPLES = [
    "",
    "a",
    "abc",
    "漢字",
    "e\u0301a",
    f"{RED}ab{RESET}c",
    "ａｂ",
    "a\u200db",
    "한글 x",
    "é",
    "a漢b字c",
]


SAMPLES += [
    f"{BOLD}{RED}漢{RESET}字",
    "\x1b[m",
    "\x1b[38;5;196mdeep\x1b[m",
    "x\x1bmy",
    "a\u0301\u0302b",
    "\u0301a",
]
