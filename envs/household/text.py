"""What the household says: every sentence of the original engine, to the letter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..tools import command
from .game import Ability, Game, State, Wording, bits

NOTHING_HAPPENS = "Nothing happens."

_HELP_MOVE = {
    "move": "  move (object) to (receptacle):  place an object in or on a receptacle\n",
    "put": "  put (object) in/on (receptacle):  place an object in or on a receptacle\n",
}
_HELP = (
    "Available commands:\n"
    "  look:                             look around your current location\n"
    "  inventory:                        check your current inventory\n"
    "  go to (receptacle):               move to a receptacle\n"
    "  open (receptacle):                open a receptacle\n"
    "  close (receptacle):               close a receptacle\n"
    "  take (object) from (receptacle):  take an object from a receptacle\n"
    "{move}"
    "  examine (something):              examine a receptacle or an object\n"
    "  use (object):                     use an object\n"
    "  heat (object) with (receptacle):  heat an object using a receptacle\n"
    "  clean (object) with (receptacle): clean an object using a receptacle\n"
    "  cool (object) with (receptacle):  cool an object using a receptacle\n"
    "  slice (object) with (object):     slice an object using a sharp object\n"
)
_HELP_TEXTS = {wording: _HELP.format(move=line) for wording, line in _HELP_MOVE.items()}


def help_text(wording: Wording) -> str:
    """Return the answer to `help`."""
    return _HELP_TEXTS[wording]


def commands(wording: Wording) -> list[dict[str, Any]]:
    """Return the commands that `help` lists as descriptions for agents."""
    lines = (line.partition(":") for line in _HELP_TEXTS[wording].splitlines()[1:])
    return [_command(form.strip(), about.strip()) for form, _, about in lines]


def _command(form: str, about: str) -> dict[str, Any]:
    """Describe a command; a second (object) is what it is done with."""
    usage = form.replace("with (object)", "with (tool)").replace("(", "{").replace(")", "}")
    return command(usage.split()[0], usage, about)


def intro(game: Game) -> str:
    """Return the first observation: the welcome, the room, the task."""
    if game.located[game.initial.location]:
        room = look(game, game.initial)
    else:
        names = (place.name for place in game.receptacles if place.location >= 0)
        room = _middle_of_room(names)
    return f"-= Welcome to TextWorld, ALFRED! =-\n\n{room}\n\n{game.instruction}"


def look(game: Game, state: State) -> str:
    """Return the answer to `look`.

    Beside the receptacles stands what was taken out of one of them and now lies
    in another that shares the location, once for each receptacle it was taken
    from: the original lists what is recorded at the location and is known not
    to be in a receptacle there. Where no receptacle is, nothing is seen: the
    full list stands in the introduction alone.
    """
    here = game.located[state.location]
    if not here:
        return _middle_of_room(())
    facing = _join([game.receptacles[r].name for r in bits(here)])
    beside: list[str] = []
    if here & game.shared:
        spot = 1 << state.location
        for thing, at, left in zip(game.objects, state.at, state.left, strict=True):
            if at & spot:
                beside.extend([thing.name] * (left & here).bit_count())
    return f"You are facing the {facing}. Next to it, you see {_listing(beside)}."


def inventory(game: Game, state: State) -> str:
    """Return the answer to `inventory`."""
    if state.held < 0:
        return "You are not carrying anything."
    return f"You are carrying: a {game.objects[state.held].name}."


def receptacle_description(game: Game, state: State, receptacle: int) -> str:
    """Say what is seen in or on a receptacle, or that its door is closed."""
    name = game.receptacles[receptacle].name
    bit = 1 << receptacle
    if game.openable & bit:
        if not state.opened & bit:
            return f"The {name} is closed."
        return f"The {name} is open. In it, you see {_content(game, state, bit)}."
    return f"On the {name}, you see {_content(game, state, bit)}."


def object_description(game: Game, state: State, thing: int) -> str:
    """Return the answer to `examine O`; containers hide what was done to them."""
    name, abilities = game.objects[thing].name, game.objects[thing].abilities
    if Ability.CONTAINER in abilities:
        return f"This is a normal {name}. In it, you see {_listing(game.contents.get(thing, ()))}."
    bit = 1 << thing
    clean, hot, cool = state.clean & bit, state.hot & bit, state.cool & bit
    sliced = "sliced " if state.sliced & bit else ""
    if clean and hot:
        return f"This is a hot and clean {sliced}{name}."
    if clean and cool:
        return f"This is a cool and clean {sliced}{name}."
    if sliced and (clean or hot or cool):
        return f"This is a {'clean' if clean else 'hot' if hot else 'cool'} {sliced}{name}."
    if hot or clean or cool:
        return f"This is a {'hot' if hot else 'clean' if clean else 'cold'} {name}."
    if state.toggled & bit & game.toggleable:
        return f"This {name} is on."
    if sliced and game.sliceable & bit:
        return f"This is a sliced {name}."
    return f"There's nothing special about {name}."


def _middle_of_room(names: Iterable[str]) -> str:
    return f"You are in the middle of a room. Looking quickly around you, you see {_listing(names)}."


def _content(game: Game, state: State, bit: int) -> str:
    return _listing(
        [thing.name for thing, mask in zip(game.objects, state.inside, strict=True) if mask & bit]
    )


def _listing(names: Iterable[str]) -> str:
    return _join(["a " + name for name in names]) or "nothing"


def _join(parts: list[str]) -> str:
    if len(parts) < 2:
        return parts[0] if parts else ""
    return ", ".join(parts[:-1]) + ", and " + parts[-1]
