"""An environment of one's own for the composition and the manifests beside it: put yours in its place."""

from turnwise import TextEnv


class Corridor(TextEnv):
    """A corridor of doors, one of which is open; whoever walks far enough finds it.

    Args:
        length: how many doors there are.
    """

    def __init__(self, length: int = 5) -> None:
        self._length = length

    def reset(self, *, seed=None, options=None):
        """Begin in front of the first door."""
        super().reset(seed=seed)
        self._open, self._at = int(self.np_random.integers(self._length)), 0
        return self._seen(), self._info()

    def step(self, action):
        """Walk on, or push the door."""
        pushed = action == "push"
        won = pushed and self._at == self._open
        self._at = min(self._at + (action == "walk on"), self._length - 1)
        text = "The door opens." if won else "It is locked." if pushed else self._seen()
        return text, float(won), won, False, self._info() | {"won": won}

    def _seen(self):
        light = "light falls through below it" if self._at == self._open else "it is dark below it"
        return f"You stand in front of door {self._at + 1} of {self._length}; {light}."

    def _info(self):
        return {"admissible": ["walk on", "push"], "instruction": "go through the open door"}
