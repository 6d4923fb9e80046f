"""The grammar of displayed formulas: from LaTeX to statements, by recursive descent."""
