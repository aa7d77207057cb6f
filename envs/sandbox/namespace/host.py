"""What a box of the image HOST is made of: the host's /usr under a mask, and a generated rest.

Nothing else of the host is in it: no package of its Pythons (a library that is being repaired may be
installed there), no /etc but what programs need to start. pytest and what it needs are copied from
this process's own packages, compiled, into a folder named by their content.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from ....scratch import filled
from ..errors import ImageError

PYTHON = "/usr/bin/python3"
_WIDE, _NARROW = range(66_000, 98_000), range(40_000, 60_000)


def users(folder: Path = Path("/proc/self")) -> range:
    """Return the numbers of users that boxes run as, one for each family.

    They lie above those of systemd and below subordinate ones; in a container that has only the usual 65536,
    among the highest that it may give to people. Another system than Linux (it has no boxes) has no tables.

    Sources: systemd.io/UIDS-GIDS (65536 to 524287 unused), login.defs(5) (SUB_UID_MIN 100000, UID_MAX 60000),
    user_namespaces(7).
    """
    for table in (folder / "uid_map", folder / "gid_map"):
        if not table.exists():
            continue
        rows = [[int(word) for word in line.split()] for line in table.read_text().splitlines()]
        if not any(first <= _WIDE.start and _WIDE.stop <= first + count for first, _, count in rows):
            return _NARROW
    return _WIDE


USERS = users()
USERS_FILE = "/run/turnwise/users"
"""Byte n is locked by the process that has taken number n of the range."""
UID, GID = (USERS.start, USERS.start) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
"""What stands for the user in generated files until a family has its number; without root oneself."""

_PACKAGES = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
_SITES = ("lib/python3*/*-packages", "lib64/python3*/*-packages")
_COPIED = ("services", "protocols", "mime.types", "ld.so.cache")
_TIMEOUT_S = 120
_PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    "agent:x:{uid}:{gid}:agent:/home/agent:/bin/bash\n"
)
_GROUP = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\nagent:x:{gid}:\n"
_HOSTS = "127.0.0.1 localhost box\n::1 localhost\n"


def describe(uid: int, gid: int) -> dict[str, Any]:
    """Return the base for the keeper: generated files, and what becomes of /usr."""
    site = _site()
    emptied = sorted(
        str(folder.relative_to("/usr"))
        for place in ("/usr", "/usr/local")
        for pattern in _SITES
        for folder in Path(place).glob(pattern)
    )
    filled = str(Path(site).relative_to("/usr")) if site else ""
    return {
        "files": [*_rest(uid, gid)],
        "usr": {
            "emptied": sorted({*emptied, filled} - {""}),
            "filled": filled,
            "filling": str(_pytest()) if site else "",
        },
    }


def _rest(uid: int, gid: int) -> list[dict[str, Any]]:
    """Return everything but /usr."""
    entries: list[dict[str, Any]] = [
        {"path": name}
        for name in ("usr", "etc", "home", "proc", "dev", "sys", "run", "var", "var/lib", "opt")
    ]
    entries.append({"path": "root", "mode": 0o700})
    entries += [{"path": name, "mode": 0o1777} for name in ("tmp", "var/tmp")]
    entries.append({"path": "home/agent", "mode": 0o755, "owner": [uid, gid]})
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if Path(f"/{name}").is_dir() and Path(f"/usr/{name}").is_dir():
            entries.append({"path": name, "link": f"usr/{name}"})
    texts = {
        "passwd": _PASSWD.format(uid=uid, gid=gid),
        "group": _GROUP.format(gid=gid),
        "hosts": _HOSTS,
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        "hostname": "box\n",
    }
    entries += [{"path": f"etc/{name}", "text": text} for name, text in texts.items()]
    return entries + _of_the_host()


def _of_the_host() -> list[dict[str, Any]]:
    """Return the little of /etc that programs need: tables of names, and what links choose."""
    entries: list[dict[str, Any]] = []
    for name in _COPIED:
        path = Path("/etc", name)
        if path.is_file():
            entries.append({"path": f"etc/{name}", "text": path.read_bytes().decode("latin-1")})
    alternatives = Path("/etc/alternatives")
    if alternatives.is_dir():
        entries.append({"path": "etc/alternatives"})
        entries += [
            {"path": f"etc/alternatives/{link.name}", "link": str(link.readlink())}
            for link in sorted(alternatives.iterdir())
            if link.is_symlink()
        ]
    return entries


def cache_place() -> Path:
    """Return where what boxes are made of is kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "turnwise" / "sandbox"


def cache_folder() -> Path:
    """Return the folder for what boxes are made of, made if it is not there."""
    folder = cache_place()
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    return folder


@cache
def _site() -> str:
    """Return where the host's Python looks for packages first; empty without a Python in /usr."""
    program = "import site; print(site.getsitepackages()[-1])"
    try:
        done = subprocess.run(
            [PYTHON, "-I", "-c", program], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = done.stdout.strip()
    return found if found.startswith("/usr/") else ""


@cache
def _pytest() -> Path:
    """Return the folder with pytest and what it needs, made if it is not there."""
    sources = [source for name in _PACKAGES for source in _sources(name)]
    digest = hashlib.sha256()
    for name, path in sources:
        digest.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    version = subprocess.run([PYTHON, "-V"], capture_output=True, text=True, timeout=_TIMEOUT_S).stdout
    digest.update(version.encode())
    place = cache_folder() / f"pytest-{digest.hexdigest()[:16]}"
    if not place.is_dir():
        _make(place, sources)
    return place


def _sources(name: str) -> list[tuple[str, Path]]:
    """Return the Python files of an installed package: (path inside, where it lies)."""
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ImageError(
            f"boxes of the host's /usr get {name} from this Python: pip install {name}"
        ) from error
    return sorted(
        (str(file), Path(str(file.locate())))
        for file in files
        if ".." not in file.parts and file.suffix != ".pyc" and not str(file).startswith("bin/")
    )


def _make(place: Path, sources: list[tuple[str, Path]]) -> None:
    """Copy and compile beside the place, then rename, so that it is whole or not there."""
    with filled(place) as new:
        for name, path in sources:
            target = new / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        how = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(new), "-p", _site()]
        subprocess.run(
            [PYTHON, "-I", "-m", "compileall", *how, str(new)],
            check=True,
            timeout=_TIMEOUT_S,
            capture_output=True,
        )
