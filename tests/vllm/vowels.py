"""A world of one turn that a random model learns in a few updates: say vowels."""

from turnwise import TextEnv


class Vowels(TextEnv):
    """The reward is the share of the action's characters that are vowels."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return "Say vowels.", {}

    def step(self, action):
        share = sum(letter in "aeiou" for letter in action) / max(1, len(action))
        return "Thank you.", share, True, False, {"won": share > 0.5}
