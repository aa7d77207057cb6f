"""A policy that does what the environment's own expert would do."""

from __future__ import annotations

from types import MappingProxyType

from ...errors import PolicyError
from ..policy import ActionPolicy
from ..types import GenerationRequest


class ExpertPolicy(ActionPolicy):
    """The environment's own expert: `info["private"]["expert"]`, which every reset is asked for."""

    name = "expert"
    takes_images = sees_private = True
    reset_options = MappingProxyType({"expert": True})

    def act(self, request: GenerationRequest) -> str:
        """Return the expert's action.

        Raises:
            PolicyError: if the environment gives none.
        """
        action = request.private.get("expert")
        if not isinstance(action, str):
            raise PolicyError(
                "the environment gave no info['private']['expert']: it has no expert, "
                "or the server strips private parts from replies to this key"
            )
        return action
