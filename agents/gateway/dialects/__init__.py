"""Dialects: the forms in which harnesses call models.

dialect.py: what one is. chat.py: OpenAI's chat completions. responses.py: OpenAI's responses, and
response_events.py their stream. messages.py: Anthropic's messages. reading.py: what bodies have in common.
"""

from .chat import CHAT
from .dialect import Dialect, Told
from .messages import MESSAGES
from .responses import RESPONSES

DIALECTS: dict[str, Dialect] = {
    "chat/completions": CHAT,
    "responses": RESPONSES,
    "messages": MESSAGES,
}
"""By what follows /v1/ in the address."""

__all__ = ["DIALECTS", "Dialect", "Told"]
