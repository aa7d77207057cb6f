"""What must hold in every house, whatever is done in it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import turnwise
from turnwise.envs.household import engine, text
from turnwise.envs.household.game import TASK_TYPES, Game, State, bits
from turnwise.envs.household.generate import generate

CHOICES = st.lists(st.integers(0, 10_000), min_size=1, max_size=40)
GAMES = st.builds(
    generate,
    st.sampled_from(TASK_TYPES),
    st.integers(0, 40),
    st.sampled_from(("train", "unseen")),
    st.sampled_from(("small", "medium")),
)
WORDS = ("go", "to", "take", "from", "move", "use", "heat", "with", "fridge", "1", "apple", "2")
TEXTS = st.one_of(
    st.text(max_size=60),
    st.builds(" ".join, st.lists(st.sampled_from(WORDS))),
)


def walk(game: Game, choices: list[int]):
    """Yield (state, action, observation, next state), the actions drawn from the admissible ones."""
    state = game.initial
    for choice in choices:
        commands = engine.admissible(game, state)
        action = commands[choice % len(commands)]
        observation, following = engine.step(game, state, action)
        yield state, action, observation, following
        state = following


def whereabouts(game: Game, state: State) -> list[int]:
    """Return, for each object, in how many receptacles and hands it is."""
    return [mask.bit_count() + (state.held == o) for o, mask in enumerate(state.inside)]


@settings(max_examples=40, deadline=None)
@given(GAMES, CHOICES)
def test_objects_are_conserved_and_one_at_most_is_in_hand(game, choices):
    before = whereabouts(game, game.initial)
    for *_, state in walk(game, choices):
        assert whereabouts(game, state) == before
        assert -1 <= state.held < len(game.objects)
        assert state.held < 0 or state.inside[state.held] == 0


@settings(max_examples=40, deadline=None)
@given(GAMES, CHOICES)
def test_closed_receptacles_hide_what_is_in_them(game, choices):
    for state, action, observation, following in walk(game, choices):
        open_ = ~game.openable | following.opened
        named = observation if action not in ("help",) else ""
        for o, thing in enumerate(game.objects):
            hidden = following.inside[o] and not following.inside[o] & open_
            if hidden and state.inside[o] == following.inside[o]:
                assert f"a {thing.name}," not in named and f"a {thing.name}." not in named
                assert not any(
                    command.startswith(f"take {thing.name} from")
                    for command in engine.admissible(game, following)
                )


@settings(max_examples=40, deadline=None)
@given(GAMES, CHOICES)
def test_exactly_the_admissible_commands_are_accepted(game, choices):
    for *_, observation, state in walk(game, choices):
        assert observation != text.NOTHING_HAPPENS
        commands = engine.admissible(game, state)
        assert list(commands) == sorted(set(commands))
        for o in range(len(game.objects)):
            for r in bits(game.located[state.location]):
                taken = f"take {game.objects[o].name} from {game.receptacles[r].name}"
                assert (engine.step(game, state, taken)[0] != text.NOTHING_HAPPENS) == (taken in commands)


@settings(max_examples=60, deadline=None)
@given(GAMES, CHOICES, TEXTS)
def test_any_text_is_an_action(game, choices, action):
    *_, (_, _, _, state) = walk(game, choices)
    observation, following = engine.step(game, state, action)
    if action.strip() not in engine.admissible(game, state):
        assert (observation, following) == (text.NOTHING_HAPPENS, state)


@settings(max_examples=40, deadline=None)
@given(GAMES, CHOICES)
def test_score_is_full_exactly_when_won(game, choices):
    for *_, state in walk(game, choices):
        rate = engine.goal_condition_rate(game, state)
        assert 0.0 <= rate <= 1.0
        assert (rate == 1.0) == engine.won(game, state)


@settings(max_examples=40, deadline=None)
@given(GAMES, CHOICES)
def test_equal_hashes_are_equal_states(game, choices):
    states = {game.initial, *(state for *_, state in walk(game, choices))}
    assert len({engine.state_hash(game, state) for state in states}) == len(states)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 200), CHOICES, st.integers(0, 39))
def test_clone_then_act_equals_act_and_replay_equals_live(seed, choices, fork_at):
    live = turnwise.make("household/mix-v0", difficulty="small")
    _, info = live.reset(seed=seed)
    actions, replies, copy = [], [], None
    for turn, choice in enumerate(choices):
        if turn == fork_at:
            copy = live.clone()
        actions.append(info["admissible"][choice % len(info["admissible"])])
        *reply, info = live.step(actions[-1])
        replies.append((*reply, info))
        if reply[2] or reply[3]:
            break
    if copy is not None:
        assert [copy.step(action) for action in actions[fork_at:]] == replies[fork_at:]
    again = turnwise.make("household/mix-v0", difficulty="small")
    again.reset(seed=seed)
    assert [again.step(action) for action in actions] == replies
