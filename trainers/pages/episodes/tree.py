"""A group as a tree of forks: a node a turn, shaded by its credit, a leaf an episode.

A turn that branches share is one node; its credit is the mean over the episodes that hold it, as
the trainer learns from it (trainers.learner.sharing). Episodes that never forked are lines from the start.
"""

from __future__ import annotations

from dataclasses import dataclass

from .group import Group, Member, shade

_STEP_X, _STEP_Y, _LEFT, _TOP, _LABEL = 26, 24, 14, 16, 170
MOST_DEPTH = 120
_Key = tuple[int, int]  # the member that sampled a turn, and its index


@dataclass(slots=True)
class Node:
    """A turn that was played once, in the places of the picture."""

    x: float
    y: float
    member: Member
    turn: int
    action: str
    values: list[float]
    shade: str = ""

    @property
    def credit(self) -> float | None:
        """Return the mean credit over the episodes that hold the turn; None where it is not known."""
        return sum(self.values) / len(self.values) if self.values else None


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where an episode ends."""

    x: float
    y: float
    member: Member


@dataclass(frozen=True, slots=True)
class Tree:
    """The picture: nodes, the lines between them as paths of SVG, the ends of episodes."""

    nodes: list[Node]
    edges: list[str]
    leaves: list[Leaf]
    width: int
    height: int
    forks: int
    method: str


def tree_of(group: Group, method: str) -> Tree:
    """Draw a group under a method; the first one known where there is no such method."""
    methods = group.methods()
    method = method if method in methods else next(iter(methods), "")
    ordered = _in_order(group.members)
    nodes: dict[_Key, Node] = {}
    children: dict[_Key | None, list[float]] = {}
    leaves: list[Leaf] = []
    held: list[tuple[_Key | None, _Key]] = []
    for row, member in enumerate(ordered):
        path = _path(member)
        credit = group.credit_of(member)
        for depth, key in enumerate(path):
            node = nodes.get(key)
            if node is None:
                action = member.trajectory.turns[depth].action
                x, y = _LEFT + (depth + 1) * _STEP_X, _TOP + row * _STEP_Y
                node = nodes[key] = Node(x, y, member, depth, action, [])
                before = path[depth - 1] if depth else None
                held.append((before, key))
                children.setdefault(before, []).append(y)
            node.values += [value for name, value, _, _ in credit[depth] if name == method] if credit else []
        leaves.append(Leaf(_LEFT + (len(path) + 1) * _STEP_X, _TOP + row * _STEP_Y, member))
    most = max((abs(node.credit or 0.0) for node in nodes.values()), default=0.0)
    for node in nodes.values():
        node.shade = shade(node.credit or 0.0, most)
    edges = [_edge(nodes.get(before) if before else None, nodes[key]) for before, key in held]
    depth = max((len(_path(member)) for member in ordered), default=0)
    forks = sum(len(ys) - 1 for before, ys in children.items() if before is not None)
    size = (_LEFT + (depth + 1) * _STEP_X + _LABEL, 2 * _TOP + len(ordered) * _STEP_Y)
    return Tree(list(nodes.values()), edges, leaves, *size, forks, method)


def _path(member: Member) -> list[_Key]:
    """Return the turns of an episode, each by who sampled it."""
    trajectory = member.trajectory
    sampled = trajectory.sampled_by
    return [
        (sampled[turn] if turn < len(sampled) else trajectory.member, turn)
        for turn in range(min(len(trajectory.turns), MOST_DEPTH))
    ]


def _in_order(members: list[Member]) -> list[Member]:
    """Return members so that branches stand beside what they branched from."""
    return sorted(members, key=lambda member: [*_path(member), (member.trajectory.member, MOST_DEPTH)])


def _edge(before: Node | None, node: Node) -> str:
    x, y = (before.x, before.y) if before else (_LEFT, node.y)
    middle = (x + node.x) / 2
    return f"M{x:.0f} {y:.0f}C{middle:.0f} {y:.0f} {middle:.0f} {node.y:.0f} {node.x:.0f} {node.y:.0f}"
