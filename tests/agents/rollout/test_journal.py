"""What is kept of a rollout, and played back where it was cut short.

1. Cut after any record, the rest played on gives the trajectories of a rollout that was left alone, and the
   policy is asked for nothing that is kept: trees, several calls, retries, given turns, lock-step or not.
2. What is whole in a torn or damaged file is read, and nothing behind it.
3. A session that the server still holds goes on; one that is gone is rebuilt by its actions.
4. An environment that answers otherwise than it did: the episode is played again, and counted.
5. A file that cannot be written, or is full, costs the rollout nothing but its journal.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from adding import ADD, ADDING, STOP, Saying

from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import Beginning, BranchingPlan, Journal, RolloutConfig, TaskItem, rollout
from turnwise.agents.rollout.journal_file import JournalFile, read
from turnwise.servers.client import connect
from turnwise.servers.http.control_plane import Application
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.sessions.service import Service

CONFIG = RolloutConfig(max_turns=5, max_tokens=64, slots=3)
PLAIN = PromptConfig(show_admissible=True)
MANY = 1 << 30
HEADER = {"format": "test"}


def timeless(result):
    return [replace(trajectory, seconds=0.0) for trajectory in result.trajectories]


def kept(path: Path, records: int | None = None) -> Journal:
    """Return a journal that goes on after so many records of a file, as if it had been cut there."""
    found = read(path)
    assert found is not None
    lines = path.read_bytes().splitlines(keepends=True)
    if records is not None:
        path.write_bytes(b"".join(lines[: records + 1]))
        found = read(path)
        assert found is not None and len(found.records) == records
    return Journal(JournalFile(path, HEADER, MANY, found.num_bytes), found.records)


def new(path: Path) -> Journal:
    return Journal(JournalFile(path, HEADER, MANY))


def tasks_of(env_id: str) -> list[TaskItem]:
    return [TaskItem(env_id, seed=seed, group=f"g{seed}") for seed in (1, 2) for _ in range(2)]


CASES: dict[str, dict[str, Any]] = {
    "lock-step": {},
    "free": {"config": replace(CONFIG, deterministic=False)},
    "window": {"prompt": PromptConfig(mode="window", history=2)},
    "compacted": {"prompt": PromptConfig(show_admissible=True, compact_after=2, history=1)},
    "summary": {
        "prompt": PromptConfig(compact_after=2, history=1, compaction="summary"),
        "config": replace(CONFIG, constraint="none"),
    },
    "tree": {"plan": BranchingPlan(1, lambda point: int(len(point.turns) in (1, 2)))},
    "given": {"beginning": Beginning(("right",), hint="go right")},
    "retries": {"room": "Faulty"},
}


@pytest.mark.parametrize("case", CASES)
def test_cut_anywhere_it_plays_on_as_if_it_had_not_been(play, room, letters, tmp_path, case):
    more = {"config": CONFIG, "prompt": PLAIN, **CASES[case]}
    beginning, name = more.pop("beginning", Beginning()), more.pop("room", "Corridor")
    tasks = [replace(task, beginning=beginning) for task in tasks_of(room(name))]
    path, policy = tmp_path / "a.turns", letters()
    straight, _ = play(policy, tasks, journal=new(path), **more)
    asked = {request.key for request in policy.requests}
    whole = path.read_bytes()
    num = len(whole.splitlines()) - 1
    for records in {0, 1, num // 3, num // 2, num // 2 + 1, num - 1, num}:
        path.write_bytes(whole)
        journal, again = kept(path, records), letters()
        said = journal.num_turns
        result, _ = play(again, tasks, journal=journal, **more)
        assert timeless(result) == timeless(straight)
        assert journal.resumed.kept_turns == said and not journal.resumed.lost_turns
        if case != "retries":  # of these the failed attempts are begun again
            assert len(again.requests) == len(asked) - said
        journal.close()
        # and the file that it went on with holds all of it: nothing is asked after another kill
        journal, last = kept(path), letters()
        assert timeless(play(last, tasks, journal=journal, **more)[0]) == timeless(straight)
        assert case == "retries" or not last.requests


def test_several_calls_of_a_message_go_on_between_their_steps(tmp_path):
    texts = [ADD % 1 + ADD % 2, ADD % 3, ADD % 1 + STOP]
    config, prompt = RolloutConfig(max_turns=4, constraint="none"), PromptConfig(tools="native", max_calls=5)

    def play(journal):
        async def inside():
            client = connect("local:")
            policy = Saying(texts)
            result = await rollout(client, policy, [TaskItem(ADDING)], config, prompt=prompt, journal=journal)
            await client.aclose()
            return timeless(result), policy

        return asyncio.run(inside())

    path = tmp_path / "a.turns"
    straight, _ = play(new(path))
    assert [len(turn.steps) for turn in straight[0].turns] == [2, 0, 2] and straight[0].end == "terminated"
    whole = path.read_bytes()
    for records in range(1, len(whole.splitlines()) - 1):
        path.write_bytes(whole)
        journal = kept(path, records)
        said = journal.num_turns
        again, policy = play(journal)
        assert again == straight and len(policy.requests) == 3 - said
        assert journal.resumed.lost_turns == 0


def test_what_is_whole_is_read_and_nothing_behind_it(play, room, letters, tmp_path):
    path = tmp_path / "a.turns"
    play(letters(), tasks_of(room("Corridor")), CONFIG, journal=new(path), prompt=PLAIN)
    content, found = path.read_bytes(), read(path)
    ends = [0]
    for line in content.splitlines(keepends=True):
        ends.append(ends[-1] + len(line))
    for cut in range(0, len(content), 97):
        path.write_bytes(content[:cut])
        part, num = read(path), max(0, sum(end <= cut for end in ends) - 2)
        if cut < ends[1]:
            assert part is None
        else:
            assert part.records == found.records[:num] and part.torn == (cut not in ends)
    place = ends[5] + 20
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    damaged = read(path)
    assert damaged.records == found.records[:4] and damaged.torn
    JournalFile(path, HEADER, MANY, damaged.num_bytes).close()
    assert path.read_bytes() == content[: ends[5]], "what is not whole is cut off before anything follows"


class Killed(BaseException):
    """The end of a process."""


class Stops:
    """A policy that ends the process at its n-th message."""

    def __init__(self, letters, after: int) -> None:
        self.inner, self.left = letters(), after

    def make(self):
        inner, real = self.inner, self.inner.generate

        async def generate(request):
            self.left -= 1
            if self.left < 0:
                raise Killed
            return await real(request)

        inner.generate = generate
        return inner


def over_http(service: Service, policy, tasks, journal, close=(), **more):
    """Play over HTTP with a service that outlives its client."""

    async def inside():
        client = connect("http://test", network=httpx.ASGITransport(app=Application(service)))
        client.close = (
            (lambda ids: asyncio.sleep(0)) if close is None else client.close
        )  # the killed close nothing
        try:
            return await rollout(client, policy, tasks, CONFIG, prompt=PLAIN, journal=journal, **more)
        finally:
            await client.aclose()

    try:
        return asyncio.run(inside())
    except Killed:
        return None
    finally:
        journal.close()


@pytest.fixture
def service(room):
    return Service(Catalogue([room("Corridor"), room("Changing")]))


def taken_of(service: Service) -> int:
    """Return how many steps a service has taken."""
    return sum(sum(env.buckets) for env in service.metrics._envs.values())


STOPS: dict[str, tuple[int | None, bool, int]] = {  # records that are left, whether sessions are, attached
    "held": (None, True, 3),
    "the session is gone": (None, False, 0),
    "a step was taken, its reply not kept": (14, True, 3),
    "a message was said, and not kept": (9, True, 3),
    "much was not kept": (6, True, 0),
    "nothing was kept": (0, True, 0),
}


@pytest.mark.parametrize("case", STOPS)
def test_a_session_goes_on_or_is_rebuilt(service, room, letters, play, tmp_path, case):
    """Three episodes, killed at their third message: 3 starts, 6 messages, 6 replies are kept."""
    (records, held, attached), path = STOPS[case], tmp_path / "a.turns"
    tasks = tasks_of(room("Corridor"))[:3]
    straight, _ = play(letters(), tasks, CONFIG, prompt=PLAIN)
    assert over_http(service, Stops(letters, 6).make(), tasks, new(path), close=None) is None
    assert len(service.sessions) == 3, "a client that was killed closes nothing"
    if not held:
        service.remove(list(service.sessions))
    journal, before = kept(path, records), taken_of(service)
    said = journal.num_turns
    assert said == {None: 6, 14: 6, 9: 3, 6: 3, 0: 0}[records]
    policy = letters()
    result = over_http(service, policy, tasks, journal)
    assert timeless(result) == timeless(straight)
    resumed = journal.resumed
    begun = 0 if records == 0 else 3
    assert (resumed.attached, resumed.rebuilt) == (attached, begun - attached)
    assert (resumed.kept_turns, resumed.again, resumed.lost_turns) == (said, 0, 0)
    assert len(policy.requests) == sum(len(each.turns) for each in straight.trajectories) - said
    if attached:  # each step is taken once, whatever was lost on the way
        taken = taken_of(service) - before
        assert taken == sum(len(each.turns) for each in straight.trajectories) - 6
        assert not service.sessions, "all are closed in the end"


def test_a_session_that_its_last_step_has_ended_gives_its_reply(service, room, letters, play, tmp_path):
    tasks, path = [TaskItem(room("Corridor"), seed=seed) for seed in (3, 1)], tmp_path / "a.turns"
    straight, _ = play(letters(("right",)), tasks, CONFIG, prompt=PLAIN)
    assert [len(each.turns) for each in straight.trajectories] == [2, 3]
    killed = Stops(lambda: letters(("right",)), 4).make()
    assert over_http(service, killed, tasks, new(path), close=None) is None
    journal, policy = kept(path, 2 + 2 + 2 + 2), letters(("right",))
    assert timeless(over_http(service, policy, tasks, journal)) == timeless(straight)
    assert (journal.resumed.attached, len(policy.requests)) == (2, 1)


@pytest.mark.parametrize("held", [True, False])
def test_an_environment_that_does_not_repeat_itself_is_played_again(service, room, letters, tmp_path, held):
    tasks, path = [TaskItem(room("Changing"), seed=2)], tmp_path / "a.turns"
    assert (
        over_http(service, Stops(lambda: letters(("left",)), 3).make(), tasks, new(path), close=None) is None
    )
    if not held:
        service.remove(list(service.sessions))
    journal, policy = kept(path), letters(("left",))
    (trajectory,) = over_http(service, policy, tasks, journal).trajectories
    assert trajectory.end == "horizon" and len(trajectory.turns) == 5
    resumed = journal.resumed
    if held:
        assert (resumed.attached, resumed.kept_turns, resumed.twice) == (1, 3, 0.0)
    else:
        assert (resumed.again, resumed.kept_turns, resumed.lost_turns, resumed.twice) == (1, 0, 3, 1.0)
        assert len(policy.requests) == 5
        assert len({turn.observation for turn in trajectory.turns}) == 1, "one episode, of one session"
    assert set(resumed.figures()) >= {"resumed/attached", "resumed/rebuilt", "resumed/again", "resumed/twice"}


@contextmanager
def no_room(num_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("how", ["full", "bound", "nowhere"])
def test_a_journal_that_cannot_be_written_costs_the_rollout_nothing_else(
    play, room, letters, tmp_path, caplog, how
):
    tasks, path = tasks_of(room("Corridor")), tmp_path / "a.turns"
    straight, _ = play(letters(), tasks, CONFIG, prompt=PLAIN)
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "a.turns" if how == "nowhere" else path
    with caplog.at_level(logging.WARNING), no_room(5000 if how == "full" else MANY):
        journal = Journal(JournalFile(place, HEADER, 5000 if how == "bound" else MANY))
        result, _ = play(letters(), tasks, CONFIG, prompt=PLAIN, journal=journal)
    assert timeless(result) == timeless(straight)
    said = [
        record.getMessage() for record in caplog.records if "turns that follow are not kept" in record.message
    ]
    assert len(said) == 1 and str(place) in said[0]
    if how != "nowhere":
        found = read(path)
        assert 0 < found.num_bytes == path.stat().st_size <= 5000 and not found.torn
        journal = kept(path)
        result, _ = play(letters(), tasks, CONFIG, prompt=PLAIN, journal=journal)
        assert timeless(result) == timeless(straight) and journal.resumed.kept_turns > 0
