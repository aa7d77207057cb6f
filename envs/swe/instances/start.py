"""The tree that an agent is given: at its commit, with a history that holds no future.

Where the image holds the repository, what is reachable from the base commit is fetched into a new
repository, which takes the old one's place: no other branch, tag, remote, stash, reflog, unreachable
or packed object comes along. Where it does not, the same is made of the user's own clones
(`Clones`) and sent in. Compiled copies and build folders are removed. A start that is made by
planting a bug has one single commit: its parent would be the answer.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....errors import UsageError
from ....scratch import scratch
from ...sandbox import ImageError, Ran, Sandbox
from ..patches import PatchError
from ..trees import diff_onto, put
from .guard import files_of
from .records import Record, RecordError

_SECONDS = 600.0
_GIT = "git -c advice.detachedHead=false"
_HOME = """export HOME="$PWD/.turnwise-home"
mkdir -p "$HOME"
trap 'rm -rf "$HOME"' EXIT
printf '[safe]\\n\\tdirectory = *\\n' > "$HOME/.gitconfig"
"""
"""Settings of git for these scripts alone: the tree may belong to another user of the image."""

_WHO = "-c user.name=start -c user.email=start@localhost -c commit.gpgsign=false"

_CHECKOUT = f"{_GIT} checkout -q -f {{base}}"
_AT_BASE = f'test "$({_GIT} rev-parse HEAD)" = "$({_GIT} rev-parse {{base}}^{{{{commit}}}})"'

_FORGET = f"""set -e
{_GIT} branch -q -f turnwise-start HEAD
git init -q .turnwise-git
{_GIT} -C .turnwise-git fetch -q --no-tags --update-shallow "$PWD" turnwise-start:refs/heads/main
rm -rf .git
mv .turnwise-git/.git .git
rm -rf .turnwise-git
git symbolic-ref HEAD refs/heads/main
{_GIT} reset -q --mixed
find . -name .git -not -path ./.git -exec rm -rf {{}} +
rm -rf .git/logs .git/FETCH_HEAD .git/ORIG_HEAD .git/hooks
"""

_ANEW = f"""set -e
rm -rf .git
find . -name .git -exec rm -rf {{}} +
git init -q
{_GIT} add -A
{_GIT} {_WHO} commit -q --allow-empty -m start
rm -rf .git/logs .git/hooks
"""

_CLEAN = """find . -path ./.git -prune -o -name __pycache__ -prune -exec rm -rf {} +
for pattern in '*.pyc' '*.orig' '*.rej'; do
  find . -path ./.git -prune -o -type f -name "$pattern" -exec rm -f {} +
done
rm -rf build/lib* build/bdist* dist .pytest_cache .tox .nox .eggs .mypy_cache .hypothesis
rm -rf /r2e_tests /root/r2e_tests /run_tests.sh /root/run_tests.sh 2>/dev/null
true"""

_FROM_BUNDLE = """set -e
git clone -q -b main .turnwise-bundle .turnwise-git
mv .turnwise-git/.git .git
rm -rf .turnwise-git .turnwise-bundle
git remote remove origin
git reset -q --hard
rm -rf .git/logs .git/hooks .git/packed-refs.lock
"""


@dataclass(frozen=True, slots=True)
class Clones:
    """The user's own clones, `FOLDER/owner__name` or `FOLDER/name`, for images without the repository."""

    folder: Path

    def check(self, records: Iterable[Record], where: str) -> None:
        """See that each record's commit is there to be taken.

        Args:
            records: what is to be played.
            where: begins an error, before the record.

        Raises:
            RecordError: naming the record, the clone and the commit.
            UsageError: if there is no clone, or a folder is not one.
        """
        by_repo: dict[str, list[Record]] = {}
        for record in records:
            by_repo.setdefault(record.repo, []).append(record)
        for repo, those in by_repo.items():
            clone = self._clone_of(repo)
            missing = _missing(clone, [record.base_commit for record in those])
            for record in those:
                if record.base_commit in missing:
                    raise RecordError(
                        f"{where}: record {record.id}: field 'base_commit': {clone} has no commit "
                        f"{record.base_commit!r}; fetch it there, or correct the record"
                    )

    def bundle(self, repo: str, commit: str) -> bytes:
        """Return a git bundle of one branch, `main`, with what is reachable from a commit.

        Raises:
            UsageError: if there is no such clone or commit.
        """
        clone = self._clone_of(repo)
        with scratch() as folder:
            name = str(folder)
            any_commit = ["-c", "uploadpack.allowAnySHA1InWant=true", "-c", "safe.directory=*"]
            source = f"{commit}:refs/heads/main"
            _git("init", "-q", "--bare", name)
            _git(*any_commit, "-C", name, "fetch", "-q", "--no-tags", str(clone.resolve()), source)
            _git("-C", name, "bundle", "create", "-q", "out.bundle", "refs/heads/main")
            return (folder / "out.bundle").read_bytes()

    def _clone_of(self, repo: str) -> Path:
        names = (repo.replace("/", "__"), repo.rpartition("/")[2])
        for name in names:
            if (self.folder / name).is_dir():
                return self.folder / name
        there = "holds" if self.folder.is_dir() else "is not there, and so holds"
        raise UsageError(
            f"clones={str(self.folder)!r} {there} no clone of {repo}; expected a folder "
            f"{' or '.join(names)} in it"
        )


def _missing(clone: Path, commits: Sequence[str]) -> set[str]:
    """Return those of some commits that a clone does not hold."""
    asked = "".join(f"{'_'.join(commit.split())}^{{commit}}\n" for commit in commits)
    told = _git("-c", "safe.directory=*", "-C", str(clone), "cat-file", "--batch-check", asked=asked)
    return {
        commit for commit, line in zip(commits, told.splitlines(), strict=True) if line.endswith(" missing")
    }


def _git(*arguments: str, asked: str = "") -> str:
    try:
        ran = subprocess.run(
            ["git", *arguments], input=asked, capture_output=True, text=True, timeout=_SECONDS
        )
    except FileNotFoundError as error:
        raise UsageError(
            "git is not installed, which takes trees from clones: apt-get install git"
        ) from error
    if ran.returncode:
        raise UsageError(f"git {' '.join(arguments)}: {' '.join(ran.stderr.split())[-500:]}")
    return ran.stdout


async def lay(box: Sandbox, record: Record, bundle: bytes | None) -> None:
    """Bring the tree of a new box to the record's start, as it is graded: with all of its tests.

    Raises:
        ImageError: if the image does not hold what the record says.
    """
    if bundle is not None:
        await box.write(".turnwise-bundle", bundle)
        await _do(box, record, _FROM_BUNDLE, "the clone cannot be unpacked")
    elif record.base_commit:
        base = shlex.quote(record.base_commit)
        await _do(box, record, _CHECKOUT.format(base=base), "the base commit cannot be checked out")
        await _do(
            box, record, _AT_BASE.format(base=base), f"the base commit {record.base_commit} is not there"
        )
    if record.bug:
        try:
            await put(box, await diff_onto(box, record.bug))
        except (PatchError, OSError) as error:
            raise ImageError(
                f"{record.id}: field 'patch': does not fit the image {record.image}: {error}"
            ) from error


async def forget(box: Sandbox, record: Record) -> None:
    """Take from a start whatever holds the solution or the hidden tests.

    Raises:
        ImageError: if that cannot be done: no git in the image, no repository.
    """
    if record.style == "swe-smith":  # the tests that show the bug lie in the image's tree
        await put(box, dict.fromkeys(files_of(record.fail_to_pass)))
    await _do(box, record, _CLEAN, "copies cannot be removed")
    known = record.base_commit and not record.bug
    await _do(box, record, _FORGET if known else _ANEW, "the history cannot be made anew")


async def _do(box: Sandbox, record: Record, script: str, what: str) -> Ran:
    ran = await box.run(_HOME + script, _SECONDS)
    if ran.exit_code != 0:
        raise ImageError(
            f"{record.id}: {what} in {record.workdir} of {record.image} ({ran.cause}): {ran.output[-500:]}"
        )
    return ran
