"""Calls carried out in a box, and the states of the working tree that they led to.

Whatever is wrong with a call is said in the reply, and the tree stays as it was. After a call
that changed files the box is frozen, so that `undo` and a fork find that state again; processes
left in the background end with it.
"""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from ....errors import UsageError
from ...sandbox import Ran, Sandbox
from ..state import Tree, is_kept, kept, tree_hash, tree_of
from ..task import Patch, Task, Tested
from . import commands
from .calls import Call
from .output import MAX_CHARS, elided, plain, shown, without_noise, without_passed

NOT_DONE = "[not done]"
"""What a reply begins with to a call that did nothing."""
MAX_FILE_BYTES = 1 << 20
_LINES_SHOWN = 200
_MAX_NAMED = 30
_ONLY_HERE = "only what lies in it can be changed, and is handed in"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came to.

    Args:
        text: for the agent.
        replay_key: stands for the text where its words may differ from run to run.
        tested: what the tests said, if they were run.
        changed: whether files differ from before the call.
        parses: whether Python files are new or other than before, and each can be parsed.
        ran: how a command of bash ended.
    """

    text: str
    replay_key: str | None = None
    tested: Tested | None = None
    changed: bool = False
    parses: bool = False
    ran: Ran | None = None


class Refused(Exception):
    """Why a call did nothing; agents read the text."""


class Workbench:
    """A box with a task's tree in it.

    Args:
        box: which the caller closes.
        task: whose tests are run.
        base: the snapshot of the start.
    """

    def __init__(self, box: Sandbox, task: Task, base: str) -> None:
        self.box, self.task, self.base = box, task, base
        self.past: list[tuple[str, Tree]] = [(base, {})]  # states in order, the last is the present one
        self._tools: Mapping[str, Callable[..., Awaitable[Reply]]] = {
            "bash": self._bash,
            "view": self._view,
            "search": self._search,
            "edit": self._edit,
            "create": self._create,
            "run_tests": self._run_tests,
            "undo": self._undo,
        }

    @classmethod
    async def prepared(cls, box: Sandbox, task: Task) -> Self:
        """Put a task's tree into a box."""
        await task.prepare(box)
        return cls(box, task, await box.snapshot())

    @property
    def tree(self) -> Tree:
        """Return what differs from the start."""
        return self.past[-1][1]

    async def fork(self) -> Workbench:
        """Return the same states on a box of their own; processes in the background end."""
        await self.box.snapshot()
        (box,) = await self.box.fork(1)
        twin = Workbench(box, self.task, self.base)
        twin.past = list(self.past)
        return twin

    async def patch(self) -> Patch:
        """Return what differs from the start, with the bytes."""
        return kept(await self.box.changes(self.base))

    async def do(self, call: Call, timeout_s: float) -> Reply:
        """Carry out a call, any but `submit`.

        Args:
            call: what to do.
            timeout_s: seconds that a command may take.

        Raises:
            SandboxError: if the box is gone.
        """
        before = self.tree
        try:
            reply = await self._tools[call.name](timeout_s, **call.arguments)
        except Refused as refusal:
            return Reply(f"{NOT_DONE} {refusal}")
        if call.name in ("view", "search", "undo"):
            return replace(reply, changed=self.tree != before)
        return await self._settled(reply, before)

    async def _settled(self, reply: Reply, before: Tree) -> Reply:
        """Look at what a call has changed, and freeze it; what cannot be looked at is taken back."""
        try:
            tree = tree_of(await self.box.changes(self.base))
        except UsageError:
            await self.box.rollback(self.past[-1][0])
            note = "\n[what it wrote into the working folder is too large and was taken back]"
            return replace(reply, text=reply.text + note, replay_key=None)
        if tree == before:
            return self._keyed(reply)
        self.past.append((await self.box.snapshot(), tree))
        return self._keyed(replace(reply, changed=True, parses=await self._parses(before, tree)))

    def _keyed(self, reply: Reply) -> Reply:
        key = reply.replay_key
        return replace(reply, replay_key=None if key is None else f"{key}; tree {tree_hash(self.tree)}")

    async def _parses(self, before: Tree, after: Tree) -> bool:
        """Tell whether Python files are new or other than before, and the box can parse each."""
        changed = [path for path, digest in after.items() if digest and before.get(path) != digest]
        files = [path for path in changed if path.endswith(".py")][:_MAX_NAMED]
        return bool(files) and (await self.box.run(commands.parse(files), commands.LOOK_S)).exit_code == 0

    async def _bash(self, timeout_s: float, command: str) -> Reply:
        if not command.strip():
            raise Refused("bash needs a command")
        if "\0" in command:
            raise Refused("the command holds a NUL character, which bash cannot read")
        ran = await self.box.run(command, timeout_s, env=commands.ENV)
        said = shown(ran.output) or ("[no output]" if ran.exit_code == 0 else "")
        text = "\n".join(part for part in (said.rstrip("\n"), _how_it_ended(ran, timeout_s)) if part)
        return Reply(text, f"{ran.cause} {ran.exit_code}", ran=ran)

    async def _view(self, timeout_s: float, path: str, first: int, last: int) -> Reply:
        place = self._inside(path)
        try:
            text = await self._read(place)
        except IsADirectoryError:
            return await self._listing(place)
        lines = text.removesuffix("\n").split("\n") if text else []
        first = max(1, first)
        last = min(len(lines), last or first + _LINES_SHOWN - 1)
        if lines and first > last:
            raise Refused(f"{place} has {len(lines)} lines; there are no lines {first} to {last}")
        numbered = "\n".join(f"{at:6}\t{plain(lines[at - 1])}" for at in range(first, last + 1))
        part = f"lines {first} to {last} of " if (first, last) != (1, len(lines)) else ""
        return Reply(f"{elided(numbered)}\n[{part}{len(lines)} lines of {place}]".lstrip("\n"))

    async def _search(self, timeout_s: float, pattern: str, path: str, regex: bool) -> Reply:
        if not pattern or "\n" in pattern or "\0" in pattern:
            raise Refused("search needs a text of one line")
        place = self._inside(path)
        line = commands.find_lines(pattern, place, regex)
        ran = await self.box.run(line, commands.LOOK_S, env=commands.ENV)
        return Reply(_bounded(ran, commands.MAX_HITS, "hits", f"no line holds {pattern[:200]!r}"))

    async def _edit(self, timeout_s: float, path: str, old: str, new: str) -> Reply:
        place = self._inside(path, _ONLY_HERE)
        if old == new:
            raise Refused("the old and the new text are equal; nothing would change")
        try:
            text = await self._read(place)
        except IsADirectoryError:
            raise Refused(f"{place} is a folder; edit takes a file") from None
        found = text.count(old) if old else 0
        if found != 1:
            raise Refused(_no_single_match(place, text, old, found))
        mode = (await self.box.run(commands.mode_of(place), commands.LOOK_S)).output.strip()
        await self._write(place, text.replace(old, new), int(mode, 8) if mode.isdigit() else 0o644)
        return Reply(f"{place} is changed at line {text[: text.index(old)].count(chr(10)) + 1}.")

    async def _create(self, timeout_s: float, path: str, content: str) -> Reply:
        place = self._inside(path, _ONLY_HERE)
        if not is_kept(place):
            raise Refused(f"{place} lies where caches are written; it would be no part of the patch")
        try:
            await self.box.read(place, 1 << 30)
        except FileNotFoundError:
            await self._write(place, content, 0o644)
            return Reply(f"{place} is written: {content.count(chr(10))} lines.")
        except (IsADirectoryError, PermissionError, UsageError):
            pass
        raise Refused(f"{place} is there already; change it with edit")

    async def _run_tests(self, timeout_s: float) -> Reply:
        tested = await self.task.test(self.box)
        failed = sorted(tested.failed)
        head = f"{len(tested.passed)} tests passed, {len(failed)} failed."
        if failed:
            more = f", and {len(failed) - _MAX_NAMED} more" if len(failed) > _MAX_NAMED else ""
            head += f"\nFailed: {', '.join(failed[:_MAX_NAMED])}{more}"
        ended = _how_it_ended(tested.ran, timeout_s) if tested.ran.cause != "exit" else ""
        said = without_noise(without_passed(plain(tested.ran.output))).strip("\n")
        text = "\n".join(part for part in (head, elided(said, MAX_CHARS - len(head)), ended) if part)
        key = f"{tested.ran.cause} {sorted(tested.passed)} {failed}"
        return Reply(text, key, tested)

    async def _undo(self, timeout_s: float) -> Reply:
        if len(self.past) == 1:
            raise Refused("there is nothing to undo: the files are as they were at the start")
        before = self.tree
        self.past.pop()
        snapshot, tree = self.past[-1]
        await self.box.rollback(snapshot)
        names = sorted(path for path in {*before, *tree} if before.get(path, "") != tree.get(path, ""))
        return Reply(f"Undone: {', '.join(names[:_MAX_NAMED])}.")

    async def _listing(self, place: str) -> Reply:
        ran = await self.box.run(commands.list_files(place), commands.LOOK_S, env=commands.ENV)
        return Reply(_bounded(ran, commands.MAX_FILES, "files", f"{place} holds no files"))

    async def _read(self, place: str) -> str:
        """Read a text file of the tree."""
        try:
            content = await self.box.read(place, MAX_FILE_BYTES)
            text = content.decode()
        except FileNotFoundError:
            raise Refused(f"there is no file {place}; view . lists what is there") from None
        except PermissionError:
            raise Refused(f"{place} may not be read") from None
        except UnicodeDecodeError:
            raise Refused(f"{place} is no text: {len(content)} bytes that are not UTF-8") from None
        except UsageError as error:
            raise Refused(f"{place} cannot be shown: {error}") from None
        if "\0" in text:
            raise Refused(f"{place} is no text: it holds NUL characters")
        return text

    async def _write(self, place: str, text: str, mode: int) -> None:
        try:
            await self.box.write(place, text.encode(), mode)
        except UnicodeEncodeError:
            raise Refused("the text holds half a character, which no file can hold") from None
        except (PermissionError, IsADirectoryError, NotADirectoryError):
            raise Refused(f"{place} may not be written") from None
        except OSError as error:
            reason = "there is no space left" if error.errno == errno.ENOSPC else str(error.strerror)
            raise Refused(f"{place} is not written: {reason}; it is as it was") from None

    def _inside(self, path: str, instead: str = "bash may look there") -> str:
        """Return a path from the working folder, if it leads nowhere else; `instead` says what may."""
        workdir = self.task.spec.workdir
        whole = posixpath.normpath(posixpath.join(workdir, path))
        if "\0" in path or not (whole == workdir or whole.startswith(workdir.rstrip("/") + "/")):
            raise Refused(f"{path[:200]!r} lies outside {workdir}; {instead}")
        return posixpath.relpath(whole, workdir)


def _how_it_ended(ran: Ran, timeout_s: float) -> str:
    if ran.cause == "timeout":
        return f"[stopped: it took longer than {timeout_s:g} s]"
    if ran.cause == "memory":
        return "[killed: it used more memory than there is]"
    if ran.cause == "killed" or ran.exit_code is None:
        return "[killed by a signal]"
    return f"[exit code {ran.exit_code}]" if ran.exit_code else ""


def _bounded(ran: Ran, most: int, what: str, nothing: str) -> str:
    """Return lines of a tool's own command, and whether there are more."""
    if ran.cause != "exit":
        return f"[stopped: it took longer than {commands.LOOK_S:g} s or more memory than there is]"
    lines = plain(ran.output).splitlines()
    if not lines:
        return f"[{nothing}]"
    more = f"\n[more than {most} {what}; the first are shown]" if len(lines) > most else ""
    return elided("\n".join(line.removeprefix("./") for line in lines[:most])) + more


def _no_single_match(place: str, text: str, old: str, found: int) -> str:
    """Say why an edit does not know its place."""
    if not old:
        return "the old text is empty; give lines that stand in the file"
    if found:
        at = [number for number, line in enumerate(text.splitlines(), 1) if old.splitlines()[0] in line]
        return f"the old text occurs {found} times in {place} (lines {at[:10]}); give more lines around it"
    stripped = "\n".join(line.strip() for line in text.splitlines())
    if "\n".join(line.strip() for line in old.splitlines()) in stripped:
        return f"the old text does not occur in {place}, but for its blanks: copy the indentation too"
    return f"the old text does not occur in {place}; copy it as view shows it, without the line numbers"
