"""``bioner-mtl convert``: annotated corpora to a DocBin."""


def convert() -> None:
    """Convert annotated corpora to a spaCy DocBin."""
