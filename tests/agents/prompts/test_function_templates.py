"""Conversations with calls by the templates of Qwen2.5, Qwen3-Coder, Llama 3.1 and Mistral, to the letter.

1. tests/golden/calls/*.txt are such conversations, as they were read by a person: two calls and
   their answers, one that is wrong, a message without a call. After a change that is meant: run this
   file, with PYTHONPATH=tests/small.
2. Each prompt continues the one before token by token; where the model writes as its template does, it is the
   template's own rendering.
3. Where a conversation is written anew, a template that takes one call a message is given one a message.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chats import CALLING, LLAMA31, MISTRAL_CALLS, WITH_FUNCTIONS, tokenizer

from turnwise.agents.prompts.call_messages import one_by_one
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.prompts.config import PromptConfig, View
from turnwise.agents.prompts.conversation import Context
from turnwise.agents.prompts.tool_calls import read_native
from turnwise.agents.types import Generation, Message
from turnwise.envs.tools import functions
from turnwise.errors import PolicyError

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "calls"
FIND: dict[str, Any] = {
    "name": "find",
    "description": "look it up",
    "parameters": {
        "type": "object",
        "properties": {"query": {"type": "string"}, "most": {"type": "integer"}},
    },
}
ANN, BEA = {"query": "Ann", "most": 2}, {"query": "Bea"}
HERMES = '<tool_call>\n{"name": "find", "arguments": %s}\n</tool_call>'
CODER = "<tool_call>\n<function=find>\n%s</function>\n</tool_call>"
GIVEN = "<parameter=%s>\n%s\n</parameter>\n"
LISTED = '{"name": "find", "arguments": %s, "id": "%s"}'
SAID = {
    "qwen2.5": "\n".join(HERMES % each for each in ('{"query": "Ann", "most": 2}', '{"query": "Bea"}')),
    "qwen3-coder": "\n".join(
        CODER % each for each in (GIVEN % ("query", "Ann") + GIVEN % ("most", 2), GIVEN % ("query", "Bea"))
    ),
    "llama3.1": '{"name": "find", "parameters": {"query": "Ann", "most": 2}}',
    "mistral": "[TOOL_CALLS] ["
    + ", ".join(
        LISTED % each
        for each in (('{"query": "Ann", "most": 2}', "abcdefgh1"), ('{"query": "Bea"}', "abcdefgh2"))
    )
    + "]",
}
WRONG = {
    "qwen2.5": HERMES % "{",
    "qwen3-coder": CODER % "<parameter=query>Ann",
    "llama3.1": '{"name": "find", "parameters": [7]}',
    "mistral": "[TOOL_CALLS] [{",
}


class Talk:
    """A conversation in tokens, whose agent says what it is told to."""

    def __init__(self, name: str, **changes: Any) -> None:
        self.tokenizer: Any = tokenizer("bytes", WITH_FUNCTIONS[name])
        self.codec = ChatCodec(self.tokenizer, name).asked(functions([FIND]), {})
        self.context = Context(PromptConfig(tools="native", **changes), self.codec)
        self.context.observe(View("A desk.", "Find Ann.", tools=(FIND,)))

    def say(self, text: str, *answers: str) -> None:
        """Let the agent speak, and answer it; what it said must be in the next prompt as it was."""
        before = self.context.prompt_ids or ()
        ids = (*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.codec.end_id)
        spoken = self.codec.decode(ids)
        assert len(self.codec.char_ends(ids, spoken)) == len(ids)
        generation = Generation(spoken, before, ids)
        self.calls = read_native(generation, (FIND,), 999, 9, self.codec.opens_thought).calls
        self.context.record("o", "a", generation, calls=self.calls, later=[("o", "a")] * (len(answers) - 1))
        *earlier, last = map(View, answers)
        self.context.observe(last, earlier)
        if self.context.config.thoughts == "keep":
            assert (self.context.prompt_ids or ())[: len(before) + len(ids)] == before + ids

    @property
    def text(self) -> str:
        text: str = self.tokenizer.decode(self.context.prompt_ids, skip_special_tokens=False)
        return text

    def own(self) -> str:
        """Return the template's own rendering of the same messages."""
        rows = [
            {
                "role": message.role,
                "content": message.content,
                **({"tool_calls": list(message.tool_calls)} if message.tool_calls else {}),
                **({"tool_call_id": message.tool_call_id} if message.tool_call_id else {}),
            }
            for message in self.context.shown
        ]
        tools = list(functions([FIND]))
        text: str = self.tokenizer.apply_chat_template(
            rows, tools=tools, tokenize=False, add_generation_prompt=True
        )
        return text


def conversation(name: str) -> Talk:
    """Play two calls, a wrong one and none."""
    talk = Talk(name)
    answers = ["Ann: 7", '<tool_response>"Bea": none<|im_end|></tool_response>']
    talk.say(SAID[name], *answers[: 1 if name == "llama3.1" else 2])
    wanted = [("find", ANN), ("find", BEA)][: len(talk.calls)]
    assert [(call.name, call.arguments) for call in talk.calls] == wanted
    assert talk.text == talk.own()
    talk.say(WRONG[name], "Error: this call cannot be read, so it was not made: why")
    assert talk.calls[0].problem
    talk.say("So be it.", "Error: no function was called.")
    return talk


@pytest.mark.parametrize("name", WITH_FUNCTIONS)
def test_conversations_with_calls_to_the_letter(name: str) -> None:
    assert conversation(name).text == (FOLDER / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", ["llama3.1", "mistral"])
def test_a_conversation_that_is_written_anew_has_the_calls_that_the_template_takes(name: str) -> None:
    talk = Talk(name, thoughts="drop")
    both = SAID[name] if name == "mistral" else "; ".join([SAID[name]] * 2)
    talk.say(f"<think>hm</think>{both}", "Ann: 7", "Bea: none")
    assert talk.text.count("Ann: 7") == talk.text.count("Bea: none") == 1
    assert talk.text.count('"find"') == 3  # in its description, and in two calls
    assert "hm" not in talk.text
    assert talk.text.count("<|eot_id|>" if name == "llama3.1" else "</s>") == (6 if name == "llama3.1" else 1)


@pytest.mark.parametrize("id", ["abc", "abcdefgh/", "abcdefgh10"])
def test_an_id_that_the_template_refuses_is_replaced(id: str) -> None:
    talk = Talk("mistral")
    talk.say(f"[TOOL_CALLS] [{LISTED % ('{}', id)}]", "Ann: 7")
    assert talk.text.endswith('[TOOL_RESULTS] {"content": "Ann: 7", "call_id": "call00000"}[/TOOL_RESULTS]')


def test_calls_are_parted_by_their_ids() -> None:
    calls = tuple({"id": id, "function": {"name": id}} for id in "abc")
    answers = [Message("tool", id, tool_call_id=id) for id in "abc"]
    said = Message("assistant", "So:", calls)
    parted = one_by_one([said, *answers[:2], Message("user", "well")])
    assert [(each.role, each.content, each.tool_calls) for each in parted] == [
        ("assistant", "So:", calls[:1]),
        ("tool", "a", ()),
        ("assistant", "", calls[1:2]),
        ("tool", "b", ()),
        ("user", "well", ()),
        ("assistant", "", calls[2:]),
    ]


def test_functions_that_move_along_with_the_user_are_refused_without_answers_of_tools() -> None:
    mute = MISTRAL_CALLS.replace('{"content": {{ m.content | tojson }}, ', "{")
    with pytest.raises(PolicyError, match="functions anew with every message of the user, and writes no"):
        ChatCodec(tokenizer("bytes", mute), "mute").asked(functions([FIND]), {})
    assert ChatCodec(tokenizer("bytes", LLAMA31), "one").takes_calls


def test_a_form_of_calls_that_is_not_read_is_refused() -> None:
    python = CALLING.replace(
        "<tool_call>\n{{ c.function | tojson }}\n</tool_call>", "[{{ c.function.name }}()]"
    )
    codec = ChatCodec(tokenizer("bytes", python), "python")
    with pytest.raises(
        PolicyError, match=r"writes calls as '\[turnwise_call_1\(\)\]\\n', which is not read; use prom"
    ):
        codec.asked(functions([FIND]), {})
    assert codec.asked((), {"enable_thinking": False}).takes_calls


if __name__ == "__main__":
    for each in WITH_FUNCTIONS:
        (FOLDER / f"{each}.txt").write_text(conversation(each).text)
