"""The base of policies without weights, whose text is the action itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from ..types import Generation, GenerationRequest

__all__ = ["ActionPolicy"]


class ActionPolicy(ABC):
    """Name an action for each request; subclasses write `act`."""

    name: str = "action"
    names_actions: ClassVar[bool] = True
    sees_private: ClassVar[bool] = False
    reset_options: ClassVar[dict[str, Any]] = {}

    @abstractmethod
    def act(self, request: GenerationRequest) -> str:
        """Return the action.

        Raises:
            PolicyError: if the request lacks what the policy needs.
        """

    async def generate(self, request: GenerationRequest) -> Generation:
        """Answer one request with the text of an action."""
        return Generation(text=self.act(request))

    async def aclose(self) -> None:  # noqa: B027 - there is nothing that a subclass must release
        """Release nothing."""
