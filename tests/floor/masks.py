"""What is left out of a recording: ids, fingerprints, times; and how two recordings are compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_SESSION = re.compile(r'"id":"([^"]+)","incarnation":"([^"]+)"')
_EPISODE = re.compile(r'"episode_id":"([^":]+):')
_FINGERPRINT = re.compile(r'"fingerprint":"([0-9a-f]{8,64})"')
_DIGEST = re.compile(r'"(reset_digest|digest)":"[0-9a-f]{32}"')  # of a reply, whose fingerprint is masked
_NUMBER = re.compile(r'"(idle_s|pid)":[0-9.e-]+')
_TIMED_KEY = re.compile(r"(^|[/_])(time|seconds)([/_]|$)|_per_s$|_s$")


class Names:
    """Stand-ins for what differs from run to run: the first session is ID0, the second ID1, ..."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def mask(self, text: str) -> str:
        """Return a text with names in the place of ids, incarnations and fingerprints."""
        for id, incarnation in _SESSION.findall(text):
            self._learn("ID", id)
            self._learn("INCARNATION", incarnation)
        for id in _EPISODE.findall(text):
            self._learn("ID", id)
        for fingerprint in _FINGERPRINT.findall(text):
            self._learn("FINGERPRINT", fingerprint)
        for value, name in self._names.items():
            text = text.replace(value, name)
        text = _DIGEST.sub(r'"\1":"DIGEST"', text)
        return _NUMBER.sub(r'"\1":"NUMBER"', text)

    def unmask(self, text: str) -> str:
        """Return a text with the values that `<ID0>` and the like stand for."""
        values = {name: value for value, name in self._names.items()}
        return re.sub(r"<([A-Z]+\d+)>", lambda found: values[found[1]], text)

    def _learn(self, kind: str, value: str) -> None:
        if value not in self._names:
            number = sum(name.startswith(kind) for name in self._names.values())
            self._names[value] = f"{kind}{number}"


def readable(text: str) -> Any:
    """Return a JSON text as a document if that says the same bytes, else as it is; lines as a list."""
    if "\n" in text.strip():
        return [readable(line) for line in text.splitlines()]
    try:
        document = json.loads(text)
    except ValueError:
        return text
    again = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return document if again == text else text


def without_times(document: Any) -> Any:
    """Return a document without what depends on the machine's speed and on the code's text."""
    if isinstance(document, dict):
        kept = {key: value for key, value in document.items() if not _TIMED_KEY.search(key)}
        return {key: without_times(value) for key, value in kept.items() if "fingerprint" not in key}
    return [without_times(each) for each in document] if isinstance(document, list) else document


def differences(golden: Any, found: Any, place: str = "") -> Iterator[str]:
    """Yield where two recordings differ; the order of keys counts, too."""
    if isinstance(golden, dict) and isinstance(found, dict):
        for key in [key for key in golden if key not in found]:
            yield f"{place}/{key}: is gone; it was {_short(golden[key])}"
        for key in [key for key in found if key not in golden]:
            yield f"{place}/{key}: is new: {_short(found[key])}"
        for key in [key for key in golden if key in found]:
            yield from differences(golden[key], found[key], f"{place}/{key}")
        if list(golden) != list(found) and set(golden) == set(found):
            yield f"{place}: the order of keys was {list(golden)} and is {list(found)}"
    elif isinstance(golden, list) and isinstance(found, list) and len(golden) == len(found):
        for number, (one, two) in enumerate(zip(golden, found, strict=True)):
            yield from differences(one, two, f"{place}/{number}")
    elif type(golden) is not type(found) or golden != found:
        yield f"{place}:\n  was {_short(golden)}\n  is  {_short(found)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 2000 else text[:2000] + " ..."
