"""Boxes as containers of a Docker engine.

backend     boxes made, kept ready, watched, and cleaned up after
fleet       the containers of a backend: started, removed, found by their id
orphans     what an engine forgets whose containerd is killed while a container begins
sandbox     one box: its container, commands, files, snapshots
engine      the engine, asked through docker-py on threads; its errors told apart
wire        what docker-py does not do well: the streams of a command, events
images      pulled, built, imported; made ready and kept by their content
host        the image made of this machine's /usr
contexts    what a folder or a tar file holds, as a digest and as a tar file
containers  what a container may do
lines       a line of bash as a command, and its result
seccomp     the system call filter
command     what is run, and how the engine is told of it
running     a command: its output, its time limit
killing     the end of what was started since some moment
kernel      what the kernel knows of processes, of whose end the engine may not hear
output      the beginning and the end of what it wrote
files       single files, read and written as the box's user
archives    files as the engine hands them out and takes them in
trees       what changed in a folder since a snapshot
families    boxes that descend from one another, and their snapshots
disk        how much a box has written
owners      labels: who made what, and whether that process still lives
"""

from __future__ import annotations

from .backend import DockerBackend

__all__ = ["DockerBackend"]
