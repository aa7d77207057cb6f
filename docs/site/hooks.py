"""What the site does beyond mkdocs: pages from outside docs/, links made its own, nothing fetched."""

from __future__ import annotations

import re
from pathlib import Path

import links
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]

_OUTSIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside docs/: the first pages of the repository, all that pages link to, folders."""
    waiting = [*_OUTSIDE, *(links.in_repository(page.src_uri, ROOT) for page in files.documentation_pages())]
    known: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in known or not (ROOT / path).exists():
            continue
        known.add(path)
        if (ROOT / path).is_file() and files.get_file_from_path(links.in_site(path)) is None:
            files.append(File.generated(config, links.in_site(path), abs_src_path=str(ROOT / path)))
        if path.endswith(".md"):
            waiting += links.targets((ROOT / path).read_text(), path)
    for folder in filter(lambda path: (ROOT / path).is_dir(), sorted(known)):
        place = f"{links.in_site(folder)}/index.md"
        files.append(File.generated(config, place, content=_list_of(folder, files)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Change the links of a page from those of the repository to those of the site."""
    if page.file.generated_by and page.file.abs_src_path is None:  # the list of a folder
        return markdown
    path = links.in_repository(page.file.src_uri, ROOT)
    text = links.rewritten(markdown, path, lambda target: (ROOT / target).is_dir())
    return links.spaced(links.plain_fences(text))


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


def _list_of(folder: str, files: Files) -> str:
    """Return the page of a folder: the pages of the site in it, or its files where there are none."""
    start = f"{links.in_site(folder)}/"
    inside = sorted(file.src_uri for file in files if file.src_uri.startswith(start))
    pages = [uri for uri in inside if uri.endswith(".md")]
    lines = [f"- [{_title(uri)}]({uri.removeprefix(start)})" for uri in pages or inside]
    return f"# {Path(folder).name.capitalize()}\n\n" + "\n".join(lines) + "\n"


def _title(uri: str) -> str:
    path = ROOT / links.in_repository(uri, ROOT)
    found = re.search(r"(?m)^# (.+)$", path.read_text()) if uri.endswith(".md") else None
    return found[1] if found else Path(uri).name
