"""Densities of the plane: mass inside the drawn borders, lines, samples, words, refusals."""

import math
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawings import check_that_looks_are_left_to_the_page, outside, overlaps, paths, points
from hw.figures.planes import Panel, density_panels

ROOT = Path(__file__).parent.parent
EXTENT = (-5, 5, -5, 5)
SHARES = (0.95, 0.75, 0.5, 0.25)


def plane(extent=EXTENT, rows=121, columns=121):
    return np.meshgrid(np.linspace(*extent[:2], columns), np.linspace(*extent[2:], rows))


def normal(x, y, at=(0, 0), scale=1.0):
    return np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * scale**2))


def modes(x, y):
    return normal(x, y, (-2.5, 1), 0.6) + normal(x, y, (2, -2), 0.8)


def ring(x, y):
    return np.exp(-(((np.hypot(x, y) - 3) / 0.5) ** 2) / 2)


def banana(x, y):
    return normal(x, y + x**2 / 2)


def draw(*panels, extent=EXTENT):
    return density_panels(panels, "Densities", extent=extent)


@cache
def drawn(density, extent=EXTENT):
    return draw(Panel("p", density(*plane(extent))), extent=extent)


def frames(svg):
    """Left and upper edge of each panel, and its side."""
    numbers = (re.fullmatch(r"M(\S+) (\S+)h(\S+)v\3h-\3z", path).groups() for path in paths(svg, "frame"))
    return [tuple(map(float, number)) for number in numbers]


def rings(path):
    return [points(part) for part in path.split("z") if part]


def in_plane(corners, svg, extent=EXTENT, panel=0):
    """From places in the drawing back to the plane."""
    left, top, side = frames(svg)[panel]
    unit = side / (extent[1] - extent[0])
    return np.stack([extent[0] + (corners[:, 0] - left) / unit, extent[3] - (corners[:, 1] - top) / unit], axis=-1)


def inside(path, places):
    """Whether each place lies within the path, by counting its borders to the right: even is out, odd is in."""
    odd = np.zeros(len(places), dtype=bool)
    for corners in rings(path):
        for (x, y), (x_next, y_next) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if y != y_next:
                across = (y > places[:, 1]) != (y_next > places[:, 1])
                odd ^= across & (places[:, 0] < x + (places[:, 1] - y) / (y_next - y) * (x_next - x))
    return odd


def masses(density, svg, extent=EXTENT):
    """Share of each region of the first panel, by cells whose centers lie in it; these are no points of the grid."""
    (left, top, side), cells = frames(svg)[0], (np.arange(200) + 0.5) / 200
    across, up = np.meshgrid(left + cells * side, top + side - cells * side)
    places = np.stack([across.ravel(), up.ravel()], axis=-1)
    values = density(*in_plane(places, svg, extent).T)
    return [values[inside(path, places)].sum() / values.sum() for path in paths(svg, "region seen")]


@pytest.mark.parametrize("density", [normal, modes, ring, banana])
def test_regions_hold_their_shares_of_the_mass(density):
    # a border off by 0.05 of 340 units moves 0.25 % of the ring's mass, less of the others'; cut cells add the rest
    assert masses(density, drawn(density)) == pytest.approx(SHARES, abs=4e-3)
    flatter = masses(lambda x, y: density(x, y) ** 0.5, drawn(density))
    assert np.abs(np.subtract(flatter, SHARES))[1:].min() > 0.03


def test_mass_counts_within_the_extent_only():
    extent = (0, 4, -1, 3)
    shares = masses(normal, drawn(normal, extent), extent)
    assert shares == pytest.approx(SHARES, abs=4e-3)
    whole = [share * 0.5 * math.erf(4 / math.sqrt(2)) * (math.erf(1 / math.sqrt(2)) / 2 + 0.5) for share in shares]
    assert max(whole) < 0.5


def radii(density):
    """Least and greatest distance of each border from the origin, in the plane."""
    svg = drawn(density)
    corners = (in_plane(np.concatenate(rings(path)), svg) for path in paths(svg, "region seen"))
    return np.array([(lengths.min(), lengths.max()) for lengths in (np.hypot(*pairs.T) for pairs in corners)])


def wide_normal(x, y):
    return normal(x, y, scale=1.1)


def test_regions_of_a_standard_normal_are_discs():
    expected = np.sqrt(-2 * np.log1p(-np.array(SHARES)))[:, None].repeat(2, axis=1)
    assert expected[2, 0] == pytest.approx(math.sqrt(2 * math.log(2)), rel=1e-12)
    np.testing.assert_allclose(radii(normal), expected, atol=0.004)
    assert np.abs(radii(wide_normal) - expected).min() > 0.05


def test_a_region_may_have_a_hole_and_parts():
    parts = {density: len(rings(paths(drawn(density), "region seen")[2])) for density in (normal, modes, ring)}
    assert parts == {normal: 1, modes: 2, ring: 2}
    (left, top, side), region = frames(drawn(ring))[0], paths(drawn(ring), "region seen")[0]
    center, rim = (left + side / 2, top + side / 2), (left + side * 0.8, top + side / 2)
    assert inside(region, np.array([center, rim])).tolist() == [False, True]
    assert inside(paths(drawn(normal), "region seen")[0], np.array([center])).all()


@pytest.mark.parametrize("density", [modes, banana])
def test_regions_are_nested_the_widest_first(density):
    regions = paths(drawn(density), "region seen")
    for wide, narrow in pairwise(regions):
        assert inside(wide, np.concatenate(rings(narrow))).all()
        assert not inside(narrow, np.concatenate(rings(wide))).any()


def test_the_first_row_is_the_lowest():
    extent = (-1, 5, -5, 1)
    values = normal(*plane(extent, 61, 81), at=(1, -2), scale=0.5)
    for density, middle in ((values, (1, -2)), (values[::-1], (1, -2)), (values[:, ::-1], (3, -2))):
        svg = draw(Panel("p", density), extent=extent)
        corners = in_plane(rings(paths(svg, "region seen")[3])[0], svg, extent)
        assert (corners.min(axis=0) + corners.max(axis=0)) / 2 == pytest.approx(middle, abs=0.01)
    lower = draw(Panel("p", normal(*plane(extent), at=(1, -4), scale=0.5)), extent=extent)
    assert rings(paths(lower, "region seen")[3])[0][:, 1].min() > frames(lower)[0][1] + 0.7 * frames(lower)[0][2]


def test_a_uniform_density_fills_its_support():
    whole = draw(Panel("p", np.ones((9, 9))))
    side = frames(whole)[0][2]
    for region in paths(whole, "region seen"):
        np.testing.assert_allclose(np.ptp(rings(region)[0], axis=0), side, atol=0.011)
    x, y = plane()
    box = draw(Panel("p", (np.abs(x) <= 2) & (np.abs(y) <= 1)))
    for region in paths(box, "region seen"):
        np.testing.assert_allclose(np.ptp(rings(region)[0], axis=0), np.array([4, 2]) * side / 10, atol=side / 120)


def test_a_narrow_density_is_drawn_too():
    svg = draw(Panel("p", normal(*plane(rows=401, columns=401), scale=0.05)))
    widths = [np.ptp(in_plane(rings(path)[0], svg)[:, 0]) for path in paths(svg, "region seen")]
    assert widths == pytest.approx(0.1 * np.sqrt(-2 * np.log1p(-np.array(SHARES))), rel=0.1)


def circle(radius, many=2000):
    angles = np.linspace(0, 2 * math.pi, many)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def with_lines(*lines, extent=EXTENT, **named):
    return draw(Panel("p", normal(*plane(extent)), lines=lines, **named), extent=extent)


def pieces(svg):
    return [points(f"M{piece}") for path in paths(svg, "carried") for piece in path.split("M")[1:]]


def length(svg, extent=EXTENT):
    return sum(np.hypot(*np.diff(in_plane(piece, svg, extent), axis=0).T).sum() for piece in pieces(svg))


@pytest.mark.parametrize("radius", [3, 6])
def test_lines_are_cut_at_the_extent(radius):
    svg = with_lines(circle(radius))
    outer = 8 * math.acos(min(1, 5 / radius))  # the angles beyond the four edges
    assert length(svg) == pytest.approx(radius * (2 * math.pi - outer), rel=1e-3)
    assert len(pieces(svg)) == {3: 1, 6: 4}[radius]


def test_lines_beyond_the_extent_are_not_drawn():
    assert not paths(with_lines([[12, 0], [0, 12]]), "carried")  # passes a corner
    assert not paths(with_lines(circle(7.1)), "carried")
    across = with_lines([[-100, -100], [100, 100]])
    assert length(across) == pytest.approx(10 * math.sqrt(2), rel=1e-3)
    assert len(pieces(across)[0]) == 2


def test_nothing_is_drawn_outside_its_panel():
    x, y = plane()
    walk = np.random.default_rng(0).normal(size=(400, 2)).cumsum(axis=0)
    samples = np.random.default_rng(1).normal(size=(300, 2)) * 4
    wide = normal(x, y, scale=6)
    svg = draw(*(Panel("p", wide, role, lines=[walk], points=samples) for role in ("ink", "seen", "wrong")))
    shapes = zip(frames(svg), ("ink", "seen", "wrong"), paths(svg, "carried"), strict=True)
    for (left, top, side), role, carried in shapes:
        dots = paths(svg, f"dot {role}")[0].replace("h0", "")
        parts = [points(dots), points(carried), *(rings(path)[0] for path in paths(svg, f"region {role}"))]
        corners = np.concatenate(parts) - (left, top)
        assert corners.min() >= -1e-9
        assert corners.max() <= side + 1e-9


def test_lines_stay_close_with_few_corners():
    line = np.stack([np.linspace(-4, 4, 1000), np.sin(np.linspace(-4, 4, 1000))], axis=-1)
    svg = with_lines(line)
    (piece,) = pieces(svg)
    drawn_at = np.interp(line[:, 0], *in_plane(piece, svg).T)
    assert np.abs(drawn_at - line[:, 1]).max() < 0.05 / frames(svg)[0][2] * 10 * math.sqrt(2)
    assert 10 < len(piece) < 100
    assert len(pieces(with_lines(np.linspace([-4, -4], [4, 1], 50)))[0]) == 2


def test_samples_are_dots_at_their_places():
    samples = np.array([[0, 0], [-4.5, 3], [5, 5], [5.1, 0], [0, -60]])
    svg = with_lines(points=samples, role="wrong")
    dots = in_plane(points(paths(svg, "dot wrong")[0].replace("h0", "")), svg)
    np.testing.assert_allclose(dots, samples[:3], atol=0.001)
    assert "5 samples, 2 of them outside" in svg
    assert not paths(with_lines(points=samples[3:]), "dot seen")


def test_panels_are_equal_squares_that_fill_the_width():
    for many in (1, 2, 3):
        svg = draw(*[Panel("p", normal(*plane(rows=41, columns=41)))] * many)
        edges = frames(svg)
        assert len({(top, side) for _, top, side in edges}) == 1
        assert edges[-1][0] + edges[-1][2] == pytest.approx(360, abs=0.05)
        gaps = [b[0] - a[0] - a[2] for a, b in pairwise(edges)]
        assert gaps == pytest.approx([12] * (many - 1))
        assert len(paths(svg, "region seen")) == 4 * many


def five(x, y):
    return sum(normal(x, y, (3 * math.sin(k), 3 * math.cos(k)), 0.3 + 0.02 * k) for k in range(5))


def edges(x, y):
    return normal(x, y, (5, -1)) + normal(x, y, (-5, 5))


def island(x, y):
    return ring(x, y) + 4 * normal(x, y, scale=0.3)


def test_every_panel_is_told_in_words():
    lines, samples = [circle(1), circle(2)], [[0, 0], [9, 9]]
    svg = draw(
        Panel("N(0, I)", normal(*plane()), "ink", lines=lines),
        Panel("two modes", modes(*plane(rows=201, columns=201)), points=samples),
    )
    assert ElementTree.fromstring(svg).get("aria-label") == (
        "Densities. x from −5 to 5, y from −5 to 5. nested regions hold 25, 50, 75 and 95 % of each density's mass "
        "within these. N(0, I): highest density at (0, 0), one region holds half of the mass, 2 carried lines. two "
        "modes: highest density at (−2.5, 1), two regions hold half of the mass around (2, −2) and (−2.5, 1), 2 "
        "samples, 1 of them outside."
    )
    assert "1 carried line," in with_lines(circle(1), points=samples[:1])
    assert "1 sample." in with_lines(points=samples[:1])


def test_parts_of_a_region_are_told_apart():
    assert "one region holds half of the mass." in drawn(ring)
    found = re.search(r"two regions hold half of the mass around \((\S+), (\S+)\) and \(0, 0\)\.", drawn(island))
    assert math.hypot(*(float(number.replace("−", "-")) for number in found.groups())) == pytest.approx(3, abs=0.1)
    assert "two regions hold half of the mass around (5, −1) and (−5, 5)." in drawn(edges)
    assert re.search(
        r"5 regions hold half of the mass, the largest around \(\S+, \S+\), .* and \(\S+ \S+\)\.", drawn(five)
    )


def test_places_are_told_as_finely_as_the_extent_needs():
    values = normal(*plane(rows=31, columns=31), at=(4 / 3, -2))
    cases = {1: "(1.33, −2)", 0.5: "(0.67, −1)", 1000: "(1,330, −2,000)", 0.001: "(0.00133, −0.002)"}
    for scale, words in cases.items():
        extent = tuple(scale * edge for edge in EXTENT)
        assert f"highest density at {words}, one" in draw(Panel("p", values), extent=extent)


def test_only_the_shape_of_a_density_counts():
    values = normal(*plane())
    assert draw(Panel("p", values * 2.0**-900)) == drawn(normal) == draw(Panel("p", values.tolist()))
    assert draw(Panel("p", values**2)) != drawn(normal)


def test_labels_clear_one_another_and_the_edges():
    values = normal(*plane())
    labels = ("the target p", "a normal q that covers both of its modes", "x = (z₁, z₂ − z₁²/2)")
    svg = draw(*(Panel(label, values) for label in labels))
    heights = {(len(text), text.get("y")) for text in ElementTree.fromstring(svg) if text.get("class") == "seen"}
    assert len(heights) == 1  # so that last lines align in type of any size
    assert not overlaps(svg)
    assert not outside(svg)
    assert {"−5", "5", "the target p"} <= set(ElementTree.fromstring(svg).itertext())
    assert overlaps(re.sub(r' x="[\d.]+"', ' x="50"', svg))


scales, places = st.floats(0.3, 3), st.floats(-6, 6)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.lists(st.tuples(places, places, scales), min_size=1, max_size=3), min_size=1, max_size=3),
    st.lists(st.lists(st.tuples(places, places), min_size=2, max_size=6), max_size=3),
    st.integers(20, 60),
    st.floats(0.1, 10).map(lambda unit: round(unit, 1)),
)
def test_any_mixture_is_drawn_within_its_panel(mixtures, lines, rows, unit):
    x, y = plane(rows=rows, columns=33)
    densities = [sum(normal(x, y, part[:2], part[2]) for part in parts) for parts in mixtures]
    extent = tuple(unit * edge for edge in EXTENT)
    svg = draw(*(Panel("p", p, lines=[unit * np.array(line) for line in lines]) for p in densities), extent=extent)
    regions = paths(svg, "region seen")
    assert len(regions) == 4 * len(mixtures)
    for number, (left, top, side) in enumerate(frames(svg)):
        corners = np.concatenate([c for path in regions[4 * number : 4 * number + 4] for c in rings(path)])
        assert ((corners >= (left, top)) & (corners <= np.add((left, top), side) + 1e-9)).all()
    assert not overlaps(svg)
    assert not outside(svg)


def test_a_panel_with_a_carried_grid_is_small():
    steps = np.arange(-3, 3.1, 0.5)
    along = np.linspace(-3, 3, 200)
    straight = [np.stack(pair, axis=-1) for at in steps for pair in ((along, along * 0 + at), (along * 0 + at, along))]
    bent = [np.stack([line[:, 0], line[:, 1] - line[:, 0] ** 2 / 2], axis=-1) for line in straight]
    x, y = plane()
    svg = draw(Panel("banana", banana(x, y), lines=bent), Panel("normal", normal(x, y), lines=straight))
    assert len(svg.encode()) < 25_000
    assert length(with_lines(*straight)) == pytest.approx(26 * 6, rel=1e-3)


def test_colors_type_and_names_are_left_to_the_page():
    check_that_looks_are_left_to_the_page(with_lines(circle(1), points=[[0, 0]], role="wrong"))
    check_that_looks_are_left_to_the_page(with_lines(circle(1), points=[[0, 0]], role="ink"))


def test_the_role_wrong_differs_by_its_dashes_too_and_holes_stay_open():
    sheet = (ROOT / "docs/assets/css/book.css").read_text()
    looks = dict(re.findall(r"svg\.chart \.region([.\w]*) \{ ([^}]+) \}", sheet))
    assert "fill-rule: evenodd" in looks[""]
    assert ["dasharray" in looks[f".{role}"] for role in ("ink", "seen", "wrong")] == [False, False, True]


def test_the_same_data_give_the_same_bytes():
    assert draw(Panel("p", normal(*plane()))) == drawn(normal) != drawn(wide_normal)


def test_settings_of_the_reader_change_nothing_and_are_not_changed():
    import matplotlib

    changed = {"contour.algorithm": "threaded", "path.simplify_threshold": 1.0}
    with matplotlib.rc_context(changed | {"axes.xmargin": 0.3, "figure.dpi": 30, "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        assert draw(Panel("p", banana(*plane()))) == drawn(banana)
        assert dict(matplotlib.rcParams) == before


def test_text_is_escaped_and_no_markup_is_read_into_it():
    svg = density_panels([Panel("$<b>$", normal(*plane()))], 'a "b" & c', extent=EXTENT)
    assert ElementTree.fromstring(svg).get("aria-label").startswith('a "b" & c. x from −5')
    assert "$<b>$" in set(ElementTree.fromstring(svg).itertext())


ONES = np.ones((3, 3))


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        (lambda: draw(), "^panels must be one to three so that each has room, got 0"),
        (lambda: draw(*[Panel("p", ONES)] * 4), "^panels must be one to three so that each has room, got 4"),
        (lambda: draw(Panel("p", ONES, "soft")), "^role of 'p' must be one of ink, seen, wrong, got 'soft'"),
        (lambda: draw(Panel("p", [1, 2])), r"^density of 'p' must have shape \(rows, columns\) .*, got \(2,\)"),
        (lambda: draw(Panel("p", [[1, 2]])), r"^density of 'p' must have shape .* at least 2 of each, got \(1, 2\)"),
        (lambda: draw(Panel("p", [[1, math.inf], [1, 1]])), "^density of 'p' must be finite and not negative, got inf"),
        (lambda: draw(Panel("p", [[1, -2], [1, math.nan]])), "^density of 'p' must be .* not negative, got -2, nan"),
        (lambda: draw(Panel("p", 0 * ONES)), "^density of 'p' must have mass within the extent, got zeros only"),
        (
            lambda: draw(Panel("p", np.eye(1, 801) * np.eye(801, 1)), *[Panel("p", ONES)] * 2),
            "^density of 'p' must spread over several grid points .*, got 1 that",
        ),
        (lambda: draw(Panel("p", ONES), extent=(0, 1, 0)), r"^extent must have four finite edges .*, got \(0, 1, 0\)"),
        (lambda: draw(Panel("p", ONES), extent=(0, math.inf, 0, 1)), "^extent must have four finite edges .*inf"),
        (lambda: draw(Panel("p", ONES), extent=(1, 0, 0, 1)), "^extent must increase from x_min to .*, got 1, 0, 0, 1"),
        (lambda: draw(Panel("p", ONES), extent=(0, 1, 1, 1)), "^extent must increase from x_min to .*, got 0, 1, 1, 1"),
        (lambda: draw(Panel("p", ONES), extent=(0, 6, 0, 4)), "^extent must be as wide as high .*, got 0, 6, 0, 4"),
        (
            lambda: draw(*[Panel("p", ONES)] * 3, extent=(1.234e-9, 2.234e-9, 1.234e-9, 2.234e-9)),
            "^extent must have numbers that fit below a panel, got 1.234·10⁻⁹, ",
        ),
        (lambda: draw(Panel("w" * 60, ONES)), "^label must have words that fit above a panel, got 'www"),
        (lambda: with_lines([0, 1]), r"^lines of 'p' must have shape \(n, 2\) with n at least 2, got \(2,\)"),
        (lambda: with_lines([[0, 1]]), r"^lines of 'p' must have shape \(n, 2\) with n at least 2, got \(1, 2\)"),
        (lambda: with_lines([[0, 1, 2]] * 3), r"^lines of 'p' must have shape .*, got \(3, 3\)"),
        (lambda: with_lines([[0, 1], [math.nan, 2]]), "^lines of 'p' must be finite so that .*, got nan"),
        (lambda: with_lines(points=[0, 1, 2]), r"^points of 'p' must have shape \(n, 2\), got \(3,\)"),
        (lambda: with_lines(points=[[0, 1, 2]]), r"^points of 'p' must have shape \(n, 2\), got \(1, 3\)"),
        (lambda: with_lines(points=[[-math.inf, 2]]), "^points of 'p' must be finite so that .*, got -inf"),
    ],
)
def test_refusals(drawing, message):
    with pytest.raises(ValueError, match=message):
        drawing()


@pytest.mark.parametrize("field", ["density", "points"])
def test_rows_of_different_lengths_are_refused(field):
    panel = Panel("q", **({"density": np.eye(2)} | {field: [[0.0, 1.0], [2.0]]}))
    with pytest.raises(ValueError, match=rf"^{field} of 'q' must be numbers in rows of one length, got what NumPy"):
        density_panels([panel], "One", extent=(-1, 1, -1, 1))
