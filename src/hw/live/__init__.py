"""What runs in the reader's browser: an answer judged, a derivation checked, a snippet run.

The same library as everywhere, under Pyodide in a Web Worker; `fields` judges what question 1 asks for, `derivation`
checks a chain of formulas step by step, `console` runs snippets, `calls` is what the page's scripts call, with text in
and text out. All of it needs the standard library only.
"""
