"""What is wrong with a formula, and where."""

__all__ = ["FormulaError", "place"]


class FormulaError(ValueError):
    """A formula that cannot be read or evaluated, with the place where reading stopped.

    Attributes:
        message: What was found, and what was expected.
        at: Offset in the LaTeX source.
    """

    def __init__(self, message: str, at: int = 0) -> None:
        """Keep message and place."""
        super().__init__(message)
        self.message, self.at = message, at


def place(source: str, at: int) -> tuple[int, int]:
    r"""Line and column of an offset, both from 1.

    Examples:
        >>> from hw.checked_math.errors import place
        >>> place("a\nbc", 3)
        (2, 2)
    """
    before = source[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1
