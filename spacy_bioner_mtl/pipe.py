"""The component "bioner_mtl": many heads in, one ``doc.ents`` and one span group per head out."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Optimizer, set_dropout_rate

from spacy_bioner_mtl.decode import FoundSpan, decode
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.features import Vocabulary
from spacy_bioner_mtl.heads import Head
from spacy_bioner_mtl.merge import MergePolicy
from spacy_bioner_mtl.model import (
    BioNERModel,
    Query,
    count_vocabulary,
    get_network,
    make_network,
)
from spacy_bioner_mtl.nn.network import Network
from spacy_bioner_mtl.scorer import MACRO
from spacy_bioner_mtl.sequences import split_sequences
from spacy_bioner_mtl.span_groups import annotated_heads
from spacy_bioner_mtl.training.loss import gold_targets, likelihood, rehearsal

#: Tokens of documents that are predicted at a time; bounds memory when batches of nlp.pipe are big.
TOKENS_PER_QUERY = 32_768
#: Documents that initialize the tok2vec layer: enough to infer its widths.
SAMPLE_SIZE = 10

DEFAULT_MODEL = {"@architectures": "spacy_bioner_mtl.LSTMCRF.v1", "tok2vec": None}


@Language.factory(
    "bioner_mtl",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "merge": {"@misc": "spacy_bioner_mtl.highest_score.v1"},
        "overwrite": False,
        "scorer": {"@scorers": "spacy_bioner_mtl.heads_scorer.v1"},
    },
    default_score_weights={f"{MACRO}_f": 1.0, f"{MACRO}_p": 0.0, f"{MACRO}_r": 0.0},
)
def make_bioner_mtl(
    nlp: Language,
    name: str,
    model: BioNERModel,
    merge: MergePolicy,
    overwrite: bool,
    scorer: Callable[..., dict[str, Any]] | None,
) -> "BioNERMTL":
    """Create the component.

    nlp (Language): The pipeline.
    name (str): The component's name in it.
    model (Model[Query, list[Answer]]): The network, as spacy_bioner_mtl.LSTMCRF.v1 builds it.
    merge (MergePolicy): Which spans of the heads become doc.ents.
    overwrite (bool): Whether to replace entities that are there already; else they are kept, and
        spans that share a token with them stay out of doc.ents.
    scorer (Callable | None): The scoring method.
    RETURNS (BioNERMTL): The component.
    """
    return BioNERMTL(nlp.vocab, model, name, merge=merge, overwrite=overwrite, scorer=scorer)


class BioNERMTL(TrainablePipe):  # type: ignore[misc]
    """Finds biomedical entities with one CRF head per corpus or per entity type.

    Every head H writes its spans to ``doc.spans[H]``, with their probabilities in
    ``doc.spans[H].attrs["scores"]``; the merge policy writes ``doc.ents``. A gold document is
    annotated for the heads that it has span groups for, empty ones included; it says nothing about
    the others.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: BioNERModel,
        name: str = "bioner_mtl",
        *,
        merge: MergePolicy,
        overwrite: bool = False,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ):
        """Create the component; see make_bioner_mtl."""
        self.vocab = vocab
        self.model = model
        self.name = name
        self.merge = merge
        self.cfg = {"overwrite": overwrite}
        self.scorer = scorer
        #: Heads added before the network was there; kept, so as to initialize again.
        self._declared: list[Head] = []
        #: The model as it was when training was resumed; spaCy sets it.
        self._rehearsal_model: BioNERModel | None = None

    @property
    def network(self) -> Network:
        """The torch network.

        RAISES (InputError): The component was neither initialized nor loaded.
        """
        network = get_network(self.model)
        if network is None:
            raise InputError(
                f"The component '{self.name}' has no weights yet. Train it (spacy train, or "
                "nlp.initialize and nlp.update) or load a trained pipeline with spacy.load."
            )
        return network

    @property
    def heads(self) -> list[Head]:
        """The heads, trained or declared with add_head."""
        network = get_network(self.model)
        return list(self._declared if network is None else network.heads)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all heads, each once, sorted."""
        return tuple(sorted({label for head in self.heads for label in head.labels}))

    @property
    def label_data(self) -> dict[str, Any]:
        """What ``spacy init labels`` saves and initialize takes: heads and vocabulary."""
        vocabulary = self.network.vocabulary
        return {
            "heads": {head.name: list(head.labels) for head in self.heads},
            "words": list(vocabulary.words),
            "characters": list(vocabulary.characters),
        }

    def add_head(self, name: str, labels: Iterable[str] = ()) -> int:
        """Add a head; it shares what the architecture lets heads share, and must be trained.

        name (str): The key of its span group.
        labels (Iterable[str]): Its labels.
        RETURNS (int): 1, or 0 if the head is there already (its new labels are added).
        """
        labels = tuple(dict.fromkeys(labels))
        if any(head.name == name for head in self.heads):
            for label in labels:
                self.add_label(label, head=name)
            return 0
        network = get_network(self.model)
        if network is None:
            self._declared.append(Head(name, labels))
        else:
            network.add_head(Head(name, labels))
        return 1

    def add_label(self, label: str, head: str | None = None) -> int:
        """Add a label to a head; what the head has learned stays.

        label (str): The label.
        head (str | None): The head's name; may be left out where there is only one.
        RETURNS (int): 1, or 0 if the head has the label already.
        RAISES (InputError): The head is unknown, or must be named.
        """
        heads = self.heads
        names = [each.name for each in heads]
        if head is None and len(heads) == 1:
            head = names[0]
        if head not in names:
            raise InputError(
                f"Cannot add the label '{label}': name one of the heads {names} as head=…, or add "
                "a head with add_head first."
            )
        index = names.index(head)
        if label in heads[index].labels:
            return 0
        network = get_network(self.model)
        if network is None:
            self._declared[index] = Head(head, (*heads[index].labels, label))
        else:
            network.add_labels(index, [label])
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, Any] | None = None,
    ) -> None:
        """Find heads and vocabulary, and make a network with random weights.

        get_examples (Callable[[], Iterable[Example]]): Returns training examples: all of them,
            unless label data is given.
        nlp (Language | None): The pipeline.
        labels (dict | None): Label data, as ``spacy init labels`` writes it.
        RAISES (InputError): No example is annotated for any head.
        """
        validate_get_examples(get_examples, "BioNERMTL.initialize")
        if labels is None:
            examples = list(get_examples())
            heads = _find_heads(examples)
            vocabulary = count_vocabulary(self.model, [eg.predicted for eg in examples])
        else:
            examples = list(islice(get_examples(), SAMPLE_SIZE))
            heads = {name: list(names) for name, names in labels["heads"].items()}
            vocabulary = Vocabulary(
                tuple(labels["words"]), tuple(labels["characters"]), self.model.attrs["caseless"]
            )
        for declared in self._declared:
            known = heads.setdefault(declared.name, [])
            known.extend(label for label in declared.labels if label not in known)
        if not heads:
            raise InputError(
                "No training document is annotated for any head: none has a span group in "
                "doc.spans. Make the DocBin with `bioner-mtl convert`, which writes them."
            )
        make_network(
            self.model,
            [Head(name, tuple(names)) for name, names in heads.items()],
            vocabulary,
            [example.reference for example in examples[:SAMPLE_SIZE]],
        )

    def predict(self, docs: Iterable[Doc]) -> list[list[FoundSpan]]:
        """Find spans.

        docs (Iterable[Doc]): The documents; they are not changed.
        RETURNS (list[list[FoundSpan]]): For each document, the spans of all heads.
        """
        docs = list(docs)
        heads = self.network.heads
        found: list[list[FoundSpan]] = []
        for part in _parts(docs):
            sequences = split_sequences(part)
            if not sequences:
                found.extend([] for _ in part)
                continue
            pairs = np.stack(
                [
                    np.repeat(np.arange(len(sequences)), len(heads)),
                    np.tile(np.arange(len(heads)), len(sequences)),
                ],
                axis=1,
            )
            answers = self.model.predict(Query(part, sequences, pairs))
            found.extend(decode(answers, heads, sequences, len(part)))
        return found

    def set_annotations(self, docs: Iterable[Doc], scores: list[list[FoundSpan]]) -> None:
        """Write span groups and entities.

        docs (Iterable[Doc]): The documents.
        scores (list[list[FoundSpan]]): What predict returned for them.
        """
        heads = self.network.heads
        for doc, found in zip(docs, scores, strict=True):
            for head in heads:
                own = [span for span in found if span.head == head.name]
                doc.spans[head.name] = SpanGroup(
                    doc,
                    name=head.name,
                    attrs={"scores": [span.score for span in own]},
                    spans=[Span(doc, span.start, span.end, label=span.label) for span in own],
                )
            self._set_entities(doc, found)

    def _set_entities(self, doc: Doc, found: list[FoundSpan]) -> None:
        """Write the merged answer to doc.ents, beside what is there unless told to overwrite."""
        kept = [] if self.cfg["overwrite"] else list(doc.ents)
        taken = {token for entity in kept for token in range(entity.start, entity.end)}
        merged = [
            Span(doc, span.start, span.end, label=span.label)
            for span in self.merge(
                [span for span in found if taken.isdisjoint(range(span.start, span.end))]
            )
        ]
        doc.set_ents([*kept, *merged], default="outside")

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | bool | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from documents; only the heads that they are annotated for take part.

        examples (Iterable[Example]): The batch.
        drop (float): Dropout.
        sgd (Optimizer | bool | None): The optimizer, if the weights are to be updated at once.
        losses (dict[str, float] | None): Where to add the loss, under the component's name: the
            negative log likelihood per sequence and head.
        RETURNS (dict[str, float]): The losses.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BioNERMTL.update")
        docs = [example.predicted for example in examples]
        sequences = split_sequences(docs)
        targets = gold_targets(examples, self.network.heads, sequences)
        if not len(targets.pairs):
            return losses
        set_dropout_rate(self.model, drop)
        answers, backprop = self.model.begin_update(Query(docs, sequences, targets.pairs))
        loss, gradients = likelihood(answers[0].lattice, targets)
        backprop(gradients)  # type: ignore[arg-type]
        if sgd:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | bool | None = None,
        losses: dict[str, float] | None = None,
        **config: Any,
    ) -> dict[str, float]:
        """Stay close to what the model knew when training was resumed.

        The documents need no annotation: the heads that the earlier model had are asked, and its
        probabilities of all taggings are the target.

        examples (Iterable[Example]): The batch.
        drop (float): Dropout.
        sgd (Optimizer | bool | None): The optimizer.
        losses (dict[str, float] | None): Where to add the loss, under the component's name: the
            divergence from the earlier model per sequence and head.
        RETURNS (dict[str, float]): The losses.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        teacher = self._rehearsal_model
        docs = [example.predicted for example in examples]
        sequences = split_sequences(docs)
        if teacher is None or not sequences:
            return losses
        known = get_network(teacher)
        assert known is not None
        shared = [index for index, head in enumerate(known.heads) if head == self.heads[index]]
        pairs = np.array([(s, h) for s in range(len(sequences)) for h in shared], dtype=np.int64)
        if not len(pairs):
            return losses
        set_dropout_rate(teacher, 0.0)
        set_dropout_rate(self.model, drop)
        query = Query(docs, sequences, pairs)
        expected, _ = teacher.begin_update(query)
        answers, backprop = self.model.begin_update(query)
        loss, gradients = rehearsal(answers[0].lattice, expected[0].lattice)
        backprop(gradients)  # type: ignore[arg-type]
        if sgd:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses


def _find_heads(examples: list[Example]) -> dict[str, list[str]]:
    """Heads and labels of gold documents, sorted so that the order of documents does not matter."""
    heads: dict[str, set[str]] = {}
    for example in examples:
        spans = example.reference.spans
        for name in annotated_heads(example.reference):
            heads.setdefault(name, set()).update(span.label_ for span in spans[name])
    return {name: sorted(heads[name]) for name in sorted(heads)}


def _parts(docs: list[Doc]) -> Iterable[list[Doc]]:
    """Split documents into runs of at most TOKENS_PER_QUERY tokens, or of one longer document."""
    part: list[Doc] = []
    size = 0
    for doc in docs:
        if part and size + len(doc) > TOKENS_PER_QUERY:
            yield part
            part, size = [], 0
        part.append(doc)
        size += len(doc)
    if part:
        yield part
