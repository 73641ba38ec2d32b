"""What entity types of the public corpora mean, for ``spacy.explain``."""

from spacy.glossary import GLOSSARY

EXPLANATIONS: dict[str, str] = {
    "GENE": "Genes and proteins, as annotated in BC2GM",
    "Gene": "Genes, their products and families, as annotated in BioRED, GNormPlus and NLM-Gene",
    "Chemical": "Chemicals and drugs",
    "Disease": "Diseases, symptoms and disorders",
    "Species": "Organisms, by scientific and common names, patients among them",
    "Variant": "Variants of a sequence, such as V600E, c.35G>A and rs429358",
    "CellLine": "Cultured cell lines, as annotated in BioRED and BioID",
    "CellType": "Types of cells found in organisms, as annotated in JNLPBA",
    "protein": "Proteins, protein families and complexes, as annotated in JNLPBA",
    "DNA": "DNA molecules, regions and domains, genes among them, as annotated in JNLPBA",
    "RNA": "RNA molecules, as annotated in JNLPBA",
    "cell_type": "Types of cells found in organisms, as annotated in JNLPBA",
    "cell_line": "Cultured cell lines, as annotated in JNLPBA",
}


def register_explanations() -> None:
    """Add the types to spaCy's glossary; what it explains already stays as it is."""
    for label, explanation in EXPLANATIONS.items():
        GLOSSARY.setdefault(label, explanation)
