"""The component "bioner_mtl": many heads in, one ``doc.ents`` and one span group per head out."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Optimizer, set_dropout_rate

from spacy_bioner_mtl.confidence import register_extension
from spacy_bioner_mtl.decode import Reply, decode
from spacy_bioner_mtl.entities import write_annotation
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.features import Vocabulary
from spacy_bioner_mtl.found_span import FoundSpan
from spacy_bioner_mtl.heads import Head
from spacy_bioner_mtl.merge import MergePolicy
from spacy_bioner_mtl.model import (
    BioNERModel,
    Query,
    count_vocabulary,
    forget_words,
    get_network,
    make_network,
)
from spacy_bioner_mtl.nn.network import Network
from spacy_bioner_mtl.scorer import MACRO
from spacy_bioner_mtl.sequences import split_sequences
from spacy_bioner_mtl.settings import HeadSettings, read_settings
from spacy_bioner_mtl.span_groups import annotated_heads
from spacy_bioner_mtl.training.loss import gold_targets, likelihood, rehearsal
from spacy_bioner_mtl.windows import split_parts

#: Documents that initialize the tok2vec layer: enough to infer its widths.
SAMPLE_SIZE = 10

DEFAULT_MODEL = {"@architectures": "spacy_bioner_mtl.LSTMCRF.v1", "tok2vec": None}
#: Names of heads that are keys both in a config file and for `spacy find-threshold`.
PLAIN_NAME = re.compile(r"\w[\w -]*")

register_extension()


@Language.factory(
    "bioner_mtl",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "merge": {"@misc": "spacy_bioner_mtl.highest_score.v1"},
        "overwrite": False,
        "scores": True,
        "thresholds": {},
        "temperatures": {},
        "active_heads": None,
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
    scores: bool,
    thresholds: dict[str, float],
    temperatures: dict[str, float],
    active_heads: list[str] | None,
    scorer: Callable[..., dict[str, Any]] | None,
) -> "BioNERMTL":
    """Create the component.

    All settings but model, merge and scorer are saved with the component, and loading takes them
    from there, not from the config. In a trained pipeline, change ``nlp.get_pipe(name).cfg``.

    nlp (Language): The pipeline.
    name (str): The component's name in it.
    model (Model[Query, list[Answer]]): The network, as spacy_bioner_mtl.LSTMCRF.v1 builds it.
    merge (MergePolicy): Which spans of the heads become doc.ents.
    overwrite (bool): Whether to replace entities that are there already; else they are kept, and
        spans that share a token with them stay out of doc.ents.
    scores (bool): Whether to tell the probability of each span. If not, no time is spent on it,
        except for heads with a threshold, and policies that rank by scores take them for equal.
    thresholds (dict[str, float]): For heads by name, the probability below which a span is dropped,
        from doc.spans and doc.ents alike. Heads that are not named drop nothing.
    temperatures (dict[str, float]): For heads by name, what the CRF's scores are divided by before
        probabilities are computed from them; what is found stays the same. Heads that are not
        named have 1. `bioner-mtl calibrate --fit` finds them.
    active_heads (list[str] | None): The heads that are asked when predicting; None for all. The
        others cost no time, get no span group and have no part in doc.ents, so that the scorer
        counts all their gold spans as missed. All heads train.
    scorer (Callable | None): The scoring method.
    RETURNS (BioNERMTL): The component.
    """
    cfg = {
        "overwrite": overwrite,
        "scores": scores,
        "thresholds": thresholds,
        "temperatures": temperatures,
        "active_heads": active_heads,
    }
    return BioNERMTL(nlp.vocab, model, name, merge=merge, cfg=cfg, scorer=scorer)


class BioNERMTL(TrainablePipe):  # type: ignore[misc]
    """Finds biomedical entities with one CRF head per corpus or per entity type.

    Every head H writes its spans to ``doc.spans[H]``, with their probabilities in
    ``doc.spans[H].attrs["scores"]``; the merge policy writes ``doc.ents``, where
    ``ent._.bioner_score`` tells how probable an entity is. A gold document is
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
        cfg: dict[str, Any],
        scorer: Callable[..., dict[str, Any]] | None = None,
    ):
        """Create the component; see make_bioner_mtl, whose other settings are in cfg."""
        self.vocab = vocab
        self.model = model
        self.name = name
        self.merge = merge
        self.cfg = cfg
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
        RAISES (InputError): No example is annotated for any head, or settings name other heads.
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
        found = [Head(name, tuple(names)) for name, names in heads.items()]
        read_settings(self.cfg, found, self.name)
        self._list_thresholds(list(heads), nlp)
        make_network(
            self.model,
            found,
            vocabulary,
            [example.reference for example in examples[:SAMPLE_SIZE]],
        )

    def _list_thresholds(self, heads: list[str], nlp: Language | None) -> None:
        """Give each head a threshold, also in the pipeline's config.

        `spacy find-threshold` searches for a setting only if the config has it.
        """
        given = {name: value for name, value in self.cfg["thresholds"].items() if value}
        named = {name: 0.0 for name in heads if PLAIN_NAME.fullmatch(name)}
        self.cfg["thresholds"] = {**named, **given}
        if nlp is not None and self.name in nlp.component_names:
            nlp.get_pipe_config(self.name)["thresholds"] = dict(self.cfg["thresholds"])

    @contextmanager
    def memory_zone(self, mem: Any = None) -> Iterator[Any]:
        """Forget at the end what was remembered of words; ``nlp.memory_zone`` calls it.

        mem (cymem.Pool | None): The zone's memory.
        YIELDS (cymem.Pool | None): The same.
        """
        try:
            yield mem
        finally:
            forget_words(self.model)

    def predict(self, docs: Iterable[Doc]) -> list[list[FoundSpan]]:
        """Find spans.

        docs (Iterable[Doc]): The documents; they are not changed.
        RETURNS (list[list[FoundSpan]]): For each document, the spans of the active heads.
        RAISES (InputError): The component has no weights, or settings that do not fit its heads.
        """
        docs = list(docs)
        settings = self._settings()
        return decode(self.ask(docs, settings), self.network.heads, settings, len(docs))

    def ask(self, docs: list[Doc], settings: HeadSettings) -> Iterator[Reply]:
        """Run the network over documents of any length, part by part.

        docs (list[Doc]): The documents.
        settings (HeadSettings): Which heads to ask.
        YIELDS (Reply): Each part, and the network's answers to it.
        """
        if not len(settings.active):
            return
        for part in split_parts(docs):
            numbers = np.arange(len(part.sequences))
            pairs = np.stack(
                [
                    np.repeat(numbers, len(settings.active)),
                    np.tile(settings.active, len(numbers)),
                ],
                axis=1,
            )
            yield part, self.model.predict(Query(part.docs, part.sequences, pairs))

    def _settings(self) -> HeadSettings:
        return read_settings(self.cfg, self.network.heads, self.name)

    def set_annotations(self, docs: Iterable[Doc], scores: list[list[FoundSpan]]) -> None:
        """Write span groups and entities.

        docs (Iterable[Doc]): The documents.
        scores (list[list[FoundSpan]]): What predict returned for them.
        """
        settings = self._settings()
        heads = [self.network.heads[index].name for index in settings.active]
        for doc, found in zip(docs, scores, strict=True):
            write_annotation(
                doc,
                found,
                heads,
                scores=settings.scores,
                merge=self.merge,
                overwrite=self.cfg["overwrite"],
            )

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
