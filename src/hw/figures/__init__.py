"""Figures as inline SVG, drawn from arrays that the library computed.

`grids` draws pixel grids, `curves` draws curves on axes, `intervals` draws means with their intervals, `bars` splits a
value into a bound and its gap, `planes` draws densities of the plane by the `regions` that hold most of them,
`pictures` draws small gray pictures, `tables` sets what code has found, `frames` puts sliders to a drawing; `axes` and
`drawing` hold what charts are made of. Colors are CSS variables of the page (`--seen`, `--wrong`, `--ink`, `--paper`),
so that a figure follows the color scheme; text stays text; the alternative text comes from the same array as the
drawing.
"""
