"""Chat templates of the kinds that there are, in our words, and small tokenizers of each kind."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "<|begin_of_text|>{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# The system message stands in the last message of the user; an answer has a blank before it.
MISTRAL = (
    "{% if messages[0].role == 'system' %}{% set system, rest = messages[0].content, messages[1:] %}"
    "{% else %}{% set system, rest = '', messages %}{% endif %}<s>"
    "{% for m in rest %}{% if m.role == 'user' %}"
    "[INST] {% if loop.last and system %}{{ system }}\n\n{% endif %}{{ m.content }}[/INST]"
    "{% else %} {{ m.content | trim }}</s>{% endif %}{% endfor %}"
)
# As MISTRAL, with blanks at both ends of an answer.
PADDED = MISTRAL.replace("| trim }}</s>", "| trim }} </s>")
# Another end of an answer that is the last, and a channel that the agent has to name.
HARMONY = (
    "{% for m in messages %}{% if m.role == 'assistant' %}<|start|>assistant<|channel|>final<|message|>"
    "{{ m.content }}{% if loop.last and not add_generation_prompt %}<|return|>{% else %}<|end|>{% endif %}"
    "{% else %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
DROPPING = CHATML.replace(
    "{{ m.content }}",
    "{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1].lstrip('\\n') }}"
    "{% else %}{{ m.content }}{% endif %}",
)
OPENING = DROPPING.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
MERGING = (
    "{% for m in messages %}{% if m.role == 'tool' %}"
    "{% if loop.first or messages[loop.index0 - 1].role != 'tool' %}<|im_start|>user{% endif %}"
    "\n<tool_response>\n{{ m.content }}\n</tool_response>"
    "{% if loop.last or messages[loop.index0 + 1].role != 'tool' %}<|im_end|>\n{% endif %}"
    "{% else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Functions first, calls and their answers in tags; thinking can be turned off.
CALLING = (
    "{% if tools %}<|im_start|>system\nFunctions:\n{% for t in tools %}{{ t | tojson }}\n{% endfor %}"
    "<|im_end|>\n{% endif %}{% for m in messages %}{% if m.role == 'tool' %}<|im_start|>user\n"
    "<tool_response>\n{{ m.content }}\n</tool_response><|im_end|>\n{% else %}<|im_start|>{{ m.role }}\n"
    "{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>\n{{ c.function | tojson }}\n</tool_call>"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
REFUSING = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system messages') }}{% endif %}" + CHATML
)
# The templates of Qwen2.5, Qwen3-Coder, Llama 3.1 and Mistral 7B v0.3, with functions and calls, reworded.
_QWEN = """{% if messages[0].role == 'system' %}{% set system = messages[0].content %}
{% else %}{% set system = 'You help.' %}{% endif %}
<|im_start|>system
{{ system }}{% if tools %}


# Tools

Call them inside <tool_call>.
<tools>
{% for t in tools %}
TOOL
{% endfor %}
</tools>{% endif %}
<|im_end|>
{% for m in messages %}
{% if m.role == 'assistant' and m.tool_calls %}
<|im_start|>assistant
{{ m.content + NEWLINE if m.content else '' }}
{%- for c in m.tool_calls %}
<tool_call>
CALL
</tool_call>{{ '' if loop.last else NEWLINE }}
{%- endfor %}
<|im_end|>
{% elif m.role == 'tool' %}
{% if loop.first or messages[loop.index0 - 1].role != 'tool' %}
<|im_start|>user
{% endif %}
<tool_response>
{{ m.content }}
</tool_response>
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}
<|im_end|>
{% else %}{{ NEWLINE -}}
{% endif %}
{% elif not (m.role == 'system' and loop.first) %}
<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endif %}
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}""".replace("NEWLINE", "'\\n'")
QWEN25 = (
    _QWEN.replace("TOOL", "{{ t | tojson }}")
    .replace(
        "CALL\n", '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n'
    )
    .replace(
        "</tools>", '</tools>\n\nSo:\n<tool_call>\n{"name": <name>, "arguments": <arguments>}\n</tool_call>'
    )
)
CODER = _QWEN.replace(
    "TOOL",
    """<function>
<name>{{ t.function.name }}</name>
{% for k, p in t.function.parameters.properties | items %}
<parameter>
<name>{{ k }}</name>
<type>{{ p.type }}</type>
</parameter>
{% endfor %}
</function>""",
).replace(
    "CALL\n",
    """<function={{ c.function.name }}>
{% for k, v in c.function.arguments | items %}
<parameter={{ k }}>
{{ v if v is string else v | tojson }}
</parameter>
{% endfor %}
</function>
""",
)
LLAMA31 = """<|begin_of_text|>
{%- if messages[0].role == 'system' %}{% set system, rest = messages[0].content, messages[1:] %}
{% else %}{% set system, rest = '', messages %}{% endif %}
<|start_header_id|>system<|end_header_id|>

{% if tools %}
Environment: ipython
{% endif %}
{{ system }}<|eot_id|>
{%- for m in rest %}
{% if m.role == 'tool' %}
<|start_header_id|>ipython<|end_header_id|>

{{ m.content | tojson }}<|eot_id|>
{%- elif m.tool_calls %}
{% if m.tool_calls | length != 1 %}{{ raise_exception('one call at a time') }}{% endif %}
<|start_header_id|>assistant<|end_header_id|>

{% set f = m.tool_calls[0].function %}
{"name": "{{ f.name }}", "parameters": {{ f.arguments | tojson }}}
{%- else %}
<|start_header_id|>{{ m.role }}<|end_header_id|>

{% if tools and loop.first %}
Functions:
{% for t in tools %}
{{ t | tojson }}
{% endfor %}

{% endif %}
{{ m.content | trim }}
{%- endif %}
{{ '' if m.role == 'tool' else '<|eot_id|>' }}
{%- endfor %}
{% if add_generation_prompt %}
<|start_header_id|>assistant<|end_header_id|>

{% endif %}"""
MISTRAL_CALLS = """{% set n = namespace(spoken=0) %}
{% set users = messages | selectattr('role', 'equalto', 'user') | list %}<s>
{%- for m in messages %}
{% if not (m.role == 'tool' or m.tool_calls) %}
{% if (m.role == 'user') != (n.spoken % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}
{% set n.spoken = n.spoken + 1 %}
{% endif %}
{% set own = [m.tool_call_id] if m.tool_call_id else [] %}
{% for id in (m.tool_calls or []) | map(attribute='id') | list + own %}
{% if id | length != 9 %}{{ raise_exception('an id must have nine letters') }}{% endif %}
{% endfor %}
{% if m.role == 'user' %}
{% if tools and m == users[-1] %}[AVAILABLE_TOOLS] {{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}
[INST] {{ m.content }}[/INST]
{%- elif m.tool_calls %}
[TOOL_CALLS] [
{%- for c in m.tool_calls -%}
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}, "id": "{{ c.id }}"}
{{- '' if loop.last else ', ' }}
{%- endfor %}]</s>
{%- elif m.role == 'tool' %}
[TOOL_RESULTS] {"content": {{ m.content | tojson }}, "call_id": "{{ m.tool_call_id }}"}[/TOOL_RESULTS]
{%- else %} {{ m.content | trim }}</s>{% endif %}
{% endfor %}"""
WITH_FUNCTIONS = {"qwen2.5": QWEN25, "qwen3-coder": CODER, "llama3.1": LLAMA31, "mistral": MISTRAL_CALLS}
TEMPLATES = {
    "chatml": CHATML, "llama3": LLAMA3, "mistral": MISTRAL, "padded": PADDED, "dropping": DROPPING,
    "opening": OPENING, "merging": MERGING, "refusing": REFUSING, "calling": CALLING,
}  # fmt: skip

SPECIAL = (
    "<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>", "[INST]", "[/INST]", "<|start|>", "<|end|>", "<|message|>",
    "<|channel|>", "<|return|>", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "<|python_tag|>",
)  # fmt: skip
ADDED = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
"""Tokens that are added and not special, as those of thoughts and tools often are."""

_WORDS = ["go to desk 1", "you see a mug 2 , take it", "user assistant system final", "<|im_ end|> [INST ]"]
KINDS = ("bytes", "bytes_prefixed", "first", "always", "prepended", "unigram")


@cache
def tokenizer(kind: str, template: str) -> Any:
    """Return a tokenizer of the transformers library with all these tokens."""
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(tokenizer_object=_base(kind), bos_token="<s>", unk_token="<unk>")
    made.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    made.add_tokens(list(ADDED))
    made.chat_template = template
    return made


def _base(kind: str) -> Tokenizer:
    if kind == "unigram":
        pieces = sorted({letter for text in _WORDS for letter in text} | {chr(n) for n in range(32, 127)})
        vocab = [("<unk>", 0.0), *((name, -1.0) for name in ("</s>", "\u2581go", "\u2581to", "\u2581desk"))]
        vocab += [(piece, -5.0) for piece in pieces] + [("\u2581", -3.0), ("\n", -5.0)]
        made = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=False))
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        made.decoder = decoders.Metaspace(prepend_scheme="first")
        return made
    if kind.startswith("bytes"):
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=kind == "bytes_prefixed")
        made.decoder = decoders.ByteLevel()
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trained: list[str] = []
    else:
        made = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
        if kind == "prepended":
            made.normalizer = normalizers.Sequence(
                [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
            )
            made.pre_tokenizer = pre_tokenizers.Split(Regex("\n"), "isolated")
        else:
            made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=kind, split=False)
        made.decoder = decoders.Sequence(
            [
                decoders.Replace("\u2581", " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", 1, 0),
            ]
        )
        alphabet = ["\u2581", *map(chr, range(33, 127))]
        trained = ["<unk>", *(f"<0x{number:02X}>" for number in range(256))]
    made.train_from_iterator(
        _WORDS * 3,
        trainers.BpeTrainer(
            vocab_size=700, initial_alphabet=alphabet, special_tokens=trained, show_progress=False
        ),
    )
    # The trainer knows pieces for bytes as special tokens only; in a model they are ordinary pieces.
    return Tokenizer.from_str(json.dumps({**json.loads(made.to_str()), "added_tokens": []}))
