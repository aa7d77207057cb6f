"""Texts and templates in TRL: GRPOTrainer with an environment, its tool loop and its templates."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import small
from faults import Found, main
from trl.chat_template_utils import qwen3_5_think_chat_template
from trl.trainer.utils import print_prompt_completions_sample
from trl_trainer import QUESTION, Room, played, trainer

END = "<|im_end|>"
DONE = f"done{END}"
LOOP = "GRPOTrainer with environment_factory, Qwen3's template"


def control_tokens() -> Found:
    found = Found(f"{LOOP}: the prompt after a tool's answer; _tokenize_prompts for the first one")
    trained = trainer()
    made = trained.processing_class
    counts = []
    for text in (small.HARMLESS, small.HOSTILE):
        Room.observation = text
        prompts, _ = played(trained, small.call("look") + END, DONE)
        trained._batch_environments = [None]
        first = trained._tokenize_prompts([[{"role": "user", "content": text}]])[0][0]
        counts.append((small.controls(first, made), small.controls(prompts[1], made)))
    Room.observation = "ok"
    for place, name in enumerate(("first prompt", "later prompt")):
        plain, hostile = (pair[place] for pair in counts)
        found.add(name, plain == hostile, small.difference(plain, hostile))
    return found


def _calls(*texts: str, trained: Any = None) -> list[Any]:
    return played(trained or trainer(), *texts, DONE)[1]


def opened_thought() -> Found:
    found = Found(
        "GRPOTrainer with environment_factory, Qwen3.5's thinking template, which opens the thought"
    )
    trained = trainer(template=qwen3_5_think_chat_template)
    call = "<tool_call>\n<function=act>\n<parameter=action>\n{}\n</parameter>\n</function>\n</tool_call>"
    look, go = call.format("look"), call.format("go")
    came = _calls(f"I could {look}, no.\n</think>\n\n{go}{END}", trained=trained)
    found.add("thought and answer", came == [("go", 0)], came)
    came = _calls(f"Maybe {look} is best, but", trained=trained)
    found.add("cut off", came == [], came or "nothing executed")
    return found


def tags_in_a_thought() -> Found:
    found = Found(LOOP)
    look, go = small.call("look"), small.call("go")
    for name, text, right in (
        ("call in a thought", f"<think>\nmaybe {look}, no\n</think>\n\n{go}{END}", [("go", 0)]),
        (
            "tag of a call in a thought",
            f"<think>\nI use <tool_call> here\n</think>\n\n{go}{END}",
            [("go", 0)],
        ),
        ("cut off", f"<think>\nmaybe {look}, but", []),
    ):
        came = _calls(text)
        found.add(name, came == right, came or "nothing executed")
    return found


def arguments() -> Found:
    found = Found(f"{LOOP}, chat_template_utils.parse_response")
    trained = trainer()
    for name, text in (
        ("as text", small.AS_TEXT + END),
        ("as text, cut off", small.AS_CUT_TEXT + END),
        ("one brace too many", small.BRACE + END),
        ("call cut off", small.CUT),
    ):
        prompts, calls = played(trained, text, DONE)
        told = (
            trained.processing_class.decode(prompts[-1]).split("<tool_response>")[-1] if prompts[1:] else ""
        )
        came = f"called {calls}" if calls else _told(told)
        found.add(name, calls == [("go", 0)] if name == "as text" else not calls, came)
    found.note = "what cannot be read is taken as a final answer and ends the episode"
    return found


def _told(text: str) -> str:
    error = text.partition("</tool_response>")[0].strip()
    return "refused, the model is told" if error else "no call, the episode ends"


def whole_numbers() -> Found:
    found = Found(f"{LOOP}, the tool's schema says integer")
    trained = trainer()
    for value in (30, 30.0, "30"):
        came = _calls(small.call("wait", minutes=value) + END, trained=trained)
        right = bool(came) and came[0][1] == 30 if value != "30" else True
        found.add(repr(value), right, repr(came[0][1]) if came else "refused")
    return found


def kinds() -> Found:
    found = Found(f"{LOOP}: the prompt of turn 2 against apply_chat_template of the whole conversation")
    thought = f"<think>\nhm\n</think>\n\n{small.call('look')}\n{small.call('go')}{END}"
    unread = []
    for kind in small.CHATS.KINDS:
        trained = trainer(kind=kind)
        prompts, made_calls = played(trained, thought, DONE)
        if not made_calls:
            unread.append(kind)
            continue
        made = trained.processing_class
        calls = [
            {"type": "function", "function": {"name": "act", "arguments": {"action": action}}}
            for action in ("look", "go")
        ]
        answer = {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": calls}
        talk: list[dict[str, Any]] = [
            *QUESTION,
            answer,
            *[{"role": "tool", "name": "act", "content": "ok"}] * 2,
        ]
        theirs = made.apply_chat_template(
            talk, chat_template=trained.chat_template, tools=trained.tools, add_generation_prompt=True,
            tokenize=True, return_dict=False,
        )  # fmt: skip
        same = prompts[-1] == list(theirs)
        found.add(kind, same, "as the template" if same else _difference(made, prompts[-1], theirs))
    refused = 0
    for template in small.CHATS.TEMPLATES.values():
        try:
            trainer(template=template)
        except ValueError:
            refused += 1
    found.add("templates that it does not know", True, f"{refused} of {len(small.CHATS.TEMPLATES)} refused")
    found.note = f"with tokenizers that no model of this template has ({', '.join(unread)}) no call is read"
    return found


def _difference(made: Any, mine: list[int], theirs: list[int]) -> str:
    place = next((n for n, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), len(mine))
    near = slice(max(0, place - 3), place + 3)
    return f"{made.decode(mine[near])!r} instead of {made.decode(theirs[near])!r}"


def dummy() -> Found:
    found = Found(f"{LOOP}: its dummy conversation says 'dummy'")
    trained = trainer()
    Room.observation = "dummy"
    prompts, _ = played(trained, small.call("look") + END, DONE)
    Room.observation = "ok"
    text = trained.processing_class.decode(prompts[1])
    found.add("dummy", text.count("dummy") == 1, f"shown {text.count('dummy')} times")
    return found


def escapes() -> Found:
    found = Found("trainer.utils.print_prompt_completions_sample, as log_completions does")
    out = io.StringIO()
    said = [[{"role": "assistant", "content": small.ESCAPES}]]
    with contextlib.redirect_stdout(out):
        print_prompt_completions_sample([small.ESCAPES], said, {"reward": [1.0]}, [0.0], 1)
    shown = out.getvalue().replace("\n", "")
    hidden = "\x1b[31m" in shown
    found.add("escape", not hidden, "sent to the terminal" if hidden else "not sent")
    found.add("markup", "[bold]" in shown, "kept" if "[bold]" in shown else "acted upon")
    found.add("direction", "\u202e" not in shown, "sent to the terminal" if "\u202e" in shown else "not sent")
    return found


if __name__ == "__main__":
    main(
        "texts",
        "trl",
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
