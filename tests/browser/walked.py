"""The gate `live` on maps of pixels: the grid of question 1 and the explorer, judged by walks through masks."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise, product
from random import Random
from typing import Any

from playwright.sync_api import Error, Locator, Page
from touched import asked, chosen, nth, pressed, said, words_of

__all__ = ["drawings", "explored_unlike", "explorer", "grid", "judged_unlike", "steps", "walks"]

Pixel = tuple[int, int]
SIDE, OUTPUT = 5, (2, 2)
RASTER = list(product(range(SIDE), repeat=2))
MANY = 20  # wrong drawings of each case
MOVE = re.compile(r"[ML]([\d.]+) ([\d.]+)")


# ---- what is right: walks, one layer after another


def steps(kind: str, kernel: int = 3) -> set[Pixel]:
    """Where a mask lets a pixel look, seen from the pixel: before it, B also at it, N everywhere."""
    reach = range(-(kernel // 2), kernel // 2 + 1)
    return {
        step for step in product(reach, repeat=2) if kind == "N" or step < (0, 0) or (kind == "B" and step == (0, 0))
    }


def walks(kinds: str, output: Pixel, side: int, kernel: int = 3) -> Counter[Pixel]:
    """How many walks from an output, the last mask first, end at each pixel of the map."""
    counts = Counter({output: 1})
    for kind in reversed(kinds):
        following: Counter[Pixel] = Counter()
        for (row, column), count in counts.items():
            for down, right in steps(kind, kernel):
                if 0 <= row + down < side and 0 <= column + right < side:
                    following[row + down, column + right] += count
        counts = following
    return counts


def judged_unlike(kinds: str, drawn: Iterable[Pixel], found: dict[str, Any]) -> list[str]:
    """What is wrong with a verdict on a drawing: its pixel, its path or its reason, and what it tells beyond.

    Args:
        kinds: The masks, the first layer first.
        drawn: The pixels that are filled.
        found: `words`, and `pixel` and `path`, if they are told.
    """
    drawn = set(drawn)
    seen, words = set(walks(kinds, OUTPUT, SIDE)), found["words"]
    case = f"{kinds}, {len(drawn)} pixels filled"
    first = next((pixel for pixel in RASTER if (pixel in seen) != (pixel in drawn)), None)
    path = [tuple(place) for place in found.get("path") or ()]
    told = tuple(found["pixel"]) if found.get("pixel") else None
    if told != first:
        return [f"{case}: must tell the first wrong pixel, {first}, got {told}"]
    if first is None:
        return [] if words.startswith("Right") and not path else [f"{case}: is right, and the words are {words!r}"]
    lines = [] if not re.search(r"\bright\b", words, re.IGNORECASE) else [f"{case}: is wrong, and is called right"]
    allowed = {first, OUTPUT, *path}
    if first in seen:
        legal = len(path) == len(kinds) + 1 and (path[0], path[-1]) == (OUTPUT, first)
        moves = zip(pairwise(path), reversed(kinds), strict=False)
        if not legal or any((b[0] - a[0], b[1] - a[1]) not in steps(kind) for (a, b), kind in moves):
            lines.append(f"{case}: {path} is no path from {OUTPUT} to {first}")
    else:
        readers = {(row, column) for row, column in RASTER if (first[0] - row, first[1] - column) in steps(kinds[0])}
        allowed |= readers
        named = _named(words.partition(". ")[2])
        lines += [f"{case}: {first} is not seen, and a path is drawn"] if path else []
        if named - {OUTPUT} != readers - {OUTPUT}:
            lines.append(f"{case}: {sorted(named)} are told to read {first}, and {sorted(readers)} do")
        if readers & set(walks(kinds[1:], OUTPUT, SIDE)):
            lines.append(f"{case}: {first} is told to be unseen, and a pixel that reads it is seen")
    if more := _named(words) - allowed:
        lines.append(f"{case}: tells of {sorted(more)} beside the first wrong pixel")
    return lines


def _named(words: str) -> set[Pixel]:
    """Pixels by their names, such as 33."""
    return {(int(name[0]) - 1, int(name[1]) - 1) for name in re.findall(r"\b[1-5]{2}\b", words)}


def drawings(kinds: str) -> list[list[Pixel]]:
    """Wrong drawings of a case: the right one with some pixels changed."""
    rng, right = Random(kinds), set(walks(kinds, OUTPUT, SIDE))
    return [sorted(right ^ set(rng.sample(RASTER, rng.randint(1, 6)))) for _ in range(MANY)]


# ---- the grid


def grid(page: Page, keys: bool) -> list[str]:
    """Draw each case right and wrong, by mouse or by keys, and look at what is told and drawn."""
    root, found = page.locator("[data-widget=grid]"), []
    for name, kinds in (pair.split(" ") for pair in (root.get_attribute("data-cases") or "").split(",")):
        chosen(root.get_by_role("combobox"), name, keys)
        right = sorted(walks(kinds, OUTPUT, SIDE))
        for drawn in (right[1:], [*right, RASTER[-1]], right):
            pressed(nth(root, "Clear"), keys)
            fill(root, drawn, keys)
            state = root.locator("svg.pixels g").evaluate_all("all => all.map(one => one.ariaPressed === 'true')")
            if [pixel for pixel, on in zip(RASTER, state, strict=True) if on] != drawn:
                found.append(
                    f"{name}: {len(drawn)} pixels were filled by {'keys' if keys else 'mouse'}, not {sum(state)}"
                )
            pressed(nth(root, "Check"), keys)
            words = said(root.locator(".verdict"), f"{name}: ")
            if not words:
                return [*found, f"{name}: nothing is said in time"]
            found += [
                f"{name}: {line}" for line in judged_unlike(kinds, drawn, seen_of(root, words.partition(": ")[2]))
            ]
    return found


def fill(root: Locator, pixels: list[Pixel], keys: bool) -> None:
    """Fill pixels of an empty map."""
    cells = root.locator("svg.pixels g[role=button]")
    if not keys:
        for row, column in pixels:
            cells.nth(SIDE * row + column).click()
        return
    root.locator("svg.pixels g[tabindex='0']").focus()
    place = int(cells.evaluate_all("all => all.findIndex(one => one.getAttribute('tabindex') === '0')"))
    row, column = divmod(place, SIDE)
    board = root.page.keyboard
    for down, right in pixels:
        for way, times in (
            ("Down" if down > row else "Up", abs(down - row)),
            ("Right" if right > column else "Left", abs(right - column)),
        ):
            for _ in range(times):
                board.press(f"Arrow{way}")
        row, column = down, right
        board.press("Space")


def seen_of(root: Locator, words: str) -> dict[str, Any]:
    """What a grid shows of a verdict: the square about a pixel, and the path, in pixels."""
    size = float(root.locator("svg.pixels rect").first.get_attribute("width") or 1)
    squares, ways = (
        root.locator(f"svg.pixels path.{kind}").evaluate_all("all => all.map(one => one.getAttribute('d'))")
        for kind in ("wrong", "way")
    )
    corners = [tuple(float(part) / size for part in reversed(MOVE.findall(square)[0])) for square in squares]
    centers = [tuple(float(part) / size - 0.5 for part in reversed(move)) for way in ways for move in MOVE.findall(way)]
    whole = {
        place: tuple(map(int, place)) for place in (*corners, *centers) if all(part == int(part) for part in place)
    }
    return {
        "words": words,
        "pixel": whole.get(corners[0], corners[0]) if len(corners) == 1 else None,
        "path": [whole.get(place, place) for place in centers],
    }


def drawn_wrong(page: Page) -> list[str]:
    """Send wrong drawings of every case to the page's Python, and walk the paths that it tells."""
    cases = (page.locator("[data-widget=grid]").get_attribute("data-cases") or "").split(",")
    sent = [(kinds, drawn) for kinds in (pair.split(" ")[1] for pair in cases) for drawn in drawings(kinds)]
    answers = asked(page, *(("grid", {"kinds": kinds, "chosen": drawn}) for kinds, drawn in sent))
    found = []
    for (kinds, drawn), (answer, *_) in zip(sent, answers, strict=True):
        found += judged_unlike(kinds, drawn, answer) if "words" in answer else [f"{kinds}: {answer}"]
    return found


# ---- the explorer


def explorer(page: Page, keys: bool) -> list[str]:
    """Change masks, kernel, depth and output, by mouse or by keys, and count walks for what is shown."""
    root = page.locator("[data-widget=explorer]")
    told = root.locator(".verdict")
    found = explored_unlike(root, words_of(told))

    def change(what: str, act: Any) -> None:
        before = words_of(told)
        act()
        try:
            page.wait_for_function(
                """old => {
                    const root = document.querySelector("[data-widget=explorer]");
                    const told = root.querySelector(".verdict");
                    return root.ariaDisabled !== "true" && told.textContent.replace(/\\s+/g, " ").trim() !== old;
                }""",
                arg=before,
            )
        except Error:
            found.append(f"{what}: nothing else is said in time")
            return
        found.extend(f"{what}: {line}" for line in explored_unlike(root, words_of(told)))

    def pick(label: str, value: str) -> None:
        chosen(root.locator(f"xpath=.//label[normalize-space(text()[1])='{label}']/select"), value, keys)

    change("no mask in layer 1", lambda: pick("Layer 1", "N"))
    change("mask A in layer 1", lambda: pick("Layer 1", "A"))
    if keys:
        change("another row", lambda: pick("Output row", "2"))
    else:
        change("a click on a pixel", lambda: root.locator(".drawn svg rect").nth(12).click(force=True))
    change("a larger kernel", lambda: pick("Kernel", "5"))
    change("one more layer", lambda: pressed(nth(root, "Add a layer"), keys))
    change("one layer less", lambda: pressed(nth(root, "Remove the last"), keys))
    change("a smaller map", lambda: pick("Map", "7"))
    return found


def explored_unlike(root: Locator, words: str) -> list[str]:
    """What is wrong with the words and the drawing of an explorer, by the state of its lists."""
    state = root.evaluate(
        "root => Object.fromEntries([...root.querySelectorAll('label')]"
        ".map((one) => [one.firstChild.textContent.trim(), one.control.value]))"
    )
    kinds = "".join(value for label, value in state.items() if label.startswith("Layer"))
    side, kernel = int(state["Map"]), int(state["Kernel"])
    output = int(state["Output row"]) - 1, int(state["column"]) - 1
    counts = walks(kinds, output, side, kernel)
    fields = {place: walks(kinds, place, side, kernel) for place in product(range(side), repeat=2)}
    ordered = all(place < output for output, seen in fields.items() for place in seen)
    missed = sum(place < output and place not in counts for place in fields)
    shown = re.match(r"Output (\d+),(\d+) sees (\d+) of (\d+) pixels, by (\d+) paths?\.", words)
    due = [output[0] + 1, output[1] + 1, len(counts), side * side, sum(counts.values())]
    found = []
    if not shown or list(map(int, shown.groups())) != due:
        found.append(f"must tell {due}, got {words!r}")
    if (f"misses {missed} of" in words) != bool(missed):
        found.append(f"misses {missed} pixels, and says {words!r}")
    if ("the stack is autoregressive" in words) != ordered or ("not autoregressive" in words) == ordered:
        found.append(f"is {'' if ordered else 'not '}autoregressive, and says {words!r}")
    drawn = root.locator(".drawn rect.seen").count()
    if drawn != len(counts):
        found.append(f"draws {drawn} pixels as seen, and {len(counts)} are")
    return found
