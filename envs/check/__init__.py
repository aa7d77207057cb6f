"""An environment held to the contract.

contract   every check, and what it found
processes  the same replies in fresh processes
trace      replies to a fixed sequence of actions, as text
"""

from .contract import Verdict, check_environment, expert_episode

__all__ = ["Verdict", "check_environment", "expert_episode"]
