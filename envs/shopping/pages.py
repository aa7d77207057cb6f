"""The pages of the shop as text, in the two modes of the original.

A page is a list of visible pieces. Mode `text` joins them by ` [SEP] `; mode
`text_rich` writes one a line and marks what can be clicked, `[button] X
[button_]`, and what has been clicked. The original renders HTML and strips it;
here the pieces are the text nodes that were left.

Mode `text` was held against a recorded visit, page by page. For `text_rich` there is
no recording: its marks and their order follow the original's rules, but blanks at the
ends of a piece, which only this mode shows, are as the recorded pages suggest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..core import MAX_TEXT_CHARS
from .product import Product

Mode = Literal["text", "text_rich"]
Kind = Literal["text", "button", "label", "link"]

HITS_PER_PAGE = 10
BACK, PREVIOUS, NEXT, BUY = "Back to Search", "< Prev", "Next >", "Buy Now"
SUBPAGES = ("Description", "Features", "Reviews")


@dataclass(frozen=True, slots=True)
class Piece:
    """One visible text: plain, a button, an option's value or a product's link."""

    text: str
    kind: Kind = "text"
    clicked: bool = False


def render(pieces: Iterable[Piece], mode: Mode) -> str:
    """Write a page in a mode; what exceeds an observation's length is cut off."""
    shown = [piece for piece in pieces if piece.text not in ("", "\n")]
    if mode == "text":
        return " [SEP] ".join(piece.text.strip() for piece in shown)[:MAX_TEXT_CHARS]
    page = ""
    for piece in shown:
        if piece.kind == "label" and piece.clicked:
            page = f"You have clicked {piece.text}.\n" + page
        page += _rich(piece) + "\n"
    return page[:MAX_TEXT_CHARS]


def search_page(instruction: str) -> list[Piece]:
    """Show the instruction and the search bar."""
    return [Piece("WebShop"), Piece("Instruction: "), Piece(instruction), Piece("Search", "button")]


def results_page(
    instruction: str, products: Sequence[Product], page: int, total: int, opened: frozenset[str]
) -> list[Piece]:
    """Show one page of hits.

    Args:
        instruction: what the shopper wants.
        products: the hits of this page.
        page: its number, from 1.
        total: how many hits there are on all pages.
        opened: ids of the products that were opened before.
    """
    pieces = [*_head(instruction), Piece(f"Page {page} (Total results: {total})")]
    if page > 1:
        pieces.append(Piece(PREVIOUS, "button"))
    if page * HITS_PER_PAGE < total:
        pieces.append(Piece(NEXT, "button"))
    for product in products:
        pieces.append(Piece(product.asin, "link", product.asin in opened))
        pieces += [Piece(product.name), Piece(product.price_tag)]
    return pieces


def item_page(instruction: str, product: Product, address: str) -> list[Piece]:
    """Show a product; an option counts as clicked when its quoted value stands in the page's address."""
    pieces = [*_head(instruction), Piece(PREVIOUS, "button")]
    for name, values in product.options.items():
        pieces.append(Piece(name))
        pieces += [Piece(value, "label", f'"{value}"' in address) for value in values]
    pieces += [Piece(product.name), Piece(f"Price: {product.price_tag}"), Piece(f"Rating: {product.rating}")]
    return pieces + [Piece(button, "button") for button in (*SUBPAGES, BUY)]


def sub_page(instruction: str, product: Product, name: str) -> list[Piece]:
    """Show the description, the features or the reviews of a product."""
    pieces = [*_head(instruction), Piece(PREVIOUS, "button")]
    if name == "Description":
        return [*pieces, Piece(product.description)]
    if name == "Features":
        return pieces + [Piece(" " + bullet) for bullet in product.bullets]
    for review in product.reviews:
        pieces += [Piece(f'"{review.title}"'), Piece(f"{review.score:g}"), Piece(review.body)]
    return pieces


def done_page(asin: str, options: Mapping[str, str], score: float) -> list[Piece]:
    """Show what was bought and the score; the original prints no more of the goal than its headings."""
    bought = json.dumps(dict(options), sort_keys=True)
    for letter, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("'", "\\u0027")):
        bought = bought.replace(letter, escape)
    texts = [
        "Thank you for shopping with us!", "Your code: ", "None", " (Paste it in your MTurk interface.)",
        "Purchased", "asin", asin, "options", bought, "attrs", "None", "category", "None", "query", "None",
        "product category", "None", "Target", "asin", "options", "attrs", "price upper", "instuction text",
        "category", "product category", "query", "Goal ", "None", "Reward",
        "Your score (min 0.0, max 1.0)", str(score), "Reward Details ", "None",
    ]  # fmt: skip
    return [Piece(text) for text in texts]


def _head(instruction: str) -> list[Piece]:
    return [Piece("Instruction:"), Piece(instruction), Piece(BACK, "button")]


def _rich(piece: Piece) -> str:
    if piece.kind == "text":
        return piece.text
    lead = {"button": "", "label": "  ", "link": "\n"}[piece.kind]
    mark = "clicked button" if piece.clicked else "button"
    return f"{lead}[{mark}] {piece.text} [{mark}_]"
