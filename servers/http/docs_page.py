"""The documentation of the calls as a page of our own: no script, and nothing from elsewhere.

It is written from the OpenAPI document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

__all__ = ["PAGE_HEADERS", "docs_page"]

PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

_TOP = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: the calls</title>
<style>
  :root {{ color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif; }}
  body {{ margin: 0 auto; max-width: 62rem; padding: 1.5rem; }}
  h1 {{ font-size: 1.4rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
  code, pre {{ font-family: ui-monospace, monospace; font-size: .92rem; }}
  pre {{ overflow: auto; border: 1px solid #8886; border-radius: .4rem; padding: .8rem; }}
  table {{ border-collapse: collapse; }}
  th, td {{ text-align: left; padding: .25rem .8rem .25rem 0; vertical-align: top; }}
  summary {{ cursor: pointer; padding: .2rem 0; }} summary b {{ display: inline-block; min-width: 4.5rem; }}
</style>
</head>
<body>
<h1>{title} {version}</h1>
<p>{description}</p>
<p><a href="/">Start page</a>, <a href="/openapi.json">the same as OpenAPI</a>.
A key goes into the header <code>Authorization: Bearer KEY</code>.</p>
"""


def docs_page(document: dict[str, Any]) -> bytes:
    """Write the page of an OpenAPI document."""
    info = document["info"]
    description = escape(info.get("description", "")).replace("\n\n", "</p><p>")
    parts = [
        _TOP.format(title=escape(info["title"]), version=escape(info["version"]), description=description)
    ]
    chapters: dict[str, list[str]] = {}
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            chapters.setdefault((call.get("tags") or ["other"])[0], []).append(_call(method, path, call))
    for chapter, rows in chapters.items():
        parts += [f"<h2>{escape(chapter)}</h2>\n", *rows]
    return ("".join(parts) + "</body>\n</html>\n").encode()


def _call(method: str, path: str, call: dict[str, Any]) -> str:
    name = f"<summary><b>{method.upper()}</b> <code>{escape(path)}</code></summary>"
    text = escape(call.get("description") or call.get("summary", ""))
    inside = [f"<p>{text}</p>\n", *_parameters(call.get("parameters", []))]
    body = _schema(call.get("requestBody"))
    if body is not None:
        inside.append(f"<p>Body, as JSON schema:</p>\n{_pre(body)}")
    for status, answer in call.get("responses", {}).items():
        schema = _schema(answer)
        if status != "default" and schema:
            inside.append(f"<p>Answer {escape(status)}, as JSON schema:</p>\n{_pre(schema)}")
    return f"<details>{name}\n{''.join(inside)}</details>\n"


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if not parameters:
        return
    yield "<table><tr><th>parameter</th><th>in</th><th></th></tr>\n"
    for parameter in parameters:
        about = parameter.get("description", "")
        cells = (f"<code>{escape(parameter['name'])}</code>", escape(parameter["in"]), escape(about))
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
    yield "</table>\n"


def _schema(message: dict[str, Any] | None) -> Any:
    for kind in (message or {}).get("content", {}).values():
        return kind.get("schema")
    return None


def _pre(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=1))}</pre>\n"
