"""Ranked retrieval for the text worlds: one BM25, measured against Lucene's scores."""

from .bm25 import Bm25Index
from .words import analyse

__all__ = ["Bm25Index", "analyse"]
