"""The image HOST on Docker: a small image of folders and tables, and the host's /usr bound in, only to read.

What is in it is what the namespace backend takes: nothing of the host but /usr, without the packages of its
Pythons, with a pytest of its own. A copy of /usr as an image would be gigabytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import ImageError
from ..namespace.host import GID, UID, describe
from .engine import Engine
from .owners import CACHED

_REPOSITORY = "turnwise-host"
_DEBIAN = "lib/python3/dist-packages"


@cache
def _description(uid: int, gid: int) -> dict[str, Any]:
    return describe(uid, gid)


def image(engine: Engine, user: str) -> tuple[str, Callable[[], None]]:
    """Return the name of the image, by its content, and what makes it.

    Args:
        engine: where.
        user: who commands run as, `uid:gid`.

    Raises:
        ImageError: if the engine is not on this machine.
    """
    if not engine.is_local:
        raise ImageError(
            "an image made of the host needs an engine on this machine: name one with image:NAME, "
            "dockerfile:FOLDER or rootfs:PATH"
        )
    uid, gid = map(int, user.split(":"))
    entries = _description(uid, gid)["files"]
    name = hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()[:40]

    def make() -> None:
        with tempfile.NamedTemporaryFile(prefix="turnwise-host-") as file:
            file.write(_packed(entries))
            file.flush()
            changes = [f"LABEL {CACHED}=host", f"USER {user}"]
            engine.api.import_image_from_file(file.name, repository=_REPOSITORY, tag=name, changes=changes)

    return f"{_REPOSITORY}:{name}", make


def mounts() -> list[Any]:
    """Return /usr and what of it is replaced, all of it only to read."""
    from docker.types import Mount

    usr = _description(UID, GID)["usr"]
    there = [path for path in usr["emptied"] if Path("/usr", path).is_dir()]  # nothing can be made in /usr
    places = {"/usr": "/usr"} | {f"/usr/{path}": str(_empty()) for path in there}
    if usr["filled"]:
        fitting = [path for path in (usr["filled"], _DEBIAN) if path in there]
        if not fitting:
            raise ImageError(
                f"/usr/{usr['filled']} is not there, where pytest would be put: make that folder, or name "
                "another image"
            )
        places[f"/usr/{fitting[0]}"] = usr["filling"]
    return [Mount(inside, outside, type="bind", read_only=True) for inside, outside in places.items()]


@cache
def _empty() -> Path:
    """Return a folder that is always empty."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "turnwise" / "sandbox" / "empty"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ImageError(f"{folder} is not empty, as it has to be: remove what is in it")
    return folder


def _packed(entries: list[dict[str, Any]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry["path"])
            info.uid, info.gid = entry.get("owner", (0, 0))
            if "link" in entry:
                info.type, info.linkname = tarfile.SYMTYPE, entry["link"]
                archive.addfile(info)
            elif "text" in entry:
                data = entry["text"].encode("latin-1")
                info.size, info.mode = len(data), entry.get("mode", 0o644)
                archive.addfile(info, io.BytesIO(data))
            else:
                info.type, info.mode = tarfile.DIRTYPE, entry.get("mode", 0o755)
                archive.addfile(info)
    return packed.getvalue()
