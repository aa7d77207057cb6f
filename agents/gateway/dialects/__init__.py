"""Dialects: the forms in which harnesses call models.

dialect.py: what one is. chat.py: OpenAI's chat completions. responses.py: OpenAI's responses.
messages.py: Anthropic's messages; message_events.py, response_events.py: their streams.
reading.py: what bodies have in common.
"""

from .chat import CHAT
from .dialect import Dialect, Told, openai_refusal

DIALECTS: dict[str, Dialect] = {"chat/completions": CHAT}
"""By what follows /v1/ in the address."""

__all__ = ["DIALECTS", "Dialect", "Told", "openai_refusal"]
