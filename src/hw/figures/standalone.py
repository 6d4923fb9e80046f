"""Drawings that carry their own style, for places without the site's style sheet, such as a notebook."""

__all__ = ["standalone", "styleless"]

SEEN, WRONG = "#3d84cc", "#cf5f2b"  # legible on white and on black; all else takes the color of the text around
STYLE = f"""<style>
svg.chart {{ max-width: 30rem; overflow: visible; }}
svg.chart text {{ font: 11px sans-serif; fill: currentColor; dominant-baseline: central; }}
svg.chart path {{ fill: none; stroke: currentColor; stroke-linejoin: round; vector-effect: non-scaling-stroke; }}
svg.chart .line, svg.chart .interval {{ stroke-width: 1.5; }}
svg.chart .mark, svg.chart .dot {{ stroke-width: 4; stroke-linecap: round; }}
svg.chart .mark.wrong, svg.chart .mark.ink {{ stroke-linecap: square; }}
svg.chart .mark.soft {{ stroke-width: 7; }}
svg.chart .hole {{ stroke: #888; stroke-width: 4; stroke-linecap: round; }}
svg.chart text.heading {{ font-weight: 600; }}
svg.chart .line.wrong {{ stroke-dasharray: 6 3.5; }}
svg.chart .line.soft {{ stroke-dasharray: 1.5 3; }}
svg.chart .frame {{ stroke-opacity: .4; }}
svg.chart path.seen {{ stroke: {SEEN}; }}
svg.chart path.wrong {{ stroke: {WRONG}; }}
svg.chart text.seen {{ fill: {SEEN}; }}
svg.chart text.wrong {{ fill: {WRONG}; }}
svg.chart .pixel {{ fill: currentColor; stroke: none; shape-rendering: crispEdges; }}
</style>"""


def standalone(svg: str) -> str:
    """The drawing of a curve, of intervals or of pictures with its style, in the text's color on any ground.

    Args:
        svg: An SVG element of `hw.figures`.

    Returns:
        The same element, its style within.

    Raises:
        ValueError: If `svg` is no such element, or has a style already.

    Examples:
        >>> from hw.figures.curves import line_chart
        >>> from hw.figures.standalone import standalone
        >>> svg = line_chart([("line", [0, 1], [0, 1], "ink")], "A line", x_label="x", y_label="y")
        >>> "<style>" in svg, "<style>" in standalone(svg)
        (False, True)
    """
    start = svg.find(">") + 1
    if not svg.startswith('<svg class="chart"') or not start or "<style>" in svg:
        raise ValueError(f"svg must be a chart without a style, got {svg[:40]!r}")
    return svg[:start] + STYLE + svg[start:]


def styleless(html: str) -> str:
    """HTML with the styles of its drawings taken out, for a page that has them in its style sheet.

    Examples:
        >>> from hw.figures.standalone import standalone, styleless
        >>> svg = '<svg class="chart"><path d="M0 0h1"/></svg>'
        >>> styleless(standalone(svg)) == svg
        True
    """
    return html.replace(STYLE, "")
