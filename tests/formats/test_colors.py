from itertools import combinations

import pytest
import spacy
from spacy import displacy
from spacy.tokens import Doc, Span

from spacy_bioner_mtl.formats.colors import COLORS

#: The labels of the lists of corpora in configs/; GENE and Gene are one to displaCy.
LABELS = [
    *("GENE", "Chemical", "Disease", "Species", "Variant", "CellLine", "CellType"),
    *("protein", "DNA", "RNA", "cell_type", "cell_line"),
]


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_label_of_the_corpora_has_a_colour_of_its_own():
    assert list(COLORS) == LABELS
    assert all(first != second for first, second in combinations(COLORS.values(), 2))


@pytest.mark.parametrize("label", LABELS)
def test_black_text_is_readable(label):
    assert (luminance(COLORS[label]) + 0.05) / 0.05 >= 4.5


def test_displacy_uses_them(monkeypatch):
    monkeypatch.setattr(spacy.registry.displacy_colors, "get_all", lambda: {"bioner": COLORS})
    doc = Doc(spacy.blank("en").vocab, words=LABELS)
    doc.ents = [Span(doc, i, i + 1, label=label) for i, label in enumerate(LABELS)]
    html = displacy.render(doc, style="ent", jupyter=False)
    assert [html.count(color) for color in COLORS.values()] == [1] * len(LABELS)
