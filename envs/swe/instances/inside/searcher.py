"""Look for needles in everything that can be read in a box; see `leaks`.

Standard input holds the needles as JSON, arguments are folders to skip.
Each find is a line `leak "..."`; the last line is `searched`.
"""

# mypy: ignore-errors
import bz2
import gzip
import hashlib
import io
import json
import lzma
import marshal
import os
import subprocess
import sys
import tarfile
import zipfile
import zlib

SKIP = ("/proc", "/sys", "/dev", "/grader")
MAX_FILE = 64 << 20
MAX_DEPTH = 3


class Needles:
    """What is searched for; a find is half of the new lines, or one whole new file."""

    def __init__(self, order):
        self.lines = [line.encode() for line in order["lines"]]
        self.pairs = {(first.encode(), then.encode()) for first, then in order["pairs"]}
        self.words = set(order["words"])
        self.blobs, self.files = set(order["blobs"]), set(order["files"])
        self.sizes, self.raw_words = set(order["sizes"]), [word.encode() for word in order["words"]]
        self.stems = set(order["stems"])
        self.enough = max(1, (len(self.lines) + 1) // 2)

    def within(self, data):
        """Say what of the needles some bytes hold, or None."""
        if len(data) in self.sizes and hashlib.sha256(data).hexdigest() in self.files:
            return "a whole new file"
        found = [line for line in self.lines if line in data]
        if self.lines and len(found) >= self.enough and self.follow(data):
            return "%d of %d new lines" % (len(found), len(self.lines))
        return None

    def follow(self, data):
        """Tell whether half of the pairs of lines follow each other in some bytes, as text or as a diff."""
        lines = [line.strip().lstrip(b"+").strip() for line in data.splitlines()]
        lines = [line for line in lines if line]
        held = set(zip(lines, lines[1:]))
        return 2 * len(self.pairs & held) >= len(self.pairs)

    def within_code(self, name, data):
        """Say whether a compiled file knows names that only the solution has.

        One of another name than the solution's files needs three of them: single words are everywhere.
        """
        least = 1 if name.split(".")[0] in self.stems else 3
        if 2 * sum(word in data for word in self.raw_words) <= len(self.raw_words):
            return None
        for start in (16, 12, 8):
            try:
                code = marshal.loads(data[start:])
            except (ValueError, EOFError, TypeError):
                continue
            found = self.words & names_of(code)
            if len(found) >= least and 2 * len(found) > len(self.words):
                return "compiled, with %d of %d new names" % (len(found), len(self.words))
            return None
        return None


def names_of(code):
    """Return every name and every word of a text in a code object and those inside it."""
    found, todo = set(), [code]
    while todo:
        one = todo.pop()
        if hasattr(one, "co_consts"):
            found.update(one.co_names + one.co_varnames + one.co_freevars)
            todo.extend(one.co_consts)
        elif isinstance(one, str):
            found.update(one.replace(".", " ").split())
        elif isinstance(one, (tuple, frozenset)):
            todo.extend(one)
    return found


def leak(text):
    """Say where something was found."""
    print("leak " + json.dumps(text), flush=True)


def search_bytes(where, data, needles, depth=0):
    """Search a file's bytes and, where it is an archive or packed, what is in it."""
    said = needles.within(data)
    if said is None and where.endswith((".pyc", ".pyo")):
        said = needles.within_code(where.rpartition("/")[2], data)
    if said:
        leak("%s: %s" % (where, said))
    elif depth < MAX_DEPTH:
        for name, part in parts(data):
            search_bytes("%s!%s" % (where, name), part, needles, depth + 1)


def parts(data):
    """Yield the members of an archive, or what a packed file holds."""
    head = data[:6]
    try:
        if head[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as held:
                for info in held.infolist():
                    if info.file_size < MAX_FILE:
                        yield info.filename, held.read(info)
        elif data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as held:
                for member in held:
                    if member.isfile() and member.size < MAX_FILE:
                        yield member.name, held.extractfile(member).read()
        elif head[:2] == b"\x1f\x8b":
            yield "gz", gzip.GzipFile(fileobj=io.BytesIO(data)).read(MAX_FILE)
        elif head[:3] == b"BZh":
            yield "bz2", bz2.BZ2Decompressor().decompress(data, MAX_FILE)
        elif head == b"\xfd7zXZ\x00":
            yield "xz", lzma.LZMADecompressor().decompress(data, max_length=MAX_FILE)
        elif head[:1] == b"\x78":
            yield "zlib", zlib.decompressobj().decompress(data, MAX_FILE)
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
        tarfile.TarError,
        RuntimeError,
    ):
        return


def search_git(folder, needles):
    """Search every object of a repository, and its refs and logs."""
    git = ["git", "-c", "safe.directory=*", "--git-dir", folder, "cat-file"]
    asked = git + ["--batch", "--batch-all-objects", "--unordered"]
    env = dict(os.environ, GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*")
    try:
        run = subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    except OSError:
        leak("%s: a repository, but git is missing, so that it cannot be searched" % folder)
        return
    for line in run.stdout:
        name, kind, size = line.decode().split()[:3]
        data = run.stdout.read(int(size) + 1)[:-1]
        if name in needles.blobs:
            leak("%s: object %s: a whole new file" % (folder, name))
        elif kind in ("blob", "commit", "tag"):
            search_bytes("%s: object %s" % (folder, name), data, needles)
    if run.wait():
        leak("%s: a repository that git cannot read" % folder)


def main():
    """Walk through the whole box."""
    needles = Needles(json.loads(sys.stdin.buffer.read().decode()))
    skipped = SKIP + tuple(sys.argv[1:])
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in skipped]
        if "objects" in folders and "HEAD" in files:
            search_git(folder, needles)
            folders.remove("objects")
        for name in files:
            path = os.path.join(folder, name)
            try:
                if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < MAX_FILE:
                    with open(path, "rb") as file:
                        search_bytes(path, file.read(), needles)
            except OSError:
                continue
    print("searched")


if __name__ == "__main__":
    main()
