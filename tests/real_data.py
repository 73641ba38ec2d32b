"""The published corpora, where they are; elsewhere their tests are skipped.

BIONER_CORPORA: a folder like configs/corpora.yml describes it. Default: corpora/source, where
``spacy project assets`` puts them.
BIONER_PUBTATOR: a folder of the PubTator files that come with AIONER. Default:
corpora/source/AIONER, likewise.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORPORA = Path(os.getenv("BIONER_CORPORA") or ROOT / "corpora" / "source")
PUBTATOR = Path(os.getenv("BIONER_PUBTATOR") or ROOT / "corpora" / "source" / "AIONER")


def marks(*folders):
    """The marks of tests that read folders."""
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    skip = pytest.mark.skipif(bool(missing), reason=f"no corpora in {', '.join(missing)}")
    return [pytest.mark.corpora, skip]


def needs(*folders):
    """Mark one test that reads folders."""
    corpora, skip = marks(*folders)
    return lambda test: corpora(skip(test))
