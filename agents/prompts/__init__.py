"""What a policy is shown, and how its action is read from its answer.

config.py: how prompts are made, in words. explained.py: what is told of how to answer. conversation.py:
the growing prompt of an episode. compaction.py: what stays of turns that are left out. chat_template.py:
prompts in the tokens of another's model. template.py: what it writes. control_tokens.py: its tokens, and
text that only looks like them. char_ends.py: where tokens end in a text. parse.py: the action in a
message. plan.py: messages that also keep or set a subgoal. tool_calls.py: calls in a model's own form,
made into actions. call_forms.py: the forms of calls in a text. call_values.py: what one says.
call_messages.py: calls and answers as messages.
"""

from .config import EXPLAINED, PromptConfig
from .parse import parse_action

__all__ = ["EXPLAINED", "PromptConfig", "parse_action"]
