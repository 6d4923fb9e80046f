"""The site's own machinery: Markdown extensions, theme and build.

`typeset` sets the mathematics with KaTeX, `marks` puts the record of its check beside each displayed formula (`claims`
gathers the records, `words` tells them, `display` makes the HTML), `ledger` lists them all, `inline` finds the results
that no check reads. `fences` runs the code fences of a page, `runnable` finds the snippets that run in the page itself,
`notebooks` makes pages of notebooks and `page_notebooks` makes notebooks of pages, `computed` puts computed values into
prose, `build` builds and serves the site (`python -m hw.site`). Nothing outside this package knows MkDocs.
"""
