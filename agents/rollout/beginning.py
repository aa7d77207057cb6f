"""How an episode begins, where it is not with the environment's first state and nothing else.

Turns may be given to it: their actions are taken before its policy is asked, stand in its
prompts as if the policy had said them, and are learned from by nobody. Words may be added to its
prompts. Trainers help so in training (trainers.rollouts.samplers); evaluations never do.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from ...errors import UsageError
from ..policy import Policy
from ..prompts.config import PromptConfig
from ..prompts.parse import Parsed, Reading, in_tags
from ..types import Generation


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an episode is given.

    Args:
        actions: taken before the policy says anything, each a turn.
        hint: words that stand behind the task in every prompt.
        state: digest of the key of the state that the actions lead to; in another one the episode fails.
            Empty: any.
    """

    actions: tuple[str, ...] = ()
    hint: str = ""
    state: str = ""


NOTHING = Beginning()


def given(
    action: str, prompt: PromptConfig, policy: Policy, prompt_ids: tuple[int, ...]
) -> tuple[Generation, Reading]:
    """Return the message of a turn that is given, and what is read from it.

    Its tokens are those of the text: nobody sampled them, and there are no logprobs.

    Raises:
        UsageError: if prompts are of a form that actions cannot be written in.
    """
    if prompt.style == "plan" or prompt.tools == "native":
        raise UsageError(
            f"turns cannot be given to an agent with prompt.style {prompt.style!r} and prompt.tools "
            f"{prompt.tools!r}: set style to 'plain' or 'tags' and tools to 'text', or help it by words"
        )
    text = in_tags(action) if prompt.style == "tags" else action
    tokens = policy.encode(text) if policy.tokens else ()
    message = Generation(text, prompt_ids, tokens, finish_reason="length")  # its end comes with the reply
    return message, Reading((Parsed(action),))


def strayed(beginning: Beginning, done: bool, state_key: str) -> str:
    """Return why an episode cannot go on after what it was given; empty if it can.

    Args:
        beginning: what it was given.
        done: whether it is over.
        state_key: of the state that it is in.
    """
    num = len(beginning.actions)
    if num and done:
        return f"the {num} actions that it was given ended it"
    if beginning.state and digest_of(state_key) != beginning.state:
        return (
            f"the {num} actions that it was given led to another state than before, {state_key[:80]!r}: "
            "the environment does not repeat itself"
        )
    return ""


def digest_of(state_key: str) -> str:
    """Return what stands for the key of a state where it would take too much room."""
    return blake2b(state_key.encode("utf-8", "replace"), digest_size=8).hexdigest()
