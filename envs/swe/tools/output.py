"""The output of commands as part of an observation.

Only what is noise by its form is made equal: the durations in summaries of test runners and of
`time`, addresses of objects, names of temporary files, process numbers in the shell's own
messages. A number that a file or a program says for reasons of its own stays.
"""

from __future__ import annotations

import re

MAX_CHARS = 10_000
_LEFT_OUT = "\n[... {} characters left out ...]\n"
_NOISE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^(.{0,300}\b(?:passed|failed|errors?|skipped|deselected|ran|xfailed|xpassed|warnings?)\b"
                r".{0,100}? in )\d+\.\d+s(?: \(\d+:\d\d:\d\d\))?", re.MULTILINE), r"\g<1>0.00s"),
    (re.compile(r"^(Ran \d+ tests? in )\d+\.\d+s$", re.MULTILINE), r"\g<1>0.000s"),
    (re.compile(r"^(\s*)\d+\.\d+s( (?:call|setup|teardown)\s)", re.MULTILINE), r"\g<1>0.00s\g<2>"),
    (re.compile(r"^((?:real|user|sys)\s+)\d+m\d+\.\d+s$", re.MULTILINE), r"\g<1>0m0.000s"),
    (re.compile(r"\b(at 0x)[0-9a-f]{6,16}\b"), r"\g<1>0"),
    (re.compile(r"(/tmp/tmp)[a-z0-9_]{6,10}\b"), r"\g<1>XXXXXXXX"),
    (re.compile(r"(/tmp/pytest-of-)[\w-]{1,40}(/pytest-)\d+"), r"\g<1>user\g<2>0"),
    (re.compile(r"^((?:bash|sh|/bin/bash): line \d+:\s+)\d+( (?:Killed|Terminated|Aborted|Segmentation))",
                re.MULTILINE), r"\g<1>0\g<2>"),
    (re.compile(r"^(\[\d+\] )\d+$", re.MULTILINE), r"\g<1>0"),
)  # fmt: skip
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|[@-Z\\-_])")
_SCREEN = re.compile(
    r"\x1b\[\?(?:47|1047|1049)h.*?(?:\x1b\[\?(?:47|1047|1049)l|\Z)"
    r"|\x0c?\x1b\[\d{1,4};\d{1,4}H.*\x1b\[\d{1,4};\d{1,4}H[^\n]*",
    re.DOTALL,
)
"""What a program draws on a terminal's other screen, or from place to place; see xterm's ctlseqs (CUP)."""
_NO_SCREEN = "[a screen that a program drew is left out: there is no terminal]"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def shown(text: str, limit: int = MAX_CHARS) -> str:
    """Return output for an agent: no noise, no control characters, the middle left out beyond a limit."""
    return elided(without_noise(plain(text)), limit)


def plain(text: str) -> str:
    """Take colours and cursor movements off, and write other control characters by their numbers."""
    text = _ESCAPES.sub("", _SCREEN.sub(_NO_SCREEN, text.replace("\r\n", "\n")))
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def without_noise(text: str) -> str:
    """Make equal what differs from run to run though nothing else does."""
    for pattern, stable in _NOISE:
        text = pattern.sub(stable, text)
    return text


def without_passed(text: str) -> str:
    """Leave out pytest's lines of tests that passed: how many they are is said beside them."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("PASSED "))


def elided(text: str, limit: int = MAX_CHARS) -> str:
    """Leave out the middle of a text that is longer than a limit, and say how much that is."""
    if len(text) <= limit:
        return text
    half = (limit - len(_LEFT_OUT.format(len(text)))) // 2
    return text[:half] + _LEFT_OUT.format(len(text) - 2 * half) + text[-half:]
