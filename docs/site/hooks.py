"""What the site does beyond mkdocs: pages from outside docs/, links made its own, nothing fetched."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

import links  # noqa: E402 - it lies beside this file, which mkdocs imports by its path

_RESULTS = "benchmarks/results"
_OUTSIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside docs/: the first pages of the repository, and all that pages link to."""
    pages = [file.src_uri for file in files.documentation_pages()]
    waiting = [*_OUTSIDE, *(links.in_repository(page, ROOT) for page in pages)]
    known: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in known or not (ROOT / path).is_file():
            continue
        known.add(path)
        if files.get_file_from_path(links.in_site(path)) is None:
            files.append(File.generated(config, links.in_site(path), abs_src_path=str(ROOT / path)))
        if path.endswith(".md"):
            waiting += links.targets((ROOT / path).read_text(), path)
    results = sorted(path for path in known if path.startswith(_RESULTS) and path.endswith(".md"))
    files.append(File.generated(config, f"{_RESULTS}/index.md", content=_list_of(results)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Change the links of a page from those of the repository to those of the site."""
    if page.file.src_uri == f"{_RESULTS}/index.md":
        return markdown
    path = links.in_repository(page.file.src_uri, ROOT)
    text = links.rewritten(markdown, path, lambda target: (ROOT / target).is_dir())
    return links.spaced(text)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that would fetch anything from elsewhere.

    Raises:
        PluginError: naming the files, and what each would fetch.
    """
    found = []
    for file in sorted(Path(config.site_dir).rglob("*")):
        if file.suffix in (".html", ".css"):
            found += [f"{file}: {fetched}" for fetched in links.fetched(file.read_text())]
    if found:
        raise PluginError("the site would fetch from elsewhere:\n" + "\n".join(found))


def _list_of(results: list[str]) -> str:
    lines = [f"- [{_title(path)}]({Path(path).name})" for path in results]
    return "# Results\n\nMeasured, and linked to from these pages.\n\n" + "\n".join(lines) + "\n"


def _title(path: str) -> str:
    found = re.search(r"(?m)^# (.+)$", (ROOT / path).read_text())
    return found[1] if found else Path(path).stem
