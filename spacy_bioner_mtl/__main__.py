"""``python -m spacy_bioner_mtl`` is the same as the console command ``bioner-mtl``."""

from spacy_bioner_mtl.cli import main

main()
