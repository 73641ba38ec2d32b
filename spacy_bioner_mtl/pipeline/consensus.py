"""What several components say together, and where they are not sure.

Their scores of taggings are averaged: a CRF again, whose probabilities are the geometric mean of
theirs (logarithmic opinion pools: Smith, Cohn and Osborne 2005,
https://aclanthology.org/P05-1003). Where they disagree it is sure of nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.types import Answer
from spacy_bioner_mtl.nn.crf import ForwardBackward
from spacy_bioner_mtl.nn.lattice import Lattice, temper
from spacy_bioner_mtl.nn.tagset import OUTSIDE, Head
from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL
from spacy_bioner_mtl.pipeline.decode import Reply, decode
from spacy_bioner_mtl.pipeline.settings import NEUTRAL, HeadSettings, read_settings
from spacy_bioner_mtl.pipeline.spans import UNKNOWN_LABEL, UNKNOWN_SUFFIX, FoundSpan


class Consensus:
    """Components that annotate together.

    heads (list[Head]): All heads that any of them has and that are not switched off. A head is
        asked of those that have it.
    """

    def __init__(self, pipes: Sequence[BioNERMTL], sure: float) -> None:
        """Find the heads.

        pipes (Sequence[BioNERMTL]): The components, trained.
        sure (float): What is less probable is unknown, from 0 to 1.
        RAISES (InputError): They have no head, or one of the same name with other labels, or
            settings that do not fit.
        """
        self._pipes = [pipe for pipe in pipes if len(pipe.head_settings().active)]
        self._sure = sure
        found: dict[str, Head] = {}
        for pipe in self._pipes:
            for index in pipe.head_settings().active:
                head = pipe.network.heads[index]
                known = found.setdefault(head.name, head)
                if set(known.labels) != set(head.labels):
                    raise InputError(
                        f"the head {head.name!r} has the labels {', '.join(known.labels)} in one "
                        f"pipeline and {', '.join(head.labels)} in another; switch it off in one "
                        "with active_heads, or take pipelines that agree"
                    )
        if not found:
            raise InputError("no head is switched on in any of the pipelines; see active_heads")
        self.heads = list(found.values())

    def annotate(self, docs: Iterable[Doc]) -> list[Doc]:
        """Write what the components say together as gold documents have it.

        docs (Iterable[Doc]): Documents, tokenised and with sentences as they should be.
        RETURNS (list[Doc]): The same documents. For each head there is a span group, and another of
            unknown text: spans that the components are not sure of, and tokens of which they are
            not sure that they are in none.
        RAISES (InputError): Scores are no numbers.
        """
        docs = list(docs)
        outside = [np.ones((len(doc), len(self.heads))) for doc in docs]
        nothing: dict[str, Any] = {key: {} for key in (*NEUTRAL, "consistency")}
        cfg = {**nothing, "scores": True, "active_heads": None, "bfloat16": False}
        settings = read_settings(cfg, self.heads, "consensus")
        with ExitStack() as zones:
            # What they have cached of words is dropped at the end.
            for pipe in self._pipes:
                zones.enter_context(pipe.memory_zone())
            found = decode(self._ask(docs, outside), self.heads, settings, len(docs))
        for doc, spans, of_doc in zip(docs, found, outside, strict=True):
            self._write(doc, spans, of_doc)
        return docs

    def _ask(self, docs: list[Doc], outside: list[NDArray[np.float64]]) -> Iterator[Reply]:
        """Ask all components, and note how probable it is that tokens are outside of all spans."""
        settings = [pipe.head_settings() for pipe in self._pipes]
        together = [pipe.ask(docs, of) for pipe, of in zip(self._pipes, settings, strict=True)]
        for replies in zip(*together, strict=True):
            part = replies[0][0]
            answers = []
            # Batches depend on the lengths of sequences alone, so that they are the same for all.
            for answers_to_batch in zip(*(answers for _, answers in replies), strict=True):
                for number, head in enumerate(self.heads):
                    answer = self._average(number, head, answers_to_batch, settings)
                    answers.append(answer)
                    marginals = ForwardBackward(answer.lattice).unary()[:, :, OUTSIDE].T
                    for sequence, values in zip(answer.pairs[:, 0], marginals, strict=True):
                        length = int(part.sequences.lengths[sequence])
                        tokens = part.sequences.to_doc(np.full(length, sequence), np.arange(length))
                        of_doc = outside[part.first_doc + int(part.sequences.docs[sequence])]
                        # Windows overlap: the less sure one counts.
                        of_doc[tokens, number] = np.minimum(
                            of_doc[tokens, number], values[:length].cpu().numpy()
                        )
            yield part, answers

    def _average(
        self,
        number: int,
        head: Head,
        answers: tuple[Answer, ...],
        settings: list[HeadSettings],
    ) -> Answer:
        """The mean of the lattices of one head, of those components that have it."""
        lattices, pairs = [], np.empty((0, 2), dtype=np.int64)
        for pipe, answer, of_pipe in zip(self._pipes, answers, settings, strict=True):
            names = [each.name for each in pipe.network.heads]
            own = names.index(head.name) if head.name in names else -1
            columns = np.flatnonzero(answer.pairs[:, 1] == own)
            if len(columns):
                temperature = of_pipe.temperatures[own]
                lattice = answer.lattice.select(torch.as_tensor(columns))
                lattice = _take_tags(lattice, _tag_order(pipe.network.heads[own], head))
                lattices.append(temper(lattice, np.full(len(columns), temperature)))
                pairs = answer.pairs[columns].copy()
        pairs[:, 1] = number
        return Answer(pairs, _mean(lattices))

    def _write(self, doc: Doc, spans: list[FoundSpan], outside: NDArray[np.float64]) -> None:
        for number, head in enumerate(self.heads):
            own = [span for span in spans if span.head == head.name]
            sure = [span for span in own if span.score is not None and span.score >= self._sure]
            is_unknown = outside[:, number] < self._sure
            for span in own:
                is_unknown[span.start : span.end] = span not in sure
            doc.spans[head.name] = [Span(doc, each.start, each.end, each.label) for each in sure]
            unknown = np.flatnonzero(is_unknown).tolist()
            doc.spans[head.name + UNKNOWN_SUFFIX] = [
                Span(doc, token, token + 1, UNKNOWN_LABEL) for token in unknown
            ]


def _tag_order(there: Head, here: Head) -> list[int]:
    """Where a head's tags are in one that has the same labels in another order."""
    firsts = [1 + 4 * there.labels.index(label) for label in here.labels]
    return [OUTSIDE, *(first + part for first in firsts for part in range(4))]


def _take_tags(lattice: Lattice, tags: list[int]) -> Lattice:
    return Lattice(
        lattice.emissions[:, :, tags],
        lattice.transitions[..., tags, :][..., tags],
        lattice.lengths,
    )


def _mean(lattices: list[Lattice]) -> Lattice:
    # Transitions of both kinds of CRF add up: those of the one have no axis of tokens.
    return Lattice(
        torch.stack([each.emissions for each in lattices]).mean(dim=0),
        sum((each.transitions for each in lattices[1:]), lattices[0].transitions) / len(lattices),
        lattices[0].lengths,
    )
