"""Why an episode was lost: one cause each, by rules that are read from its trajectory.

registry   rules, their order, and the first one that holds
judge      a model asked for the cause; agreement: how far it names what the rules name
general    rules for every environment
household, shopping, search, calling, swe: rules of one family, by the beginning of the environment's id
"""

from . import calling, general, household, search, shopping, swe
from .registry import CAUSES, Rule, cause_of, rule, rules_for

__all__ = [
    "CAUSES",
    "Rule",
    "calling",
    "cause_of",
    "general",
    "household",
    "rule",
    "rules_for",
    "search",
    "shopping",
    "swe",
]
