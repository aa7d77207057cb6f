"""Who the boxes of a family run as: a number of the family's own, so that the kernel counts it alone.

Inotify instances, queued signals, pipe memory and the like are counted by user. A family is a box with all
that were forked from it: they share files, so they share the number too. The numbers come from a range;
one that is taken is a locked byte of a file, which the kernel frees whatever ends the keeper, so that
keepers of one machine never give the same number twice. Who was given back waits longest to be taken.

An image's files that belong to the user whom the task names are shown as the family's, by an idmapped mount
(mount_setattr(2), Linux 5.19 below overlay). Where none can be made, the image's own number stays.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
from dataclasses import dataclass, replace

from . import kernel
from .entering import Person
from .layers import Base

_UNABLE = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM)


@dataclass(frozen=True)
class User:
    """A user as an image knows him."""

    name: str
    uid: int
    gid: int
    home: str
    is_of_image: bool  # and not the one that is generated over it


@dataclass
class Family:
    """A box and its forks: who runs in them, over what base, and how many they are."""

    person: Person
    base: Base
    number: int | None = None  # of the range
    mount: str = ""
    num_boxes: int = 0


class Numbers:
    """The numbers of a range that this process has taken.

    Args:
        path: the file whose bytes are locked.
        first: the first number.
        count: how many there are.
    """

    def __init__(self, path: str, first: int, count: int) -> None:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._first, self._count = first, count
        self._next = int.from_bytes(os.urandom(4), "little") % count
        self._taken: set[int] = set()

    def take(self) -> int:
        """Return a number that nobody on this machine has.

        Raises:
            OSError: EUSERS if there is no such.
        """
        for _ in range(self._count):
            at, self._next = self._next, (self._next + 1) % self._count
            if at in self._taken:
                continue
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
            except (BlockingIOError, PermissionError):
                continue
            self._taken.add(at)
            return self._first + at
        last = self._first + self._count - 1
        raise OSError(errno.EUSERS, f"all user numbers from {self._first} to {last} are taken: close boxes")

    def give_back(self, number: int) -> None:
        """Let others have a number; no process and no file has it any more."""
        at = number - self._first
        self._taken.remove(at)
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, at)


class Families:
    """The families of this keeper; without numbers all are the one user that a server without root has."""

    def __init__(self, numbers: Numbers | None) -> None:
        self._numbers = numbers
        self._mounts = itertools.count(1)

    def begin(self, user: User, person: Person, base: Base) -> Family:
        """Return a family without boxes.

        Raises:
            OSError: if no number is left.
        """
        if self._numbers is None:
            return Family(person, base)
        number = self._numbers.take()
        try:
            family = Family(replace(person, uid=number, gid=number), base, number)
            if user.is_of_image and not self._map(family, user):
                self._numbers.give_back(number)
                return Family(person, base)
        except BaseException:
            self._numbers.give_back(number)
            raise
        return family

    def _map(self, family: Family, user: User) -> bool:
        """Show what belongs to an image's user as the family's; return False where the files cannot be."""
        assert family.number is not None
        *generated, folder = family.base.lower
        try:
            tree = kernel.mapped_tree(folder, (user.uid, family.number), (user.gid, family.number))
        except OSError as error:
            if error.errno in _UNABLE:
                return False
            raise
        family.mount = f"i{next(self._mounts)}"
        os.mkdir(family.mount)
        at = os.open(family.mount, os.O_PATH | os.O_DIRECTORY)
        try:
            kernel.attach_tree(tree, at)
        finally:
            os.close(at)
            os.close(tree)
        family.base = family.base._replace(lower=(*generated, family.mount))
        return True

    def join(self, family: Family) -> None:
        """Note one more box."""
        family.num_boxes += 1

    def leave(self, family: Family) -> None:
        """Note one box less, whose processes have ended; with the last the number goes back."""
        family.num_boxes -= 1
        if family.num_boxes:
            return
        if family.mount:
            kernel.umount(family.mount, kernel.MNT_DETACH)
            os.rmdir(family.mount)
        if self._numbers is not None and family.number is not None:
            self._numbers.give_back(family.number)


def furnish(user: User, family: Family, folders: tuple[str, ...]) -> None:
    """Make a new box the family's own, with its root: the tables of names, the home, the folders."""
    person = family.person
    if family.number is not None:
        _renumber("passwd", 0, user.name, (person.uid, person.gid))
        _renumber("group", 2, str(user.gid), (person.gid,))
        if not user.is_of_image:
            os.chown(user.home, person.uid, person.gid)
    for folder in folders:
        if not os.path.isdir(folder):
            os.makedirs(folder)
            os.chown(folder, person.uid, person.gid)


def _renumber(table: str, column: int, value: str, numbers: tuple[int, ...]) -> None:
    """Put other numbers into the rows of a generated table that have a value in a column."""
    with open(f"/etc/{table}", "r+", encoding="latin-1") as file:
        rows = [line.split(":") for line in file.read().split("\n")]
        for row in rows:
            if len(row) > 3 and row[column] == value:
                row[2 : 2 + len(numbers)] = map(str, numbers)
        file.seek(0)
        file.truncate()
        file.write("\n".join(":".join(row) for row in rows))
