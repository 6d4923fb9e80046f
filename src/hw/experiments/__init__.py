"""Runs that take too long for a build: each is recorded by `python -m hw.experiments NAME`, and pages read the record.

A record lies beside its module, as `NAME.json`; a test repeats the beginning of each run and compares.
"""
