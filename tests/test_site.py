"""The documentation is one whole: every page has a place, every link leads somewhere, here and on the site.

1. Every page of docs/ stands once in the navigation of mkdocs.yml, and nothing else does.
2. Every link of a page leads to a file of the repository, and to a heading of it.
3. Links, lists and what is fetched, as docs/site/links.py changes them. `make docs` builds the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import links
import pytest
import yaml

import turnwise
from turnwise import credit

ROOT = Path(__file__).resolve().parents[1]
FROM_ELSEWHERE = {"index.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/results/index.md"}
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").rglob("*.md"))
MIXED = """\
See [results](../benchmarks/results/speed.md#rates), [home](../README.md), [all](../benchmarks/results),
[other](other.md), [here](#below), [far](https://example.org/a) and `code`.

```
[left](../README.md)
```
"""


def named(entries: list[Any]) -> Iterator[str]:
    """Yield the pages of a navigation."""
    for entry in entries:
        values = entry.values() if isinstance(entry, dict) else [entry]
        for value in values:
            yield from named(value) if isinstance(value, list) else [value]


def anchors(page: Path) -> set[str]:
    """Return the names that a page's headings are linked to by."""
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^```.*?^```", "", page.read_text()))
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_page_has_a_place_in_the_navigation() -> None:
    nav = list(named(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert sorted(nav) == sorted(set(nav)), "a page stands twice in nav of mkdocs.yml"
    assert set(nav) == pages | FROM_ELSEWHERE, (
        "add new pages to nav of mkdocs.yml, where a reader looks for them"
    )


def test_every_public_name_stands_in_the_reference() -> None:
    pages = (page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    named = set(re.findall(r"(?m)^::: turnwise\.(?:errors\.)?(\w+)$", "\n".join(pages)))
    assert set(turnwise.__all__) - {"__version__", "TurnwiseError"} <= named
    method = set(
        re.findall(r"(?m)^::: turnwise\.credit\.(\w+)$", (ROOT / "docs/reference/credit.md").read_text())
    )
    ours = {name for name in credit.names() if credit.get(name).__module__.startswith("turnwise.")}
    assert len(ours) > 15 and ours <= method, "those that other tests register are theirs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text())
    for path, anchor in re.findall(r"\]\((?![a-z]+:)([^)#\s]*)(#[^)\s]+)?\)", text):
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {path}"
        assert not anchor or anchor[1:] in anchors(target), f"{page.name} links to {path}{anchor}"


def test_links_become_those_of_the_site() -> None:
    changed = links.rewritten(MIXED, "docs/page.md", lambda path: path == "benchmarks/results")
    assert changed == MIXED.replace("../benchmarks/results)", "benchmarks/results/index.md)").replace(
        "../benchmarks/results/speed", "benchmarks/results/speed"
    ).replace("[home](../README.md)", "[home](index.md)")
    assert list(links.targets(MIXED, "docs/page.md")) == [
        "benchmarks/results/speed.md",
        "README.md",
        "benchmarks/results",
        "docs/other.md",
    ]


@pytest.mark.parametrize(
    ("page", "link", "there"),
    [
        ("README.md", "docs/python.md", "python.md"),
        ("docs/tutorials/a.md", "../examples/loop.py", "../examples/loop.py"),
        ("docs/tutorials/a.md", "../../README.md", "../index.md"),
        ("benchmarks/results/a.md", "../../docs/credit.md", "../../credit.md"),
        ("benchmarks/results/a.md", "a.png", "a.png"),
    ],
)
def test_a_link_leads_to_the_same_page(page: str, link: str, there: str) -> None:
    assert links.rewritten(f"[x]({link})", page, lambda _: False) == f"[x]({there})"
    at = posixpath.normpath(posixpath.join(posixpath.dirname(links.in_site(page)), there))
    assert links.in_site(posixpath.normpath(posixpath.join(posixpath.dirname(page), link))) == at


def test_lists_stand_apart() -> None:
    text = "Two things:\n- one\n  more\n- two\n\n1. a\n2. b\n```\nx\n- kept\n```\n"
    assert links.spaced(text) == text.replace("things:\n", "things:\n\n")


def test_fences_say_their_language_and_no_more() -> None:
    text = "```python notest\nx = `a b`\n```\n```sh\nls\n```\n"
    assert links.plain_fences(text) == text.replace(" notest", "")


def test_what_is_fetched_from_elsewhere_is_found() -> None:
    bad = [
        '<script async src="https://a.org/x.js">',
        "<img alt='' src=//a.org/x.png",
        '<link rel="stylesheet" href="http://a.org/x.css',
        "@import 'https://a.org/x.css",
        "url(https://a.org/font.woff",
    ]
    assert [len(links.fetched(text + '">')) for text in bad] == [1] * len(bad)
    good = '<a href="https://a.org">x</a><script src="assets/x.js"></script><link rel="canonical" href="https://a">'
    assert links.fetched(good) == []
