"""Displayed formulas, evaluated from their LaTeX on random instances of a model.

`document` finds the formulas of a file and checks them, `checking` runs one on its instances, `mutation` changes one
thing at a time, `grammar` reads LaTeX, `evaluation` computes it, `models` give symbols their meaning. All of it needs
the standard library only, so that it also runs in a browser.
"""
