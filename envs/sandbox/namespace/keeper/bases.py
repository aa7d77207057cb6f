"""What boxes are made of: the host's /usr under a mask with a generated rest, or a folder of one's own."""

from __future__ import annotations

import os
import shutil
from typing import Any

from . import kernel
from .layers import Base, Store

_FLAGS = kernel.MS_NOSUID | kernel.MS_NODEV


def prepare(message: dict[str, Any], number: int, store: Store) -> Base:
    """Make a base in the store.

    A layer of generated files (folders, files, links with their owners) comes first; below it lies a
    folder of the host if one is named, and mounted in it, read-only, the host's /usr with some folders
    emptied and one filled.
    """
    name = f"b{number}"
    os.mkdir(name, 0o755)
    kernel.mount("base", name, "tmpfs", _FLAGS, "size=256m,mode=755")
    os.mkdir(f"{name}/f", 0o755)
    _generate(f"{name}/f", message["files"], owned=not store.user_attributes)
    lower: tuple[str, ...] = (f"{name}/f",)
    trees: tuple[tuple[str, str], ...] = ()
    if message.get("folder"):
        # The path of a descriptor has no character that the options of a mount know.
        lower += (f"/proc/self/fd/{os.open(message['folder'], os.O_PATH | os.O_DIRECTORY)}",)
    if message.get("usr"):
        usr = f"{name}/usr"
        _masked(f"{name}/mask", usr, message["usr"], store.user_attributes)
        trees = (("usr", usr),)
    kernel.mount("none", name, None, kernel.MS_REMOUNT | kernel.MS_RDONLY | _FLAGS)
    filled = message["usr"]["filled"] if message.get("usr") else ""
    return Base(lower, trees, f"/usr/{filled}" if filled else "")


def _generate(root: str, entries: list[dict[str, Any]], owned: bool) -> None:
    for entry in entries:
        path = f"{root}/{entry['path']}"
        if "link" in entry:
            os.symlink(entry["link"], path)
        elif "text" in entry:
            with open(path, "w", encoding="latin-1") as file:
                file.write(entry["text"])
            os.chmod(path, entry.get("mode", 0o644))
        else:
            os.mkdir(path)
            os.chmod(path, entry.get("mode", 0o755))
        if owned:
            os.chown(path, *entry.get("owner", (0, 0)), follow_symlinks=False)


def _masked(mask: str, place: str, usr: dict[str, Any], user_attributes: bool) -> None:
    """Mount the host's /usr read-only with some folders emptied, and one of them filled."""
    attribute = "user.overlay.opaque" if user_attributes else "trusted.overlay.opaque"
    os.mkdir(mask, 0o755)
    os.mkdir(place, 0o755)
    for folder in usr["emptied"]:
        os.makedirs(f"{mask}/{folder}", exist_ok=True)
        os.setxattr(f"{mask}/{folder}", attribute, b"y")
    if usr["filling"]:
        shutil.copytree(usr["filling"], f"{mask}/{usr['filled']}", dirs_exist_ok=True)
        os.chmod(f"{mask}/{usr['filled']}", 0o755)
    options = f"lowerdir={mask}:/usr,redirect_dir=nofollow,metacopy=off,index=off,xino=off"
    options += ",userxattr" if user_attributes else ""
    kernel.mount("usr", place, "overlay", _FLAGS | kernel.MS_RDONLY, options)
