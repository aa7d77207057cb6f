"""A body that grew is read by what is new in it, and says the same as if it were read whole."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.gateway.asked import Asked
from turnwise.agents.gateway.growing import Body, Growing

TEXTS = st.text('a"\\,[]{}:é\n', max_size=6)
VALUES = st.recursive(
    TEXTS | st.integers(0, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
ROWS = st.lists(st.fixed_dictionaries({"role": TEXTS, "content": VALUES}), min_size=1, max_size=3)
MEMBERS = st.dictionaries(st.sampled_from(["model", "stop", "tools", "stream"]), VALUES, max_size=3)


def sent(before: dict[str, Any], rows: list[Any], behind: dict[str, Any], dense: bool) -> bytes:
    separators = (",", ":") if dense else (", ", ": ")
    document = {**before, "messages": rows, **behind}
    return json.dumps(document, separators=separators, ensure_ascii=dense).encode()


def kept(content: bytes) -> Growing:
    growing = Growing()
    growing.keep("p", content, Body.whole(json.loads(content), "messages", Asked(())), 5)
    return growing


@given(before=MEMBERS, rows=ROWS, new=ROWS, behind=MEMBERS, dense=st.booleans())
def test_what_is_new_is_found_however_a_body_is_written(
    before: dict[str, Any], rows: list[Any], new: list[Any], behind: dict[str, Any], dense: bool
) -> None:
    behind = {name: value for name, value in behind.items() if name not in before}
    growing = kept(sent(before, rows, behind, dense))
    found = growing.new_rows("p", sent(before, [*rows, *new], behind, dense))
    assert found is not None and (found[0], found[2]) == (new, 5)
    assert growing.new_rows("other", sent(before, [*rows, *new], behind, dense)) is None


@given(rows=ROWS, behind=MEMBERS, at=st.integers(0, 200), text=st.text('a",[]{}\\ ', max_size=12))
def test_nothing_is_found_that_reading_the_whole_does_not_tell(
    rows: list[Any], behind: dict[str, Any], at: int, text: str
) -> None:
    """Whatever is put anywhere into a body: either it is read whole, or what is new is the same."""
    content = sent({"model": "m"}, rows, behind, True)
    place = at % len(content)
    changed = content[:place] + text.encode() + content[place:]
    found = kept(content).new_rows("p", changed)
    if found is not None and found[0]:
        assert json.loads(changed)["messages"] == [*rows, *found[0]]


def test_a_conversation_that_a_client_rewrites_is_read_whole(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Any:
        await client.open()
        talk: list[Any] = [{"role": "user", "content": "go"}]
        for number in range(4):
            said = await client.chat(talk)
            if number == 2:  # the answer is edited: what follows is behind no answer of the policy
                said = {"role": "assistant", "content": "something else"}
            talk = [*talk, {"role": "assistant", **said}, {"role": "user", "content": f"on {number}"}]
        return await client.end()

    found = with_gateway(letters(), play)
    (*_, third, last) = (turn.generation for turn in found.turns)
    told = "".join(map(chr, last.prompt_ids))
    assert len(found.turns) == 4 and told.endswith("[user]on 1[assistant]something else[user]on 2\x01")
    assert last.prompt_ids[: len(third.prompt_ids) - 1] == third.prompt_ids[:-1]
