"""The report of a suite.

page     report.html: one file that asks for nothing else
heat     heatmap.png: every task of every environment over all agents
exports  rows as CSV and parquet, figures as JSON
"""

from .exports import write_exports
from .heat import draw_heat_map
from .page import write_page

__all__ = ["draw_heat_map", "write_exports", "write_page"]
