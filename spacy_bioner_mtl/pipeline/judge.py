"""Which predicted spans count, which of them are right, and how scores come of that."""

from collections import defaultdict
from collections.abc import Iterable, Set

from spacy.scorer import PRFScore
from spacy.tokens import Span
from spacy.training import Example

from spacy_bioner_mtl.pipeline.gold import unknown_tokens

#: Where a span lies, in tokens or characters, and its label.
Key = tuple[int, int, str]


class Judge:
    """Compares a head's spans in a document with the gold, which is annotated for the head."""

    def __init__(self, example: Example, head: str):
        """Read the gold.

        example (Example): Predicted and gold document.
        head (str): The head.
        """
        self._example = example
        self._head = head
        self._unknown = unknown_tokens(example, head)
        #: The gold spans, in tokens of the gold document.
        self.gold = {_key(span) for span in example.reference.spans[head]}

    def locate(self, spans: Iterable[Span]) -> set[Key]:
        """Find where spans lie in the gold document; a span is right if the gold has one there.

        spans (Iterable[Span]): Spans of the predicted document.
        RETURNS (set[Key]): Those that count. A span that touches an unknown token, or that has no
            tokens of its own in the gold document, does not.
        """
        known = [s for s in spans if self._unknown.isdisjoint(range(s.start, s.end))]
        aligned = self._example.get_aligned_spans_x2y(known, allow_overlap=True)
        return {_key(span) for span in aligned}

    def is_right(self, start: int, end: int, label: str) -> bool | None:
        """Judge a span of the predicted document.

        start (int): Its first token.
        end (int): The token after its last.
        label (str): Its label.
        RETURNS (bool | None): Whether the gold has it; None if it does not count.
        """
        keys = self.locate([Span(self._example.predicted, start, end, label=label)])
        return keys <= self.gold if keys else None

    def predicted(self) -> set[Key]:
        """Find where the spans of the predicted document's own group lie."""
        return self.locate(self._example.predicted.spans.get(self._head, ()))


class LabelScores(defaultdict[str, PRFScore]):
    """Precision, recall and F1 of each label."""

    def __init__(self) -> None:
        """Begin without labels."""
        super().__init__(PRFScore)

    def add(self, predicted: Set[Key], gold: Set[Key]) -> None:
        """Count the spans of a document.

        predicted (Set[Key]): The predicted spans.
        gold (Set[Key]): The gold spans.
        """
        for label in {label for *_, label in predicted | gold}:
            self[label].score_set(
                *({key for key in keys if key[2] == label} for keys in (predicted, gold))
            )

    def total(self) -> PRFScore:
        """Return the scores of all labels together."""
        return sum(self.values(), PRFScore())


def _key(span: Span) -> Key:
    return span.start, span.end, span.label_
