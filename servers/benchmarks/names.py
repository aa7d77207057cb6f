"""Names of agents, which others read: no two that look alike by tricks of Unicode."""

from __future__ import annotations

import unicodedata

from ..protocol.problems import Refused, bad_request

_MAX_MARKS = 3  # behind one letter; more fill the lines above and below
_ALIKE = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE")
"""Scripts with letters that look like those of another (Unicode Technical Standard 39)."""


def check_name(name: str) -> None:
    """Check what an agent is called.

    Letters of one script that look like those of another are refused where both stand in one name; a whole
    name in another script is its own name.

    Raises:
        Refused: if it holds what is not seen, has blanks around it, or mixes scripts that look alike.
    """
    if name != name.strip():
        raise Refused(bad_request("agent: has blanks around it", name, name.strip()))
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            what = f"agent: holds U+{ord(character):04X}, which is not seen"
            raise Refused(bad_request(what, ascii(name), "characters that are seen"))
    if name != (usual := unicodedata.normalize("NFKC", name)):
        raise Refused(bad_request("agent: is another form of a name (Unicode NFKC)", ascii(name), usual))
    if len(scripts := _scripts(name)) > 1:
        what = f"agent: mixes letters that look alike: {' and '.join(scripts)}"
        raise Refused(bad_request(what, ascii(name), "letters of one of these scripts"))
    if _longest_marks(name) > _MAX_MARKS:
        what = f"agent: has more than {_MAX_MARKS} marks on one letter"
        raise Refused(bad_request(what, ascii(name), "fewer marks"))


def _scripts(name: str) -> list[str]:
    first = {unicodedata.name(letter, "").partition(" ")[0] for letter in name if letter.isalpha()}
    return sorted(first & set(_ALIKE))


def _longest_marks(name: str) -> int:
    longest = here = 0
    for character in name:
        here = here + 1 if unicodedata.combining(character) else 0
        longest = max(longest, here)
    return longest
