"""How sure a component is of its whole answer to a document.

The probability of the best tagging of all heads, as its logarithm for each token: maximum
normalized log-probability (Shen et al. 2018, https://openreview.net/forum?id=ry018WZAZ), which
active learning of tags sorts by. What was nearly found counts as well as what was found.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL

#: Where it stands in a document's user_data.
CERTAINTY = "certainty"


def note_certainty(pipes: "Iterable[BioNERMTL]", docs: "list[Doc]") -> "list[Doc]":
    """Write into documents how sure components are of their answers.

    pipes (Iterable[BioNERMTL]): The components, trained.
    docs (list[Doc]): Documents, tokenised and with sentences as they should be.
    RETURNS (list[Doc]): The same documents; ``doc.user_data["certainty"]`` is from 0 to 1: the
        geometric mean, over tokens, of what each contributes to the probability of the answer.
    """
    from spacy_bioner_mtl.nn.crf import ForwardBackward, path_scores, viterbi
    from spacy_bioner_mtl.nn.lattice import temper

    logs = np.zeros(len(docs))
    for pipe in pipes:
        settings = pipe.head_settings()
        for part, answers in pipe.ask(docs, settings):
            for answer in answers:
                sequences, heads = answer.pairs.T
                lattice = temper(answer.lattice, settings.temperatures[heads])
                path = path_scores(lattice, viterbi(lattice))
                probability = (path - ForwardBackward(lattice).log_partition()).cpu().numpy()
                of_docs = part.first_doc + part.sequences.docs[sequences]
                np.add.at(logs, of_docs, np.minimum(probability, 0.0))
    for doc, log in zip(docs, logs.tolist(), strict=True):
        doc.user_data[CERTAINTY] = float(np.exp(log / max(len(doc), 1)))
    return docs
