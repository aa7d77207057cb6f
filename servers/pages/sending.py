"""Pages and the files that they need, as answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response

from .writing import ASSETS

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def add_assets(app: FastAPI) -> None:
    """Add the style sheet, the script and the icon of all pages."""
    for file in sorted(ASSETS.iterdir()):
        app.add_api_route(f"/{file.name}", _asset(file), methods=["GET"])


def answer(request: Request, page: bytes) -> Response:
    """Send a page, or nothing where the browser has this very one (RFC 9110, 13.1.2)."""
    tag = f'"{hashlib.blake2b(page, digest_size=12).hexdigest()}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag})
    return Response(page, media_type="text/html", headers={"etag": tag})


def _asset(file: Path) -> Callable[[], Response]:
    content, kind = file.read_bytes(), _KINDS[file.suffix]

    def asset() -> Response:
        return Response(content, media_type=kind)

    return asset
