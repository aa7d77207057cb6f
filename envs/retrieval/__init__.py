"""Ranked retrieval for the text worlds: one BM25, measured against Lucene's scores.

bm25        the index          words, stemmer   how texts become terms
documents   passages and knowledge bases        storage   collections on disk, mapped into memory
jsonio      JSON files of any size, record by record
draws       draws that depend on a text alone
"""

from .bm25 import Bm25Index
from .words import analyse

__all__ = ["Bm25Index", "analyse"]
