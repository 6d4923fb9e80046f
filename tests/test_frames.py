"""Figures with sliders: their HTML, the file of their frames, and what the frames of the pages say, by other routes."""

import gzip
import html
import json
import math
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from drawings import paths, points
from hw.checked_math.document import fences
from hw.figures.drawing import svg_element
from hw.figures.frames import MOST, Slider, frames
from hw.site.fences import execute
from hw.site.frames import FOLDER, carve

ROOT = Path(__file__).parent.parent
FIGURES = {"vae": "curves", "flows": "covering", "gan": "two-normals", "simclr": "pull"}
TWO = [Slider("a", ["1", "2"], start=0), Slider("b", ["x", "y", "z"], start=2)]


def plain(positions, words="{}"):
    return svg_element([f"A chart of {positions}"], 20, []), words.format(positions)


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" data-frames="[\w-]+">(.*?)</script>', text)[1])


@cache
def figure(page):
    """Positions of the sliders, their start, and the frames by their positions, of the figure that a page prints."""
    text = (ROOT / f"docs/{page}.md").read_text("utf-8")
    (fence,) = (each for each in fences(text) if each.options.get("session") == FIGURES[page])
    printed = execute(fence)[1]
    rows = re.findall(r'<div class="slider" data-positions="([^"]*)" data-start="(\d+)">', printed)
    positions = [json.loads(html.unescape(row)) for row, _ in rows]
    places = [()]
    for slider in positions:
        places = [(*place, each) for place in places for each in slider]
    return positions, [int(start) for _, start in rows], dict(zip(places, data_of(printed), strict=True)), printed


def told(page, *position):
    """The words of a frame."""
    return figure(page)[2][position][1].replace("−", "-")


def value(pattern, words):
    number = re.search(pattern, words)[1]
    mantissa, _, power = number.partition("·10")
    return float(mantissa) * 10.0 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


def trapezoid(values, grid):
    return float(((values[1:] + values[:-1]) / 2 * np.diff(grid)).sum())


def normal(x, mean, deviation):
    return np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))


def test_the_page_has_one_drawing_with_its_words_and_all_frames_as_data():
    text = frames("pairs", TWO, plain)
    root = ElementTree.fromstring(text)
    assert (root.get("class"), root.get("data-widget"), root.get("data-frames")) == ("frames", "frames", "pairs")
    assert [element.get("aria-label") for element in root.iter("svg")] == ["A chart of (0, 2)."]
    assert root.find("p[@class='words']").text == "(0, 2)"
    rows = root.findall("div/div[@class='slider']")
    assert [json.loads(row.get("data-positions")) for row in rows] == [["1", "2"], ["x", "y", "z"]]
    assert [(row.find("span").text, row.find("output").text, row.get("data-start")) for row in rows] == [
        ("a", "1", "0"),
        ("b", "z", "2"),
    ]
    assert data_of(text) == [list(plain((a, b))) for a in (0, 1) for b in (0, 1, 2)]


def test_no_text_of_a_frame_becomes_part_of_the_page():
    words = "</script><b>{}</b>"
    text = frames("sly", [Slider("<i>", ["<", '"'], start=1)], lambda at: plain(at, words))
    assert text.count("</script>") == 1
    assert not re.search("<[bi]>", text)
    assert [told for _, told in data_of(text)] == [words.format(at) for at in ((0,), (1,))]
    assert html.unescape(re.search(r'<p class="words">(.*?)</p>', text)[1]) == words.format((1,))
    assert json.loads(html.unescape(re.search(r'data-positions="(.*?)"', text)[1])) == ["<", '"']


def taller(positions):
    return svg_element(["A chart"], 20 + positions[0], []), "words"


def noise(positions):
    rng = np.random.default_rng(positions[0])
    return svg_element([rng.bytes(40_000).hex()], 20, []), "words"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "A b"}, "name must be made of lowercase letters, digits and hyphens, got 'A b'"),
        ({"name": ""}, "name must be made of"),
        ({"sliders": []}, "sliders must be at least one, got none"),
        ({"sliders": [Slider("a", ["1"], 0)]}, "slider must have a label and two or more different positions, got 'a'"),
        ({"sliders": [Slider("a", ["1", "1"], 0)]}, "slider must have a label and two or more different positions"),
        ({"sliders": [Slider("", ["1", "2"], 0)]}, "slider must have a label"),
        ({"sliders": [Slider("a", ["1", ""], 0)]}, "slider must have a label"),
        ({"sliders": [Slider("a", ["1", "2"], 2)]}, "start of 'a' must be one of 0 to 1, got 2"),
        ({"sliders": [Slider("a", ["1", "2"], -1)]}, "start of 'a' must be one of 0 to 1, got -1"),
        ({"frame": lambda at: plain(at, " ")}, r"frame must say in words what it shows, got ' ' at \(0, 0\)"),
        ({"frame": lambda at: ("<svg/>", "words")}, r"frame must return drawings with alternative text, got '<svg/>'"),
        ({"frame": lambda at: (plain(at)[0] + "<svg/>", "words")}, "frame must return drawings with alternative text"),
        ({"frame": lambda at: ("", "words")}, "frame must return drawings with alternative text, got ''"),
        ({"frame": lambda at: plain(at)[0]}, r"frame must return a drawing and words, got '<svg.*' at \(0, 0\)"),
        ({"frame": lambda at: ("", None)}, r"frame must return a drawing and words, got \('', None\)"),
        ({"frame": lambda at: [*plain(at)]}, r"frame must return a drawing and words, got \["),
        ({"frame": taller}, r"frame must draw in one size, \['0 0 360 20'\], got \['0 0 360 21'\] at \(1, 0\)"),
        ({"frame": noise}, r"frames must take at most 60,000 bytes together, compressed, got \d{3},\d{3}"),
    ],
)
def test_what_is_no_figure_with_sliders_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        frames(**{"name": "pairs", "sliders": TWO, "frame": plain} | changed)


def built(folder, pages):
    for name, body in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<html>{body}</html>", "utf-8")
    carve(folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_frames_move_into_files_and_leave_their_address(tmp_path):
    one, other = frames("one", TWO, plain), frames("other", TWO[:1], lambda at: plain(at, "<τ {}>"))
    pages = {"index.html": one, "deep/page/index.html": f"<p>{other}</p>", "plain.html": "<p>ü</p>"}
    files = built(tmp_path / "a", pages)
    assert sorted(files) == sorted([*pages, f"{FOLDER}/one.json", f"{FOLDER}/other.json"])
    assert json.loads(files[f"{FOLDER}/other.json"]) == data_of(other)
    for name, address in (("index.html", "one.json"), ("deep/page/index.html", "../../assets/frames/other.json")):
        page = files[name].decode()
        assert "<script" not in page
        assert page.count("<svg") == page.count("data-frames") == 1
        assert f'data-frames="{address if "/" in address else f"{FOLDER}/{address}"}"' in page
    assert files["plain.html"].decode() == "<html><p>ü</p></html>"
    assert built(tmp_path / "b", dict(reversed(pages.items()))) == files


def test_two_figures_of_one_name_are_refused(tmp_path):
    one = frames("one", TWO, plain)
    with pytest.raises(RuntimeError, match=r"b\.html: frames must have a name of their own, got 'one' again"):
        built(tmp_path, {"a.html": one, "b.html": one})


@pytest.mark.parametrize("page", FIGURES)
def test_the_axes_of_a_figure_are_the_same_in_all_frames(page):
    positions, start, found, printed = figure(page)
    shown = found[tuple(slider[at] for slider, at in zip(positions, start, strict=True))]
    assert printed.partition('<div class="sliders">')[0].endswith(f'<div class="drawn">{shown[0]}</div>')
    frames_ = set()
    for svg, words in found.values():
        drawings = ElementTree.fromstring(f"<div>{svg}</div>")
        axes = [
            (element.get("class"), element.get("d"), element.get("x"), element.get("y"), "".join(element.itertext()))
            for element in drawings.iter()
            if element.get("class") in ("axis", "tick x", "tick y", "number", "name", "reference")
        ]
        labels = re.findall(r"(?:horizontal|vertical) axis: [^.]*(?:\.\d[^.]*)*\.", svg)
        frames_.add((*axes, *labels))
        assert not re.search("nan|inf(?!inite)", words)
    assert len(frames_) == 1
    assert len({svg for svg, _ in found.values()}) == len(found)  # and each shows something else
    assert len(gzip.compress(data_text(found), mtime=0)) < MOST


def data_text(found):
    return json.dumps(list(found.values()), ensure_ascii=False).encode()


def test_bounds_rise_with_the_draws_and_stay_below_the_evidence():
    for svg, _ in figure("vae")[2].values():
        (curve,), (evidence,) = paths(svg, "line seen"), paths(svg, "reference")
        height, limit = points(curve)[:, 1], points(evidence)[0, 1]
        assert (np.diff(height) <= 0).all()  # upward is less in a drawing
        assert (height >= limit - 0.011).all()


@pytest.mark.parametrize(("mean", "width"), [("-0.25", "0.2"), ("0.5", "0.8"), ("1", "0.4"), ("1.25", "1.4")])
def test_the_elbo_of_a_frame_is_an_integral_of_log_weights(mean, width):
    words, m, s = told("vae", mean.replace("-", "−"), width), float(mean), float(width)
    z = np.linspace(m - 12 * s, m + 12 * s, 20_001)
    log_joint = -(z**2) / 2 - (1 - z) ** 2 / 2 - math.log(2 * math.pi)
    q = normal(z, m, s)
    elbo = trapezoid(q * (log_joint - np.log(np.maximum(q, 1e-300))), z)
    evidence = -1 / 4 - math.log(4 * math.pi) / 2
    assert value(r"ELBO -([\d.]+)", words) == pytest.approx(-elbo, abs=5.1e-5)
    assert value(r"nats, (\S+) below", words) == pytest.approx(evidence - elbo, rel=5.1e-3)


def test_the_gap_of_many_draws_is_half_of_chi_squared_over_their_number():
    close = 0
    for (_, width), (_, words) in figure("vae")[2].items():
        assert ("infinite" in words) == (width in ("0.2", "0.3", "0.4", "0.5"))  # at most half of the variance ½
        if "infinite" not in words and 0 < value(r"q: (\S+)\.", words) < 0.3:
            ratio = 128 * value(r"gap is (\S+) nats", words) / value(r"q: (\S+)\.", words)
            assert ratio == pytest.approx(1, abs=0.1)
            close += 1
    assert close > 5
    assert told("vae", "0.5", "√½").count(" 0 ") == 2


def two_modes(distance):
    x = np.linspace(-12, 12, 48_001)
    return x, (normal(x, -distance / 2, 0.5) + normal(x, distance / 2, 0.5)) / 2


@pytest.mark.parametrize("distance", ["1.50", "2.70", "2.90", "4.00", "6.00"])
def test_the_forward_divergence_of_a_frame_is_an_entropy_less_another(distance):
    x, p = two_modes(float(distance))
    entropy = -trapezoid(p * np.log(np.maximum(p, 1e-300)), x)
    deviation = 0.5 * math.sqrt(1 + float(distance) ** 2)
    best = math.log(deviation * math.sqrt(2 * math.pi * math.e)) - entropy
    assert value(r"forward optimum is (\S+) nats", told("flows", distance)) == pytest.approx(best, abs=5.1e-5)


@pytest.mark.parametrize("distance", ["1.50", "2.60", "2.70", "2.90", "3.00", "4.00", "6.00"])
def test_no_normal_law_is_closer_than_the_reverse_optimum_of_a_frame(distance):
    x = np.linspace(-9, 9, 1801)
    log_p = (
        np.logaddexp(*(-((2 * x + side * float(distance)) ** 2) / 2 for side in (-1, 1))) - math.log(2 * math.pi) / 2
    )
    deviations, found = np.arange(0.3, 2, 0.04)[:, None], {}
    for mean in np.linspace(0, float(distance) / 2 + 0.2, 40):
        q = normal(x, mean, deviations)
        found[mean] = (q * (np.log(np.maximum(q, 1e-300)) - log_p)).sum(1).min() * 0.01
    best = min(found, key=found.get)
    words = told("flows", distance)
    nats = value(r"and (\S+) nats away by its own", words)
    assert found[best] - 3e-3 < nats < found[best] + 5.1e-5
    assert (best > 0.5) == ("is on a mode" in words)


def test_the_reverse_optimum_jumps_out_of_the_middle_at_2_80():
    """The jump is at 2.80008, so that at 2.80 the middle is still the better place by a few hundred-thousandths."""
    (distances,), *_ = figure("flows")
    off = [distance for distance in distances if "optimum is on a mode" in told("flows", distance)]
    assert off == distances[distances.index("2.85") :]
    assert all("optimum is in the middle" in told("flows", distance) for distance in ("2.70", "2.75", "2.80"))


@pytest.mark.parametrize("distance", ["0", "0.25", "1", "2.5", "5"])
def test_the_divergence_of_a_frame_is_a_difference_of_entropies(distance):
    x = np.linspace(-12, 17, 58_001)
    laws = normal(x, 0, 1), normal(x, float(distance), 1)
    mixed, *own = (-trapezoid(p * np.log(np.maximum(p, 1e-300)), x) for p in (sum(laws) / 2, *laws))
    jsd = mixed - sum(own) / 2
    words = told("gan", distance)
    assert value(r"JSD (\S+) nats", words) == pytest.approx(jsd, abs=5.1e-5)
    assert value(r"([\d.]+)% of log 2", words) == pytest.approx(100 * jsd / math.log(2), abs=0.051)


def test_the_logarithm_of_the_ratio_is_a_line_as_steep_as_the_means_are_apart():
    for (distance,), (svg, _) in figure("gan")[2].items():
        laws, ratio = (f"<svg{each}" for each in svg.split("<svg")[1:])
        line, best = points(*paths(ratio, "line ink")), points(*paths(laws, "line ink"))
        assert (np.diff(best[:, 1]) <= 0).all()
        slope, shift = np.polyfit(line[:, 0], line[:, 1], 1)
        assert np.abs(slope * line[:, 0] + shift - line[:, 1]).max() < 0.03
        assert slope == pytest.approx(-steepness() * float(distance), rel=3e-3, abs=1e-6)


def test_the_best_discriminator_is_a_half_between_the_means():
    (line,) = paths(f"<svg{figure('gan')[2]['2',][0].split('<svg')[1]}", "line ink")
    corners = points(line)
    half = (corners[0, 1] + corners[-1, 1]) / 2  # D* goes from 0 to 1
    (shift,) = np.interp([half], corners[::-1, 1], corners[::-1, 0])
    assert (shift - corners[0, 0]) / (corners[-1, 0] - corners[0, 0]) == pytest.approx((1 + 4) / 13, abs=1e-3)


@cache
def steepness():
    """How steep a logarithm of slope 1 is drawn, from the places of the numbers at the axes."""
    svg = f"<svg{figure('gan')[2]['2',][0].split('<svg')[2]}"
    numbers = {
        text.text: (float(text.get("x")), float(text.get("y")), text.get("text-anchor"))
        for text in ElementTree.fromstring(svg).findall("text")
        if text.get("class") == "number"
    }
    unit = (numbers["5"][0] - numbers["0"][0]) / 5
    nat = (numbers["0.0001"][1] - numbers["10,000"][1]) / (8 * math.log(10))
    return nat / unit


def test_weights_are_those_of_plain_sums_and_go_from_one_to_all_alike():
    (temperatures,), *_ = figure("simclr")
    cosines = [step / 40 - 1 for step in range(81)]
    shares = []
    for tau in temperatures:
        weights = [math.exp((cosine - 1) / float(tau)) for cosine in cosines]
        expected = [100 * sum(part) / sum(weights) for part in (weights[-1:], weights[-8:], weights[:40])]
        shown = [float(number) for number in re.findall(r"([\d.]+)%", told("simclr", tau))]
        assert shown[:3] == pytest.approx(expected, abs=0.051)
        assert shown[3:] == pytest.approx([100 / 81, 800 / 81, 4000 / 81], abs=0.051)
        shares.append(shown[:3])
    nearest, eight, opposite = zip(*shares, strict=True)
    assert list(nearest) == sorted(nearest, reverse=True)
    assert list(opposite) == sorted(opposite)
    assert (eight[0], opposite[0]) == pytest.approx((100, 0), abs=0.2)  # nearly all on the nearest
    assert (nearest[-1], opposite[-1]) == pytest.approx((100 / 81, 4000 / 81), rel=0.25)  # nearly all alike
