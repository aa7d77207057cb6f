"""Wrapping, alignment, tables, columns and lists for texts in a terminal."""

from .align import align_decimals, cut, pad
from .columns import columns
from .lists import listing
from .table import Table
from .width import strip_colours, width
from .wrap import dedent, justify, wrap, wrap_paragraphs

__all__ = [
    "Table",
    "align_decimals",
    "columns",
    "cut",
    "dedent",
    "justify",
    "listing",
    "pad",
    "strip_colours",
    "width",
    "wrap",
    "wrap_paragraphs",
]
