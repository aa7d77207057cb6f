"""The household: text games of six kinds of chores, exact to ALFWorld's engine.

env                   the episode: generated games, and the original's files
game, build           what a game and a state are; a game made from drafts
engine, actions       a step, what is admissible, what wins; each verb
text                  every sentence of the original
plan, chores          the expert: the shortest way to win
explore               the teacher: it plays from the texts alone
generate, rooms, furniture, catalogue, draws   games of our own
loader, rules, goals, pddl, index              the original's files
export, manifest      games in its format; frozen lists of tasks, in data
"""

from __future__ import annotations

from ..registry import register

__all__ = ["register_environments"]

_TYPES = {
    "pick_and_place_simple": "put an object in a receptacle",
    "look_at_obj_in_light": "hold an object beside a lamp that is on",
    "pick_clean_then_place_in_recep": "clean an object and put it in a receptacle",
    "pick_heat_then_place_in_recep": "heat an object and put it in a receptacle",
    "pick_cool_then_place_in_recep": "cool an object and put it in a receptacle",
    "pick_two_obj_and_place": "put two objects of a kind in one receptacle",
}
_DEMO = ("pick_and_place_simple", "pick_clean_then_place_in_recep", "pick_heat_then_place_in_recep")
_ENV = "turnwise.envs.household.env:HouseholdEnv"


def register_environments() -> None:
    """Register the ids of the family; called once, by turnwise.envs."""
    for task_type, description in _TYPES.items():
        register(
            f"household/{task_type}-v0",
            _ENV,
            kwargs={"task_types": task_type},
            description=f"Household, generated: {description}.",
        )
    register("household/mix-v0", _ENV, description="Household, generated: all six task types in turn.")
    register(
        "household/demo-v0",
        _ENV,
        kwargs={"task_types": list(_DEMO), "difficulty": "small", "max_turns": 20},
        description="Household, generated: three task types in small rooms, 20 turns; the demo's tasks.",
    )
    register(
        "household/alfworld-v0",
        "turnwise.envs.household.env:AlfworldEnv",
        description="ALFWorld's own games, from files of yours: -k games=FOLDER or -k game_file=FILE.",
    )
