"""Plots as SVG text, drawn by Vega-Lite without a browser and without a network.

Colours are Okabe and Ito's, which people of any colour vision tell apart; shapes or places say the
same once more.
"""

import re
from typing import Any

import vl_convert

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, GREY, PALE = "#222222", "#8a8a8a", "#dddddd"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PINK, SKY, YELLOW = "#cc79a7", "#56b4e9", "#b8a800"
BROWN, VIOLET, TEAL = "#8c564b", "#6a51a3", "#1b9e9e"
Rows = list[dict[str, Any]]


def svg(chart: Any, name: str) -> str:
    """A chart as SVG that scales to its place; ids start with `name`, since a page has several."""
    config = {
        "font": FONT,
        "view": {"stroke": None},
        "background": None,
        "axis": {"gridColor": "#eeeeee", "domainColor": GREY, "tickColor": GREY,
                 "labelColor": INK, "titleColor": INK, "titleFontWeight": "normal",
                 "labelFontSize": 12, "titleFontSize": 12, "labelFlush": False},
        "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
                   "labelLimit": 320, "symbolLimit": 40},
        "header": {"labelFontSize": 13, "labelFontWeight": "bold", "titleFontSize": 12},
    }  # fmt: skip
    spec = {**chart.to_dict(), "config": config}
    text = vl_convert.vegalite_to_svg(spec)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    return text.replace('xlink:href="#', f'xlink:href="#{name}-')
