"""Boxes out of namespaces, overlay layers and control groups, without an engine.

backend   the backend: what boxes are started from, those that wait, the sweep
box       a box, as its users see it
channel   the server's end of the keeper: calls and replies
host      the image made of the host's /usr
images    root file systems as folders and tar files, and their users
filter    the system call filter
places    where control groups are made, and what dead processes left of them
sweeping  what dead processes left, removed while this one lives
probe     what boxes need of a machine, tried
keeper    the trusted process that holds the boxes
"""

from __future__ import annotations

from .backend import NamespaceBackend

__all__ = ["NamespaceBackend"]
