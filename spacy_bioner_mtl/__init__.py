"""Biomedical named entity recognition from many partially annotated corpora, inside spaCy.

Importing this package imports neither spaCy nor torch: spaCy finds the components through
entry points, and the command line starts quickly.
"""

__version__ = "0.3.1"
