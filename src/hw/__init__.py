"""Checked answers to deep generative models.

Each module answers for one piece of the mathematics and is imported by name; importing the package itself imports
neither torch nor NumPy. The modules: `masks`, `masked_conv`, `receptive_field`, `leaks`, `flows`, `divergences`,
`bounds`, `gan`, `contrastive`, `simclr`; `arguments` refuses what they cannot take, `experiments` records long runs,
`figures` draws arrays, `checked_math` evaluates displayed formulas, `live` judges readers' answers in their browser
and `site` builds the pages.
"""

__version__ = "0.1.0"
