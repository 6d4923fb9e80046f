"""What an SVG of a chart holds, read back from its text."""

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

ROOT = Path(__file__).parent.parent


def points(path):
    """The corners of a path of absolute moves and lines, and of lines in steps, all in hundredths."""
    found = []
    for kind, rest in re.findall("([MLl])([^MLl]+)", path):
        pairs = np.array(rest.split(), dtype=float).reshape(-1, 2)
        found += [*((found[-1] + pairs.cumsum(axis=0)).round(2) if kind == "l" else pairs)]
    return np.array(found)


def paths(svg, kind):
    return [path.get("d") for path in ElementTree.fromstring(svg).findall("path") if path.get("class") == kind]


def boxes(svg, advance=0.48):
    """Where each line of text lies; a letter takes about half an em."""
    found = []
    for text in ElementTree.fromstring(svg).findall("text"):
        spans = [(span, 15 * i - 7.5 * (len(text) - 1)) for i, span in enumerate(text)] or [(text, 0)]
        for span, lower in spans:
            width = 12 * advance * len(span.text)
            left = float(text.get("x")) - {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor")]
            found.append((left, float(text.get("y")) + lower - 6, left + width, float(text.get("y")) + lower + 6))
    return found


def overlaps(svg):
    return [
        (a, b)
        for a, b in combinations(boxes(svg), 2)
        if a[0] < b[2] - 0.1 and b[0] < a[2] - 0.1 and a[1] < b[3] - 0.1 and b[1] < a[3] - 0.1
    ]


def outside(svg):
    _, _, width, height = map(float, ElementTree.fromstring(svg).get("viewBox").split())
    return [
        box for box in boxes(svg) if box[0] < -0.1 or box[1] < -0.1 or box[2] > width + 0.1 or box[3] > height + 0.1
    ]


def affine(values, drawn):
    """Largest distance, in units of the drawing, from the best straight map of values to places."""
    return np.abs(np.polyval(np.polyfit(values, drawn, 1), values) - drawn).max()


def rectangles(svg, kind):
    """Left and right end of each bar or gap."""
    return [tuple(map(float, re.search(r"M(\S+) .*?H([\d.]+)V", path).groups())) for path in paths(svg, kind)]


def check_that_looks_are_left_to_the_page(svg):
    """No color, type, name or reference in the drawing; a rule in the style sheet for each class."""
    assert not re.search(r"#[0-9a-f]{3}|rgb|style|font|fill=|stroke|\bid=|href|url|xmlns|<\?|<!|metadata|clip", svg)
    root = ElementTree.fromstring(svg)
    assert {node.tag for node in root.iter()} <= {"svg", "path", "text", "tspan"}
    assert (root.get("role"), root.get("class")) == ("img", "chart")
    sheet = (ROOT / "docs/assets/css/book.css").read_text()
    kinds = {kind for node in root.iter() for kind in node.get("class", "").split()}
    plain = {"chart", "axis", "tick", "x", "y", "hatch"}  # these look like any path
    assert {kind for kind in kinds - plain if not re.search(rf"svg\.chart [^{{]*\.{kind}\b", sheet)} <= {"ink", "total"}
