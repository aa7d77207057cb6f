"""Folders with a quota, stacked by overlay.

A layer is a tmpfs of its own, sized in bytes and inodes, so that a box's disk limit is the kernel's and
a full disk is its own. It is written while it is some box's upper layer; frozen, it is read by any
number of boxes and lives as long as one of them or a snapshot holds it.

Names are relative to the store, where the keeper stands: 64 of them fit into the options of a mount.
"""

from __future__ import annotations

import itertools
import os
import shutil
from typing import NamedTuple

from . import kernel

MAX_DEPTH = 64
"""Frozen layers of a stack; beyond it they are squashed into one."""


class Base(NamedTuple):
    """What a box is made of before anything is written: lower folders, and trees mounted inside."""

    lower: tuple[str, ...]  # topmost first
    trees: tuple[tuple[str, str], ...]  # (folder of the box, mount point in the store)
    site: str = ""  # where the host's Python finds pytest in it


class Layer:
    """One tmpfs: its number, its quota, and how many stacks and snapshots hold it."""

    def __init__(self, number: int, num_bytes: int, num_files: int) -> None:
        self.name = str(number)
        self.num_bytes, self.num_files = num_bytes, num_files
        self.holders = 1
        self.used: tuple[int, int] | None = None  # bytes and inodes, once it is frozen

    @property
    def upper(self) -> str:
        """The folder of what was written."""
        return f"{self.name}/u"

    @property
    def is_written(self) -> bool:
        """Whether anything at all lies in it."""
        return bool(os.listdir(self.upper))

    def usage(self) -> tuple[int, int]:
        """Return bytes and inodes in use."""
        if self.used is not None:
            return self.used
        found = os.statvfs(self.name)
        return (found.f_blocks - found.f_bfree) * found.f_frsize, found.f_files - found.f_ffree


class Store:
    """All layers of this process, in the folder where it stands."""

    def __init__(self, in_user_namespace: bool) -> None:
        self._numbers = itertools.count(1)
        self.user_attributes = in_user_namespace
        attributes = ",userxattr" if in_user_namespace else ""
        self._options = f"redirect_dir=nofollow,metacopy=off,index=off,xino=off{attributes}"
        os.mkdir("m", 0o755)

    def new(self, num_bytes: int, num_files: int) -> Layer:
        """Return an empty layer that can take so much, and the few inodes of its own frame."""
        layer = Layer(next(self._numbers), num_bytes, num_files)
        os.mkdir(layer.name, 0o755)
        size = max(num_bytes, 4096)
        options = f"size={size},nr_inodes={max(num_files, 1) + 16},mode=755"
        try:
            kernel.mount("layer", layer.name, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
        except OSError:
            os.rmdir(layer.name)
            raise
        os.mkdir(f"{layer.name}/u", 0o755)
        os.mkdir(f"{layer.name}/w", 0o755)
        return layer

    def freeze(self, layer: Layer) -> None:
        """Declare a layer finished; nothing holds it as its upper layer any more."""
        shutil.rmtree(f"{layer.name}/w", ignore_errors=True)
        layer.used = layer.usage()

    def thaw(self, layer: Layer) -> None:
        """Take back `freeze`; nothing lies over the layer yet."""
        os.mkdir(f"{layer.name}/w", 0o755)
        layer.used = None

    def hold(self, layers: tuple[Layer, ...]) -> None:
        """Note one more holder of each layer."""
        for layer in layers:
            layer.holders += 1

    def release(self, layers: tuple[Layer, ...]) -> None:
        """Note one holder less; who has none goes, bytes and all."""
        for layer in layers:
            layer.holders -= 1
            if not layer.holders:
                kernel.umount(layer.name, kernel.MNT_DETACH)
                os.rmdir(layer.name)

    def stack(self, base: Base, frozen: tuple[Layer, ...], upper: Layer | None) -> int:
        """Return a tree of the stack, topmost layer first, attached nowhere; read-only without an upper."""
        lower = ":".join([*(layer.upper for layer in frozen), *base.lower])
        options = f"lowerdir={lower},{self._options}"
        if upper is not None:
            options = f"{options},upperdir={upper.upper},workdir={upper.name}/w"
        elif ":" not in lower:
            options = options.replace("lowerdir=", "lowerdir=m:")
        flags = kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("box", "m", "overlay", flags, options)
        try:
            return kernel.clone_tree("m")
        finally:
            kernel.umount("m", kernel.MNT_DETACH)
