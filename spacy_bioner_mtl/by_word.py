"""tok2vec layers that learn nothing and look at each word by itself, such as static vectors.

They are asked once for each word, not once for each token: both for speed (vectors of floret are
sums over subwords) and so that a batch has one row for each of its distinct words.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_bioner_mtl.memory import Keys, WordMemory

#: Attribute of a layer that learns nothing and looks at each word by itself. Its value is a
#: function of the layer and of the vocab; it returns the object that holds the vectors, which is
#: another one as soon as other vectors are loaded.
SOURCE = "source"

Layer = Model[list[Doc], list[Floats2d]]


def is_by_word(layer: Layer) -> bool:
    """Tell whether all parts of a layer learn nothing and look at each word by itself."""
    parts = [part for part in layer.walk() if not part.layers]
    return all(SOURCE in part.attrs for part in parts)


class WordFeatures(WordMemory):
    """What a layer that looks at each word by itself said of the words seen so far."""

    #: The objects that what is remembered came from.
    _sources: Sequence[object] = ()

    def features(self, layer: Layer, vocab: Vocab, keys: Keys) -> NDArray[np.float32]:
        """Ask a layer about words; always the same layer.

        layer (Model[List[Doc], List[Floats2d]]): The layer.
        vocab (Vocab): The vocab that has the words.
        keys (NDArray[uint64]): Hashes of the words, each once.
        RETURNS (NDArray[float32]): Shape (words, width).
        """
        sources = [part.attrs[SOURCE](part, vocab) for part in layer.walk() if not part.layers]
        # By identity: comparing tables would take longer than asking.
        if list(map(id, sources)) != list(map(id, self._sources)):
            self.clear()
            self._sources = sources

        def ask(new: Keys) -> NDArray[Any]:
            words = [vocab.strings[key] for key in new.tolist()]
            (values,) = layer.predict([Doc(vocab, words=words)])
            return to_numpy(values)  # type: ignore[no-untyped-call, no-any-return]

        return cast(NDArray[np.float32], self.recall(keys, ask))
