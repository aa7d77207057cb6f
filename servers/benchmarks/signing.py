"""Ed25519 keys of an operator: one signs, others have retired, some were revoked.

    FOLDER/secret           from which the secrets of benchmarks are made
    FOLDER/keys.json        the public keys, for everybody who verifies
    FOLDER/private/ID.pem   the private ones

A signature counts for its purpose alone: what was signed as a record is no head of a log. A key that has
retired signs nothing newer; a key that was revoked signs nothing any more, and what it has signed counts
only where the log, under a key that stands, holds it from before.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import orjson

from ...errors import UsageError
from ...files import write_whole

Purpose = Literal["record", "head", "withdrawal"]
SCHEMA = 1
_SECRET_BYTES = 32
_PRIVATE = "private"
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key: hexadecimal, with Unix seconds of its days; 0.0 is not yet."""

    id: str
    public: str
    created: float
    retired: float = 0.0
    revoked: float = 0.0
    reason: str = ""

    def verifies(self, purpose: Purpose, content: bytes, signature: bytes) -> bool:
        """Tell whether a signature of this key is over a content, for a purpose."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public))
            key.verify(signature, _signed(purpose, content))
        except (InvalidSignature, ValueError):
            return False
        return True


def read_keys(content: bytes, where: str) -> dict[str, PublicKey]:
    """Read public keys: id -> key.

    Raises:
        UsageError: if they are not in the form that `turnwise operator public FOLDER` prints.
    """
    try:
        document = orjson.loads(content)
        if document["schema"] != SCHEMA:
            raise UsageError(f"{where}: schema {document['schema']!r}; this turnwise reads schema {SCHEMA}")
        keys = [PublicKey(**row) for row in document["keys"]]
        wrong = [key for key in keys if key.id != _id_of(bytes.fromhex(key.public))]
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"{where}: holds no public keys ({error}); see `turnwise operator public FOLDER`"
        ) from error
    if wrong:
        raise UsageError(f"{where}: the key {wrong[0].id!r} has the id of another one")
    return {key.id: key for key in keys}


def keys_in(file: Path) -> dict[str, PublicKey]:
    """Read the public keys of a file: id -> key.

    Raises:
        UsageError: if it cannot be read, or they are not in the form.
    """
    return read_keys(_content(file), str(file))


def keys_document(keys: list[PublicKey]) -> dict[str, Any]:
    """Return public keys as JSON holds them."""
    return {"schema": SCHEMA, "keys": [asdict(key) for key in keys]}


class Operator:
    """The folder of who hosts benchmarks: the secret and the keys.

    Raises:
        UsageError: if the folder is not one, or others than its owner may read what is secret in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "secret").is_file():
            raise UsageError(
                f"{folder}: holds no secret of an operator; make one with `turnwise operator new {folder}`"
            )
        self.master = _read_secret(folder / "secret")
        self.keys = list(keys_in(folder / "keys.json").values())
        standing = [key for key in self.keys if not key.retired and not key.revoked]
        if len(standing) != 1:
            raise UsageError(
                f"{folder / 'keys.json'}: {len(standing)} keys may sign; expected one that has neither "
                "retired nor been revoked"
            )
        (self.key,) = standing
        self._private = _private_key(folder / _PRIVATE / f"{self.key.id}.pem", self.key)

    @classmethod
    def new(cls, folder: Path) -> Operator:
        """Make the folder of an operator, whole or not at all; git ignores all of it.

        Raises:
            UsageError: if there is one already, or a folder that is not empty, or it cannot be made.
        """
        if (folder / "secret").exists() or (folder / "keys.json").exists():
            raise UsageError(f"{folder}: is the folder of an operator already; nothing was changed")
        try:
            folder.absolute().parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.absolute().parent) as beside:
                made = Path(beside) / "operator"
                (made / _PRIVATE).mkdir(mode=0o700, parents=True)
                key = _made(made)
                _write_private(made / "secret", secrets.token_hex(_SECRET_BYTES).encode() + b"\n")
                _write_keys(made, [key])
                (made / ".gitignore").write_text("*\n")  # nobody commits what signs
                made.rename(folder)  # over a folder only if it is empty
        except OSError as error:
            raise UsageError(
                f"{folder}: cannot be made: {error.strerror}; expected a place where nothing is yet, or an "
                "empty folder"
            ) from error
        return cls(folder)

    def hold(self, wait_s: float) -> None:
        """Host with this folder alone, until this process ends, so that no journal is served beside a copy.

        Args:
            wait_s: how long to wait for another server, which may be about to stop.

        Raises:
            UsageError: if another server hosts with it.
        """
        handle, deadline = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC), time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(_LOOK_S)
                    continue
                os.close(handle)
                raise UsageError(
                    f"{self.folder}: another server hosts with this operator's folder; stop it first"
                ) from None
            return

    def rotate(self, *, revoke: bool = False, reason: str = "") -> Operator:
        """Let another key sign from now on; the present one retires, or is revoked with a reason."""
        now = time.time()
        former = replace(self.key, retired=now)
        if revoke:
            former = replace(former, revoked=now, reason=reason[:200])
        key = _made(self.folder)
        _write_keys(self.folder, [former if each.id == self.key.id else each for each in self.keys] + [key])
        return Operator(self.folder)

    def revoke(self, id: str, reason: str = "") -> Operator:
        """Revoke one of its keys: where it is the one that signs, another signs from now on.

        Raises:
            UsageError: if there is no such key, or it is revoked already.
        """
        if id == self.key.id:
            return self.rotate(revoke=True, reason=reason)
        if id not in {key.id for key in self.keys if not key.revoked}:
            standing = ", ".join(key.id for key in self.keys if not key.revoked)
            raise UsageError(f"{self.folder}: no key {id!r} to revoke; expected one of {standing}")
        now = time.time()
        changed = [
            replace(key, revoked=now, reason=reason[:200]) if key.id == id else key for key in self.keys
        ]
        _write_keys(self.folder, changed)
        return Operator(self.folder)

    def sign(self, purpose: Purpose, content: bytes) -> str:
        """Sign a content for a purpose; return the signature, hexadecimal."""
        return bytes(self._private.sign(_signed(purpose, content))).hex()


def _signed(purpose: Purpose, content: bytes) -> bytes:
    return b"turnwise " + purpose.encode() + b" 1\n" + content


def _id_of(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


def _made(folder: Path) -> PublicKey:
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = PublicKey(_id_of(public), public.hex(), time.time())
    pem = private.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    _write_private(folder / _PRIVATE / f"{key.id}.pem", pem)
    return key


def _write_private(file: Path, content: bytes) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(handle)


def _write_keys(folder: Path, keys: list[PublicKey]) -> None:
    write_whole(folder / "keys.json", orjson.dumps(keys_document(keys), option=orjson.OPT_INDENT_2) + b"\n")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; expected a file of an operator's folder") from error


def _read_secret(file: Path) -> bytes:
    _check_private(file)
    try:
        secret = bytes.fromhex(_content(file).decode("ascii").strip())
    except ValueError:
        raise UsageError(
            f"{file}: is not a secret; expected {2 * _SECRET_BYTES} hexadecimal digits"
        ) from None
    if len(secret) != _SECRET_BYTES:
        raise UsageError(f"{file}: has {len(secret)} bytes; expected {_SECRET_BYTES}")
    return secret


def _check_private(file: Path) -> None:
    if file.exists() and file.stat().st_mode & 0o077:
        mode = f"{file.stat().st_mode & 0o777:o}"
        raise UsageError(f"{file}: mode {mode} lets others read it; expected 600: chmod 600 {file}")


def _private_key(file: Path, key: PublicKey) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    _check_private(file)
    try:
        private = load_pem_private_key(_content(file), None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{file}: is no private key: {type(error).__name__}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"{file}: is no Ed25519 key")
    if private.public_key().public_bytes_raw().hex() != key.public:
        raise UsageError(f"{file}: is not the private half of the key {key.id} of keys.json")
    return private
