"""Texts and templates in turnwise: prompts, parsing, calls, what is shown."""

from __future__ import annotations

import io
from typing import Any

import small
from faults import Found, main
from rich.console import Console

from turnwise import TextEnv
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.prompts.parse import parse_action
from turnwise.agents.types import Message, common_prefix
from turnwise.envs.calling.functions import CallError
from turnwise.envs.calling.messages import call_of
from turnwise.envs.core import Checked
from turnwise.envs.play import play
from turnwise.envs.search.protocol import Search, read
from turnwise.errors import PolicyError
from turnwise.trainers.runs.console import RunDisplay

GO = "<action>go to desk 1</action>"


def control_tokens() -> Found:
    found = Found("agents.prompts.chat_template.ChatCodec: encode_prompt, encode_reply")
    made = small.tokenizer()
    codec = ChatCodec(made, "small")
    system = Message("system", "play")
    texts = (small.HARMLESS, small.HOSTILE)
    for name, (plain, hostile) in {
        "first prompt": [codec.encode_prompt([system, Message("user", text)]) for text in texts],
        "later prompt": [codec.encode_reply([Message("user", text)], "stop") for text in texts],
    }.items():
        counts = [small.controls(ids, made) for ids in (plain, hostile)]
        kept = small.HOSTILE in made.decode(hostile)
        found.add(name, counts[0] == counts[1] and kept, small.difference(*counts))
    return found


def opened_thought() -> Found:
    found = Found("agents.prompts.parse.parse_action, opened as ChatCodec.opens_thought says")
    opened = ChatCodec(small.tokenizer(template=small.CHATS.OPENING), "small").opens_thought
    said = parse_action(f"I could <action>look</action>, no.</think>\n{GO}", opened=opened)
    found.add("thought and answer", said.action == "go to desk 1", said.action)
    cut = parse_action("Maybe <action>look</action> is best, but", opened=opened)
    found.add("cut off", (cut.action, cut.fault) == ("", "open_think"), cut.fault or cut.action)
    return found


def tags_in_a_thought() -> Found:
    found = Found(
        "agents.prompts.parse.parse_action, envs.search.protocol.read, envs.calling.messages.call_of"
    )
    said = read(parse_action("<think>maybe <search>a</search></think><search>Paris</search>", "plain").action)
    found.add("search in a thought", said == Search("Paris"), said)
    call = '<tool_call>{"name": "read_file", "arguments": {"path": "/a"}}</tool_call>'
    read_call = call_of(f"<think>maybe {call.replace('/a', '/b')}</think>{call}")
    found.add("call in a thought", read_call.arguments == {"path": "/a"}, read_call.arguments)
    read_call = call_of(f"<think>I use <tool_call> here</think>{call}")
    found.add("tag of a call in a thought", read_call.arguments == {"path": "/a"}, read_call.arguments)
    cut = parse_action("<think>maybe <action>look</action>, but")
    found.add("cut off", cut.fault == "open_think", cut.fault)
    return found


def _code(text: str) -> str:
    try:
        return str(call_of(text).arguments)
    except CallError as error:
        return error.code


def arguments() -> Found:
    found = Found("envs.calling.messages.call_of")
    as_text = '{"name": "read_file", "arguments": "{\\"path\\": \\"/a\\"}"}'
    for name, body, right in (
        ("as text", as_text, "{'path': '/a'}"),
        ("as text, cut off", as_text.replace('\\"}"', '"'), "cut_off"),
        ("one brace too many", '{"name": "read_file", "arguments": {"path": "/a"}}}', "unreadable"),
    ):
        came = _code(f"<tool_call>{body}</tool_call>")
        found.add(name, came == right, came)
    came = _code('<tool_call>{"name": "read_file", "arguments": {"path": "/')
    found.add("call cut off", came == "cut_off", came)
    return found


def whole_numbers() -> Found:
    found = Found("envs.calling.messages.call_of")
    event = '"title": "a", "date": "2031-01-02", "start": "09:00", "attendees": []'
    head = f'<tool_call>{{"name": "create_event", "arguments": {{{event}, '
    for value in ("30", "30.0", '"30"'):
        came = _code(f'{head}"minutes": {value}}}}}</tool_call>')
        right = (
            "'minutes': 30," in came if value != '"30"' else "minutes': 30" in came or came == "wrong_type"
        )
        found.add(value, right, "30" if "minutes': 30," in came else came)
    return found


def kinds() -> Found:
    found = Found("agents.prompts.chat_template.ChatCodec, against tokenizer.apply_chat_template")
    other = refused = 0
    for name, template in small.CHATS.TEMPLATES.items():
        for kind in small.CHATS.KINDS:
            try:
                other += not _same(ChatCodec(made := small.tokenizer(kind, template), name), made, name)
            except PolicyError:
                refused += 1
    count = len(small.CHATS.TEMPLATES) * len(small.CHATS.KINDS)
    found.add("pairs", not other, f"{other} of {count} differ, {refused} refused when loaded")
    return found


def _same(codec: ChatCodec, made: Any, name: str) -> bool:
    """Tell whether turn 2 has the tokens of the template's own rendering.

    A tag that the template opens in the prompt and leaves out later stays, since it was said behind it.
    """
    first, later = Message("user", "go"), [Message("user", "you see a desk")]
    prompt = codec.encode_prompt([first])
    talk = [first, Message("assistant", "look"), *later]
    chat = [{"role": message.role, "content": message.content} for message in talk]
    text = made.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    theirs = tuple(made(text, add_special_tokens=False)["input_ids"])
    kept = common_prefix(prompt, theirs) if name == "opening" else len(prompt)
    mine = (*prompt[:kept], *codec.encode_message("look"), codec.end_id, *codec.encode_reply(later, "stop"))
    return mine == theirs


def dummy() -> Found:
    found = Found("agents.prompts.chat_template.ChatCodec.encode_reply")
    codec = ChatCodec(made := small.tokenizer(), "small")
    for text in ("turnwise-answer", "turnwise question 1", "dummy"):
        ids = codec.encode_reply([Message("user", text)], "stop")
        found.add(text, made.decode(ids).count(text) == 1, made.decode(ids))
    return found


class Hostile(TextEnv):
    """A room whose every text would move a cursor."""

    no_expert = no_clone = "this is a test"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        return small.ESCAPES, {"admissible": [small.ESCAPES]}

    def step(self, action: str) -> Any:
        return small.ESCAPES, 0.0, False, False, {"admissible": [small.ESCAPES]}


def escapes() -> Found:
    found = Found("envs.play.play, trainers.runs.console.RunDisplay.say")
    out, lines = io.StringIO(), iter(["1", ":quit"])
    play(Checked(Hostile(), "hostile"), 0, input=lambda _: next(lines), console=Console(file=out, width=200))
    RunDisplay(console=Console(file=out, width=200)).say(small.ESCAPES)
    shown = out.getvalue()
    found.add("escape", "\x1b" not in shown, "spelled" if "\x1b" not in shown else "sent to the terminal")
    found.add("markup", "[bold]marked[/bold]" in shown, "kept" if "[bold]" in shown else "acted upon")
    found.add(
        "direction", "\u202e" not in shown, "spelled" if "\u202e" not in shown else "sent to the terminal"
    )
    return found


if __name__ == "__main__":
    main(
        "texts",
        "turnwise",
        {
            "control tokens in an observation": control_tokens,
            "actions in an opened thought": opened_thought,
            "tags in a thought": tags_in_a_thought,
            "arguments of calls": arguments,
            "30.0 for an integer": whole_numbers,
            "kinds of tokenizers and templates": kinds,
            "the dummy text": dummy,
            "escapes on a terminal": escapes,
        },
    )
