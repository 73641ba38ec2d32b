"""tok2vec layers that learn nothing and look at each word by itself, such as static vectors.

They are asked once for each word, not once for each token: both for speed (vectors of floret are
sums over subwords) and so that a batch has one row for each of its distinct words.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_bioner_mtl.nn.word_store import Keys, WordStore

#: Attribute of a layer that learns nothing and looks at each word by itself. Its value is a
#: function of the layer; it returns the object that holds the vectors, which is another one as soon
#: as other vectors are loaded.
SOURCE = "source"

Layer = Model[list[Doc], list[Floats2d]]


def is_by_word(layer: Layer) -> bool:
    """Check whether all parts of a layer learn nothing and look at each word by itself."""
    parts = [part for part in layer.walk() if not part.layers]
    return all(SOURCE in part.attrs for part in parts)


def word_features(store: WordStore, layer: Layer, vocab: Vocab, keys: Keys) -> NDArray[np.float32]:
    """Ask a layer that looks at each word by itself about words.

    store (WordStore): Caches what the layer says of them.
    layer (Model[List[Doc], List[Floats2d]]): The layer.
    vocab (Vocab): The vocab that has the words.
    keys (NDArray[uint64]): Hashes of the words, each once.
    RETURNS (NDArray[float32]): Shape (words, width).
    """
    sources = [part.attrs[SOURCE](part) for part in layer.walk() if not part.layers]

    def ask(new: Keys) -> NDArray[Any]:
        words = [vocab.strings[key] for key in new.tolist()]
        (values,) = layer.predict([Doc(vocab, words=words)])
        return to_numpy(values)  # type: ignore[no-untyped-call, no-any-return]

    return store.rows("vectors", keys, ask, sources)
