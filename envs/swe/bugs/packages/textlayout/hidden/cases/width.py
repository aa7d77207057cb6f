"""Hidden cases of textlayout: width."""

from cases.shared import BOLD, RED, RESET, SAMPLES
from textlayout import strip_colours, width


def case_widths():
    return [width(text) for text in SAMPLES], [
        width(chr(code)) for code in (0x41, 0x300, 0x1100, 0x3042, 0xFF21, 0xFF71)
    ]


def case_strip_colours():
    texts = [*SAMPLES, f"{RED}a{BOLD}b{RESET}c m", "\x1b[31ma; 3m\x1b[0m m", "\x1b[2J", "\x1b[1mxm"]
    return [strip_colours(text) for text in texts]
