"""Colours for displaCy: one per entity type of the corpora, each readable under black text."""

# displaCy looks colours up by the upper-cased label, and upper-cases these keys itself: GENE is
# Gene's, too.
COLORS: dict[str, str] = {
    "GENE": "#7fc8f8",
    "Chemical": "#ffd166",
    "Disease": "#ff9aa2",
    "Species": "#8fd694",
    "Variant": "#ffb38a",
    "CellLine": "#dfb58a",
    "CellType": "#c8dd6b",
    "protein": "#9be7c4",
    "DNA": "#c3b1ff",
    "RNA": "#f7b2e6",
    "cell_type": "#d4e79e",
    "cell_line": "#e6c9a8",
}
