"""The site's own machinery: Markdown extensions, theme and build.

`typeset` sets the mathematics with KaTeX, `fences` reads the code fences of a page, `computed` puts computed values
into prose, `build` builds and serves the site (`python -m hw.site`). Nothing outside this package knows MkDocs.
"""
