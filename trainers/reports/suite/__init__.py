"""The report of a suite.

page     report.html: one file that asks for nothing else
heat     every task of every environment over all agents, for the page
exports  rows as CSV and parquet, figures as JSON
"""

from .exports import write_exports
from .page import write_page

__all__ = ["write_exports", "write_page"]
