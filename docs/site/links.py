"""Links between pages of the repository, as they stand in the source and as the site has them.

In the source a link is right where it is read, in an editor or on a forge: `../README.md` from a page of
docs/. The site has the pages of docs/ at its top, README.md as index.md, and what else is linked to
under its path in the repository; a folder is the list of its pages.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

HOME = "README.md"
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'>]*"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|preconnect|icon))[^>]*\bhref=["']?(?:https?:)?//[^"'>]*"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"';)]*"""
    r"""|\burl\(["']?(?:https?:)?//[^"')]*"""
)
_FENCE = re.compile(r"(?ms)^(```|~~~).*?^\1[^\S\n]*$")
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)(#[^)\s]*)?(?=\))")


def targets(text: str, page: str) -> Iterator[str]:
    """Yield the paths in the repository that a page links to.

    Args:
        text: of the page, in Markdown.
        page: its path in the repository.
    """
    for link in _LINK.finditer(_FENCE.sub("", text)):
        yield _path(page, link[1])


def rewritten(text: str, page: str, is_folder: Callable[[str], bool]) -> str:
    """Return the text of a page with its links as the site has them.

    Args:
        text: of the page, in Markdown.
        page: its path in the repository.
        is_folder: tells whether a path in the repository is one.
    """
    here = posixpath.dirname(in_site(page))

    def changed(link: re.Match[str]) -> str:
        path = _path(page, link[1])
        there = in_site(f"{path}/index.md" if is_folder(path) else path)
        return posixpath.relpath(there, here or ".") + (link[2] or "")

    kept = [(fence.start(), fence.end()) for fence in _FENCE.finditer(text)]
    return _LINK.sub(lambda link: link[0] if _inside(link.start(), kept) else changed(link), text)


def in_site(path: str) -> str:
    """Return where the site has a file of the repository."""
    return "index.md" if path == HOME else path.removeprefix("docs/")


def in_repository(path: str, root: Path) -> str:
    """Return where the repository has a page of the site."""
    return HOME if path == "index.md" else f"docs/{path}" if (root / "docs" / path).exists() else path


def spaced(text: str) -> str:
    """Return text in which a blank line stands before every list: forges do without, the site does not."""
    lines, inside, before = [], False, ""
    for line in text.splitlines():
        if line.startswith(("```", "~~~")):
            inside = not inside
        is_item = bool(re.match(r"(?:[-*]|\d+\.) ", line))
        if is_item and not inside and before.strip() and not re.match(r"(?:[-*]|\d+\.) | ", before):
            lines.append("")
        lines.append(line)
        before = line
    return "\n".join(lines) + "\n"


def plain_fences(text: str) -> str:
    """Return text whose fences say their language and no more, since the site knows no other words there."""
    return re.sub(r"(?m)^(```\w+) [^`\n]*$", r"\1", text)


def fetched(text: str) -> list[str]:
    """Return what a page or a style sheet makes a browser fetch from elsewhere."""
    return [found[0] for found in _FETCHED.finditer(text)]


def _path(page: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def _inside(place: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)
