"""Software engineering: tasks on a working tree in a sandbox, graded in another one.

task      what a task is, whoever wrote it: a start, visible tests, a grader
patches   what an agent changed, as JSON and as a unified diff, and back onto a tree
prove     gold and empty patches graded several times; a task played by a given solution
rates     completion, modification, resolution
environment  tasks as an environment: text in, text out
boxed        what environments in sandboxes share: turns, clones, ends
episode      one attempt at a task: turns, tiers, the verdict
tools        what an agent can do in a working tree, one call a turn
state        names for the state of a tree; what is part of it
expert       the next action of one who knows the right patch
suggestions  calls that an agent without an idea may draw from
task_sets    tasks that an environment plays, and one hash for all that decides what comes of them
trees        files of a box, many at once
instances    records of other people's data sets as tasks
folders      task folders as tasks
bugs         a set of tasks of our own: small packages with bugs, judged by hidden cases
families     swe/tasks-v0 and swe/files-v0
choices      bugs by choice: the right edit among wrong ones, for small policies
"""

from __future__ import annotations

from ..registry import register

__all__ = ["register_environments"]


def register_environments() -> None:
    """Register the ids of the family; called once, by turnwise.envs."""
    numbers = {"max_turns": (1, 200), "command_s": (1, 600), "episode_s": (1, 7200)}
    for_clients: dict[str, tuple[float, float] | None] = {"backend": None, "image": None, **numbers}
    register(
        "swe/tasks-v0",
        "turnwise.envs.swe.families:TasksEnv",
        description="Software engineering: bugs in small packages, repaired in a sandbox.",
        for_clients={name: bound for name, bound in for_clients.items() if name != "image"},
    )
    register(
        "swe/files-v0",
        "turnwise.envs.swe.families:FilesEnv",
        description="Software engineering, files of yours like SWE-bench's or task folders: -k path=PATH.",
        for_clients=for_clients,
    )
    register(
        "swe/choices-v0",
        "turnwise.envs.swe.choices.environment:ChoicesEnv",
        description="Bugs in small packages: choose among edits, run tests, submit; in sandboxes.",
        for_clients={"backend": None, "max_turns": (1, 200)},
    )
