"""The gate for an unintended change of look: every page against a reviewed picture of it.

Pictures are full pages with details closed, at a third of their size: a row of text is six pixels tall and a
hairline still a line. Generated pages, the ledger and those of the reference, repeat a few elements: their first
6000 px stand for the rest. To keep the files small in git, a pixel unlike one of its neighbors (text, edges) keeps
eight levels a channel, while flat color stays exact; what is compared is treated alike. Three things are made equal
first, since they change without the look changing: the colophon's second and later lines (date, commit, versions,
where to report), the wheel's address, and the digits of residuals, which differ between processors.
"""

import io
import json
import shutil
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from browsing import ROOT, Missing, Result, awaken, file_of, launched, pages, run_node, serving, shared
from PIL import Image
from playwright.sync_api import Browser, Page

__all__ = ["REFERENCES", "accept", "check", "reduced", "taken"]

REFERENCES = Path(__file__).parent / "references"
WORK = ROOT / ".cache" / "screenshots"
STEADY = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
SCALE = 1 / 3
LEVELS = 8
LIKE = 4  # of 255: where the edge of a layer falls between pixels, flat color is off by so much from time to time
USUAL = ((1440, "light"), (390, "dark"))
ALL = ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark"))
IN_ALL = ("", "autoregressive/")
GENERATED = ("ledger/", "reference/")
ENOUGH = 6000
STEP = 255 / (LEVELS - 1)


@dataclass(frozen=True)
class Limits:
    """From when on a place counts as different.

    Attributes:
        threshold: What pixelmatch takes for the same color; 0.03 tells a panel from the paper in both schemes.
        edges: Whether anti-aliased pixels count too; at this size text has hardly any others.
        size: The side of a place, in the picture's pixels.
        share: The part of a place's pixels that may differ.
        height: The part by which a page's height may differ.
    """

    threshold: float
    edges: bool
    size: int
    share: float
    height: float


EXACT = Limits(threshold=0.03, edges=True, size=32, share=0.02, height=0)
GROSS = Limits(threshold=0.1, edges=False, size=32, share=0.6, height=0.01)


@dataclass(frozen=True)
class Shot:
    """A picture of a page: the page's address, the file's name, the view's, and the headings with their places."""

    page: str
    name: str
    view: str
    headings: tuple[tuple[float, str], ...]


def check(site: Path, references: Path = REFERENCES, work: Path = WORK) -> Result:
    """Compare every page of a built site with its reference.

    About once in a hundred pictures Chromium leaves out a hairline. What differs is taken again, and must differ again.
    """
    if not (references / "chromium.txt").exists():
        raise Missing("the references are missing; python3 dev.py accept makes them")
    version, shots = taken(site, work)
    accepted = (references / "chromium.txt").read_text(encoding="utf-8").strip()
    limits = EXACT if version == accepted else GROSS
    findings, unlike = _unpaired(shots, references), _differences(shots, references, work, limits)
    if unlike:
        _, again = taken(site, work, sorted({shot.page for shot in unlike}))
        both = [shot for shot in again if shot.name in {one.name for one in unlike}]
        findings += _differences(both, references, work, limits).values()
    figure = f"{len(shots)} page views"
    return Result(figure if version == accepted else f"{figure}, Chromium {version}, references {accepted}", findings)


def accept(site: Path, references: Path = REFERENCES, work: Path = WORK) -> list[str]:
    """Make the site's present look the reference.

    Args:
        site: A built site's folder.
        references: Where the references lie; a page that is gone loses its own.
        work: Where the pictures are taken.

    Returns:
        The names of the pictures that are new, changed or removed.
    """
    version, shots = taken(site, work)
    references.mkdir(parents=True, exist_ok=True)
    old = {path.name: path.read_bytes() for path in references.glob("*.png")}
    new = {shot.name: (work / "now" / shot.name).read_bytes() for shot in shots}
    for name in old.keys() - new.keys():
        (references / name).unlink()
    for name, picture in new.items():
        (references / name).write_bytes(picture)
    (references / "chromium.txt").write_text(f"{version}\n", encoding="utf-8")
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def taken(site: Path, work: Path, names: list[str] | None = None) -> tuple[str, list[Shot]]:
    """Take the picture of every view of pages.

    Args:
        site: A built site's folder.
        work: Emptied; the pictures are in its folder `now` afterwards.
        names: The addresses of the pages; all if not given.

    Returns:
        Chromium's major version, and the pictures.
    """
    shutil.rmtree(work, ignore_errors=True)
    (work / "now").mkdir(parents=True)
    # By size, in turns: each process has its share of the long pages.
    names = sorted(pages(site) if names is None else names, key=lambda name: file_of(site, name).stat().st_size)
    done = shared(partial(_photographed, site, work / "now"), [names[turn::2] for turn in range(min(2, len(names)))])
    return done[0][0], [shot for _, shots in done for shot in shots]


def reduced(picture: Image.Image) -> Image.Image:
    """Keep flat color as it is and give edges few levels a channel, so that the file is small."""
    pixels = np.asarray(picture.convert("RGB"))
    levels = (np.rint(np.arange(256) / STEP) * STEP).astype(np.uint8)
    coarse = Image.fromarray(np.where(_flat(pixels)[..., None], pixels, levels[pixels]))
    colors = coarse.getcolors(256)
    return _indexed(coarse, sorted(color for _, color in colors)) if colors else coarse


def _packed(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)


def _flat(pixels: np.ndarray) -> np.ndarray:
    """Tell the pixels that are like the ones above, below, left and right of them."""
    flat = np.ones(pixels.shape[:2], dtype=bool)
    signed = pixels.astype(np.int16)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        same = np.abs(signed[one] - signed[other]).max(axis=-1) <= LIKE
        flat[one] &= same
        flat[other] &= same
    return flat


def _indexed(picture: Image.Image, colors: list[tuple[int, int, int]]) -> Image.Image:
    palette = np.array(colors, np.uint8)
    places = np.zeros(1 << 24, np.uint8)
    places[_packed(palette)] = np.arange(len(colors))
    indexed = Image.fromarray(places[_packed(np.asarray(picture))])
    indexed.putpalette(palette.tobytes())
    return indexed


def _photographed(site: Path, folder: Path, names: list[str]) -> tuple[str, list[Shot]]:
    with serving(site) as address, launched() as browser:
        version = browser.version.partition(".")[0]
        return version, list(_shots(browser, address, folder, names))


def _shots(browser: Browser, address: str, folder: Path, names: list[str]) -> Iterator[Shot]:
    # The site's own policy forbids the style that STEADY adds; the gate on that policy is another one.
    page = browser.new_context(bypass_csp=True, reduced_motion="reduce").new_page()
    for turn, name in enumerate(names):
        page.goto(address + name)
        awaken(page)
        views = ALL if name in IN_ALL else USUAL
        # Every other page backwards: it loads in the size and scheme in which the one before was left.
        for width, scheme in reversed(views) if turn % 2 else views:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            yield _shot(page, folder, name, scheme)


def _shot(page: Page, folder: Path, name: str, scheme: str) -> Shot:
    steady = page.evaluate(STEADY, scheme)
    view = f"{page.viewport_size['width']}-{scheme}"
    height = min(steady["height"], ENOUGH) if name.startswith(GENERATED) else steady["height"]
    file = f"{name.strip('/').replace('/', '.').removesuffix('.html') or 'home'}-{view}.png"
    reduced(_photograph(page, height)).save(folder / file, compress_level=9)
    return Shot(name, file, f"{name or 'home'}, {view.replace('-', ' px ')}", tuple(map(tuple, steady["headings"])))


def _photograph(page: Page, height: int) -> Image.Image:
    clip = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": height, "scale": SCALE}
    options = {"format": "png", "optimizeForSpeed": True, "captureBeyondViewport": True, "clip": clip}
    session = page.context.new_cdp_session(page)
    picture = session.send("Page.captureScreenshot", options)["data"]
    session.detach()
    return Image.open(io.BytesIO(b64decode(picture)))


def _unpaired(shots: list[Shot], references: Path) -> list[str]:
    known = {path.name for path in references.glob("*.png")}
    new = [f"{shot.view}: has no reference; python3 dev.py accept makes it" for shot in shots if shot.name not in known]
    gone = sorted(known - {shot.name for shot in shots})
    return new + [f"{name}: the page of this reference is gone; python3 dev.py accept removes it" for name in gone]


def _differences(shots: list[Shot], references: Path, work: Path, limits: Limits) -> dict[Shot, str]:
    """What differs in each view that is unlike its reference."""
    pairs = [shot for shot in shots if _unlike(references / shot.name, work / "now" / shot.name)]
    if not pairs:
        return {}
    jobs = [_job(shot.name, references, work) for shot in pairs]
    (work / "jobs.json").write_text(json.dumps({"limits": asdict(limits), "pairs": jobs}), encoding="utf-8")
    done = run_node("../pixels.js", str(work / "jobs.json"))
    if done.returncode:
        raise Missing(f"the pictures could not be compared: {done.stderr.strip()}")
    lines = {
        shot: _line(shot, report, work, limits) for shot, report in zip(pairs, json.loads(done.stdout), strict=True)
    }
    return {shot: line for shot, line in lines.items() if line}


def _unlike(reference: Path, now: Path) -> bool:
    return reference.exists() and reference.read_bytes() != now.read_bytes()


def _job(name: str, references: Path, work: Path) -> dict[str, str]:
    return {"before": str(references / name), "after": str(work / "now" / name), "picture": str(work / name)}


def _line(shot: Shot, report: dict, work: Path, limits: Limits) -> str:
    """Say what differs in a view, where and how much; nothing where it is within the limits."""
    grown = round((report["after"][1] - report["before"][1]) / SCALE)
    taller = abs(grown) > limits.height * report["before"][1] / SCALE
    if not taller and (not report["places"] or grown):
        return ""
    said = [f"{abs(grown)} px {'taller' if grown > 0 else 'shorter'}"] if taller else []
    if report["places"]:
        said.append(_where(shot, report, taller))
    return f"{shot.view}: {'; '.join(said)}; see {_shown(work / shot.name)}"


def _where(shot: Shot, report: dict, taller: bool) -> str:
    first, last, worst = (report[name] for name in ("first", "last", "worst"))
    start, end = (round(place["y"] / SCALE) for place in (first, last))
    above = [text for y, text in shot.headings if y <= start + EXACT.size / SCALE]
    under = f" under “{above[-1]}”" if above else ""
    if taller:
        return f"unlike the reference from y = {start} px on{under}"
    return f"unlike the reference between y = {start} and {end} px{under}, {worst['share']:.0%} of the worst place"


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
