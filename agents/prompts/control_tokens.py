"""Control tokens of a tokenizer, and text that only looks like them.

A tokenizer finds its control tokens (`<|im_end|>`, `[INST]`, `<think>`) wherever their
names stand in a text, so an environment that writes one could end its own message and
speak as the agent. Here a second tokenizer is made from the first, in which every control
token has another name, made at random: what a chat template wrote is given those names,
what anybody else wrote keeps the old ones, which are ordinary text there. All else is
equal, so a text without such names has the tokens that it always had.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from tokenizers import Tokenizer

from ...errors import PolicyError

_SIGNS = frozenset("<>[]{}|")
_Tree = dict[str, Any]
_LEAF = ""


class ControlTokens:
    """The control tokens of one tokenizer.

    Control tokens are the special ones, and added ones that are written in brackets or
    that the template uses; added words and runs of blanks are text.

    Args:
        tokenizer: one of the tokenizers library.
        template: the chat template.

    Raises:
        ValueError: if the tokenizer cannot be made anew under other names.
    """

    def __init__(self, tokenizer: Tokenizer, template: str) -> None:
        description = json.loads(tokenizer.to_str())
        ids = {token["content"]: token["id"] for token in description["added_tokens"]}
        secret = _private_letters(12)
        self._guard = _private_letters(12)
        self._names = {
            token["content"]: f"{secret}{token['id']}{secret[0]}"
            for token in description["added_tokens"]
            if _is_control(token, template)
        }
        self._longest = max(map(len, self._names), default=0)
        self._tree = _tree(self._names)
        self._pattern = re.compile(_pattern_of(self._tree) or r"(?!)")
        unknown = _unknown(description["model"])
        self._counted = frozenset(ids[name] for name in self._names if name != unknown)
        _rename(description, self._names)
        try:
            self._tokenizer = Tokenizer.from_str(json.dumps(description))
        except Exception as error:  # the library raises bare Exception
            raise ValueError(str(error)) from error
        made = {self._tokenizer.token_to_id(self._names.get(name, name)): id for name, id in ids.items()}
        self._ids = ids
        self._moved = {new: old for new, old in made.items() if new != old}

    def encode_text(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text in which nothing is a control token."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return tuple(self._moved.get(token, token) for token in ids) if self._moved else tuple(ids)

    def encode_rendered(self, rendered: str) -> tuple[int, ...]:
        """Return the tokens of what a template made of guarded texts.

        Raises:
            PolicyError: if the tokenizer takes another number of control tokens than the
                template wrote: a normalizer changes their names in some places.
        """
        written = [found[0] for found in self._pattern.finditer(rendered)]
        named = self._pattern.sub(lambda found: self._names[found[0]], rendered)
        ids = self.encode_text(named.replace(self._guard, ""))
        counted = sum(self._ids[name] in self._counted for name in written)
        taken = sum(token in self._counted for token in ids)
        if counted != taken:
            raise PolicyError(
                f"the chat template wrote {counted} control tokens and the tokenizer took {taken}; expected "
                "a tokenizer that takes them wherever they stand (added without `normalized`)"
            )
        return ids

    def guarded(self, text: str, own: Collection[str] = ()) -> str:
        """Mark the names of control tokens in a text, so that they are not taken for the template's.

        So is the beginning of a name at the text's end, which what follows could complete.

        Args:
            text: what somebody says.
            own: names that stay control tokens in it.
        """
        text = self._pattern.sub(
            lambda found: found[0] if found[0] in own else found[0][0] + self._guard + found[0][1:], text
        )
        end = len(text.rstrip())
        for start in range(max(0, end - self._longest), end):
            if text[start:end] in own:
                return text
            if self._begins_name(text[start:end]):
                return text[: start + 1] + self._guard + text[start + 1 :]
        return text

    def without(self, text: str) -> str:
        """Return a text without the names of control tokens."""
        return self._pattern.sub("", text)

    def takes_anywhere(self, name: str) -> bool:
        """Tell whether there is a control token of a name, and the tokenizer takes it wherever it stands."""
        if name not in self._names:
            return False
        try:
            return all(self.encode_rendered(text) for text in (name, f"a{name}a"))
        except PolicyError:
            return False

    def last_section(self, rendered: str) -> str:
        """Return a rendered text from its last control token on; all of it if there is none."""
        found = list(self._pattern.finditer(rendered))
        return rendered[found[-1].start() :] if found else rendered

    def _begins_name(self, text: str) -> bool:
        node: _Tree | None = self._tree
        for letter in text:
            node = node.get(letter) if node else None
        return node is not None


def _is_control(token: dict[str, Any], template: str) -> bool:
    name = token["content"]
    if token["special"] or not _SIGNS.isdisjoint(name):
        return True
    return bool(name.strip()) and name in template


def _unknown(model: dict[str, Any]) -> str | None:
    """Return the piece that stands for what a model does not know: any text may have it."""
    if model.get("unk_id") is not None:
        return str(model["vocab"][model["unk_id"]][0])
    return model.get("unk_token")


def _private_letters(count: int) -> str:
    """Return letters of the private use area that nobody can guess."""
    return "".join(chr(0x100000 + secrets.randbelow(0xFFF0)) for _ in range(count))


def _rename(description: dict[str, Any], names: dict[str, str]) -> None:
    """Give control tokens other names in the description of a tokenizer."""
    for token in description["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    description.update(post_processor=None, truncation=None, padding=None)
    model = description["model"]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(piece, piece): number for piece, number in vocabulary.items()}
    else:
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in vocabulary]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:
        model["merges"] = [pair for pair in model["merges"] if _merged(pair) not in names]


def _merged(pair: str | Sequence[str]) -> str:
    return "".join(pair.split(" ") if isinstance(pair, str) else pair)


def _tree(words: Iterable[str]) -> _Tree:
    root: _Tree = {}
    for word in words:
        node = root
        for letter in word:
            node = node.setdefault(letter, {})
        node[_LEAF] = {}
    return root


def _pattern_of(node: _Tree) -> str:
    """Write a tree of words as a pattern that finds the longest of them, in linear time."""
    options = [re.escape(letter) + _pattern_of(after) for letter, after in sorted(node.items()) if letter]
    if not options:
        return ""
    body = options[0] if len(options) == 1 and _LEAF not in node else f"(?:{'|'.join(options)})"
    return f"{body}?" if _LEAF in node else body
