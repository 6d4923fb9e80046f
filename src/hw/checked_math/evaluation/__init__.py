"""Expressions as functions of an instance, a module for each kind of expression; `expressions` is on top."""
