"""Groups in flight: how many, which are taken when, and that each counts once under the version it bears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

import pytest

from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import RolloutResult, RolloutStats
from turnwise.agents.types import Generation, Trajectory, Turn, VersionSpan
from turnwise.errors import CheckpointError, TrainingError
from turnwise.trainers.rollouts.bound import RolloutParts
from turnwise.trainers.rollouts.choosers.memory import TaskMemory
from turnwise.trainers.rollouts.collect import Collector
from turnwise.trainers.rollouts.flight import Flight, Plan
from turnwise.trainers.rollouts.mixture import EnvChoice
from turnwise.trainers.rollouts.stream import Stream
from turnwise.trainers.rollouts.tasks import Pick
from turnwise.trainers.sections import EnvSection, RolloutSection, TrainSection

ROOM = EnvChoice("room", {}, {})
GROUPS, MEMBERS = 2, 2
Tasks = Mapping[str, TaskMemory]


def planned(update: int, tasks: Tasks) -> tuple[Plan, Tasks]:
    return Plan(update, tuple(Pick(ROOM, 10 * update + place, MEMBERS) for place in range(GROUPS))), tasks


class Player:
    """Episodes that end when a test says so, by their group's name; `version` is what the engine says."""

    def __init__(self) -> None:
        self.version = 0
        self.ends: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []

    async def __call__(self, flight: Flight) -> RolloutResult:
        for task in flight.tasks:
            if task.group not in self.begun:
                self.begun.append(task.group)
        async with asyncio.TaskGroup() as running:
            for place in range(len(flight.tasks)):
                running.create_task(self._episode(flight, place))
        return RolloutResult((), RolloutStats(retries=1))

    async def _episode(self, flight: Flight, place: int) -> None:
        await self.ends.setdefault(flight.tasks[place].group, asyncio.Event()).wait()
        flight.keep(place, self.played(flight, place))

    def played(self, flight: Flight, place: int) -> Trajectory:
        task = flight.tasks[place]
        said = Generation("x", (1,), (2,), (-1.0,), versions=(VersionSpan(self.version, 0, 1),))
        turn = Turn(0, "o", "s", "x", 1.0, "n", said)
        return Trajectory("room", "t", task.seed, task.group, (turn,), "terminated", member=task.member or 0)

    def end(self, *groups: str) -> None:
        for group in groups:
            self.ends.setdefault(group, asyncio.Event()).set()


def streamed(player: Player, staleness: int, left: tuple[Plan, ...] = ()) -> Stream:
    return Stream(planned, player, GROUPS, 64, staleness, left)


def names(taken: Any) -> list[str]:
    return [group[0].group for group in taken.groups]


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20.0):
            await test()

    asyncio.run(bounded())


def test_with_no_staleness_nothing_is_played_beside_its_update() -> None:
    async def test() -> None:
        player = Player()
        stream = streamed(player, 0)
        player.end("0-0", "0-1")
        taken = await stream.take(0, {})
        assert (names(taken), taken.stats.episodes, taken.stats.retries) == (["0-0", "0-1"], 4, 1)
        await asyncio.sleep(0.01)
        assert player.begun == ["0-0", "0-1"] and taken.figures == {} and stream.in_flight(1) == []

    run(test)


def test_older_groups_come_first_and_one_that_lasts_comes_later() -> None:
    async def test() -> None:
        player = Player()
        stream = streamed(player, 1)
        player.end("0-0", "1-1", "1-0")  # 0-1 goes on for longer
        taken = await stream.take(0, {})
        assert names(taken) == ["0-0", "1-0"]
        assert taken.figures["stream/in_flight"] == 2 * GROUPS
        await asyncio.sleep(0.01)
        assert player.begun == ["0-0", "0-1", "1-0", "1-1"]  # nothing more before the update is learned
        player.version = 1
        taking = asyncio.create_task(stream.take(1, {}))
        await asyncio.sleep(0.01)
        assert player.begun[4:] == ["2-0", "2-1"] and not taking.done()  # 1-1 alone has ended
        player.end("0-1")
        assert names(await taking) == ["0-1", "1-1"]
        player.end("2-0", "2-1")
        assert names(await stream.take(2, {})) == ["2-0", "2-1"]
        await stream.aclose()

    run(test)


def test_slots_go_to_the_older_flight_and_pass_to_the_next() -> None:
    async def test() -> None:
        flights: list[Flight] = []

        class Watched(Player):
            async def __call__(self, flight: Flight) -> RolloutResult:
                flights.append(flight)
                return await super().__call__(flight)

        player = Watched()
        stream = Stream(planned, player, GROUPS, 6, 1)
        taking = asyncio.create_task(stream.take(0, {}))
        await asyncio.sleep(0.01)
        assert [flight.gate.slots for flight in flights] == [6, 2]
        player.end("0-0")
        await asyncio.sleep(0.01)
        assert [flight.gate.slots for flight in flights] == [6, 4]
        player.end("0-1")
        await taking
        assert flights[1].gate.slots == 6
        await stream.aclose()

    run(test)


@pytest.mark.parametrize("label", [0, 2])
def test_a_version_that_a_group_cannot_have_met_is_refused(label: int) -> None:
    async def test() -> None:
        player = Player()
        stream = streamed(player, 0)
        player.version = label  # the group begins and is taken under 1
        player.end("1-0", "1-1")
        with pytest.raises(
            TrainingError, match=rf"1-0#0, turn 0: tokens bear version {label} .* under 1 and"
        ):
            await stream.take(1, {})

    run(test)


def test_a_group_is_taken_once() -> None:
    async def test() -> None:
        player = Player()
        stream = streamed(player, 1)
        player.end("0-0", "0-1", "1-0", "1-1")
        first: list[Flight] = []
        fly = player.__call__

        async def again(flight: Flight) -> RolloutResult:
            """Let the second flight give an episode of the first once more."""
            first.append(flight)
            if flight.plan.update == 1:
                flight.keep(0, player.played(first[0], 0))
            return await fly(flight)

        stream = Stream(planned, again, GROUPS, 64, 1)
        with pytest.raises(TrainingError, match=r"0-0#0 came for 1-0#0, .* count twice"):
            await stream.take(0, {})
            await stream.take(1, {})
        await stream.aclose()

    run(test)


def test_an_episode_and_a_group_cannot_come_twice() -> None:
    player, flight = Player(), Flight(planned(3, {})[0], 0, None, lambda: None)
    flight.keep(0, player.played(flight, 0))
    with pytest.raises(TrainingError, match="3-0#0 came twice"):
        flight.keep(0, player.played(flight, 0))
    with pytest.raises(TrainingError, match="3-0#0 came for 3-0#1"):  # another place of the same flight
        flight.keep(1, player.played(flight, 0))
    flight.keep(1, player.played(flight, 1))
    assert flight.ended() == ["3-0"]
    assert [each.member for each in flight.take("3-0")] == [0, 1]
    with pytest.raises(TrainingError, match="3-0 was taken already"):
        flight.take("3-0")
    with pytest.raises(TrainingError, match=r"3-0#1 came for .* taken already"):
        flight.keep(1, player.played(flight, 1))


def test_what_ends_a_flight_ends_the_run_also_before_its_turn() -> None:
    async def test() -> None:
        player = Player()

        async def broken(flight: Flight) -> RolloutResult:
            if flight.plan.update == 1:
                raise TrainingError("the engine is gone")
            return await player(flight)

        stream = Stream(planned, broken, GROUPS, 64, 1)
        with pytest.raises(TrainingError, match="the engine is gone"):
            await stream.take(0, {})
        await stream.aclose()

    run(test)


def test_a_resumed_run_plays_again_what_was_in_flight_and_no_more() -> None:
    async def test() -> None:
        player = Player()
        stream = streamed(player, 1)
        player.end("0-0", "1-0")
        await stream.take(0, {})
        within = [plan.document() for plan in stream.in_flight(0)]  # cut short while update 0 is learned
        after = [plan.document() for plan in stream.in_flight(1)]  # or after it
        await stream.aclose()
        assert [(each["update"], each["left"]) for each in within] == [(0, [0, 1]), (1, [0, 1])]
        assert [(each["update"], each["left"]) for each in after] == [(0, [1]), (1, [1])]
        again = Player()
        again.version = 1
        stream = streamed(again, 1, tuple(Plan.read(each, [ROOM]) for each in after))
        again.end("0-1", "1-1", "2-0", "2-1")
        taken = await stream.take(1, {})
        assert names(taken) == ["0-1", "1-1"] and taken.figures["stream/replayed"] == 2
        assert again.begun == ["0-1", "1-1", "2-0", "2-1"]
        assert [group[0].task_seed for group in taken.groups] == [1, 11]
        taken = await stream.take(2, {})
        assert names(taken) == ["2-0", "2-1"] and taken.figures["stream/replayed"] == 0
        await stream.aclose()

    run(test)


@pytest.mark.parametrize(
    "broken", [{"update": 1}, {"update": 1, "picks": [["gone", 1, 2, 0]], "left": [0]}, {}]
)
def test_a_broken_record_of_what_was_in_flight_is_named(broken: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="groups in flight"):
        Plan.read(broken, [ROOM])


def test_members_that_never_play_leave_their_group_whole_in_the_end() -> None:
    """A plan that branches may leave members out; a group without any is not there."""

    async def test() -> None:
        player = Player()

        async def sparse(flight: Flight) -> RolloutResult:
            flight.keep(0, replace(player.played(flight, 0), member=0))
            return RolloutResult((), RolloutStats())

        stream = Stream(planned, sparse, GROUPS, 64, 0)
        taken = await stream.take(0, {})
        assert [len(group) for group in taken.groups] == [1]
        assert stream.in_flight(1) == []

    run(test)


@pytest.mark.parametrize("staleness", [0, 1])
def test_episodes_that_play_beside_others_are_not_in_lock_step(staleness: int) -> None:
    """In lock-step all would wait for the slowest; alone they are in it, as the recipe says."""
    found: list[tuple[bool, int]] = []

    async def play(
        client: Any, policy: Any, tasks: Any, config: Any, keep: Any, plan: Any, **more: Any
    ) -> RolloutResult:
        found.append((config.deterministic, more["gate"].slots))
        for place, task in enumerate(tasks):
            keep(place, Trajectory("room", "t", task.seed, task.group, (), "horizon", member=task.member))
        return RolloutResult((), RolloutStats())

    async def test() -> None:
        rollout = RolloutSection(num_groups=GROUPS, group_size=MEMBERS, slots=32, deterministic=True)
        train = TrainSection(mode="async", max_staleness=staleness)
        parts = RolloutParts(None, None, (), ())
        given: Any = (None, RandomPolicy(), parts, EnvSection("room"), rollout, PromptConfig(), train)
        collector = Collector(*given, play=play)
        assert len((await collector.collect(0)).played) == GROUPS * MEMBERS
        await collector.aclose()

    run(test)
    assert [deterministic for deterministic, _ in found] == [not staleness] * (1 + staleness)
    assert found[0][1] == 32
