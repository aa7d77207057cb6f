"""An agent that takes the first action it is offered, or looks: for trying a benchmark, not for winning it.

turnwise eval --env household/demo-v0 --agent docs/examples/first_action.py:FirstAction --episodes 5
"""

from turnwise.agents.policies import ActionPolicy
from turnwise.agents.types import GenerationRequest


class FirstAction(ActionPolicy):
    """An agent without an idea, which has something to say in every environment."""

    name = "first action"

    def act(self, request: GenerationRequest) -> str:
        return (request.admissible or request.suggestions or ("look",))[0]
