"""What people are shown: figures that may be unknown, and text of which nobody knows where it comes from.

Observations, actions and causes of errors are whatever an environment or a model
wrote: they must neither move the cursor of a terminal nor turn its text around.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

# Controls of terminals (tab and newline apart), marks of direction, signs without a width, lone
# surrogates, line ends that few expect, and the tags that spell hidden text.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_COMMAND = re.compile(r"(?m)(^ *|`)(turnwise|pytest) (?=[\w'./-])")
_INSTALL = re.compile(r"(?<!-m )\bpip install (?=['\w])")
UNKNOWN = "-"


def visible(text: str) -> str:
    r"""Return text in which nothing is acted upon: what cannot be seen is spelled, as \x1b or \u202e.

    Line ends of Windows become plain ones.
    """
    return _HIDDEN.sub(lambda found: _spelled(found[0]), text.replace("\r\n", "\n"))


def runnable(text: str) -> str:
    """Return text whose commands, on a line of their own or between backticks, can be typed in this shell.

    Where `turnwise` or `pytest` is not on PATH, as without an activated environment, they get the path that
    works; so do installations, wherever they stand.
    """
    text = _COMMAND.sub(lambda found: f"{found[1]}{_program(found[2])} ", text)
    return _INSTALL.sub(lambda _: f"{_installer()} ", text)


@cache
def _program(name: str) -> str:
    own = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if found and (not own.exists() or Path(found).resolve() == own.resolve()):
        return name
    return _typed(own) if own.exists() else f"{_typed(Path(sys.executable))} -m {name}"


@cache
def _installer() -> str:
    found = shutil.which("pip")
    if found and Path(found).parent.resolve() == Path(sys.executable).parent.resolve():
        return "pip install"
    return f"{_typed(Path(sys.executable))} -m pip install"


def _typed(file: Path) -> str:
    here = Path.cwd()
    return shlex.quote(str(file.relative_to(here) if file.is_relative_to(here) else file))


def percent(rate: float | None, digits: int = 1) -> str:
    """Return a share in percent; a dash if it is unknown."""
    return UNKNOWN if rate is None else f"{100 * rate:.{digits}f} %"


def interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """Return an interval in percent; a dash if it is unknown."""
    if low is None or high is None:
        return UNKNOWN
    return f"{100 * low:.{digits}f} to {percent(high, digits)}"


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
