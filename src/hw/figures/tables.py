"""Tables of what code has found."""

from collections.abc import Sequence
from html import escape

__all__ = ["table"]


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Table with a heading for each column and, in the first of them, for each row.

    Args:
        columns: Headings of the columns.
        rows: Rows of as many cells; a row's first cell is its heading.

    Returns:
        An HTML element.

    Raises:
        ValueError: If there is no column, or a row has more or fewer cells than there are columns.

    Examples:
        >>> from hw.figures.tables import table
        >>> print(table(["loss", "nats"], [["NT-Xent", 1.5]]))
        <table><thead><tr><th scope="col">loss</th><th scope="col">nats</th></tr></thead><tbody>
        <tr><th scope="row">NT-Xent</th><td>1.5</td></tr>
        </tbody></table>
    """
    if not columns:
        raise ValueError("columns must name one column at least, got none")
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"each row must have {len(columns)} cells, one for each column, got {len(row)} in {row!r}")
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = [
        f'<tr><th scope="row">{escape(str(head))}</th>{"".join(f"<td>{escape(str(cell))}</td>" for cell in cells)}</tr>'
        for head, *cells in rows
    ]
    return "\n".join((f"<table><thead><tr>{heads}</tr></thead><tbody>", *body, "</tbody></table>"))
