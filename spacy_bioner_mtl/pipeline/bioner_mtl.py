"""The component "bioner_mtl": many heads in, one ``doc.ents`` and one span group per head out."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Optimizer

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.lstm_crf import count_vocabulary, get_network, make_network
from spacy_bioner_mtl.models.static_vectors import adopt_vectors, check_tables
from spacy_bioner_mtl.models.types import BioNERModel, make_query
from spacy_bioner_mtl.nn.network import Network
from spacy_bioner_mtl.nn.tagset import Head
from spacy_bioner_mtl.nn.vocabulary import Vocabulary
from spacy_bioner_mtl.pipeline.brackets import drop_unbalanced
from spacy_bioner_mtl.pipeline.decode import Reply, decode
from spacy_bioner_mtl.pipeline.encoders import join_vocabularies, load_source, take_encoders
from spacy_bioner_mtl.pipeline.entities import write_annotation
from spacy_bioner_mtl.pipeline.legacy import PipelineReference, resolve_optimizer
from spacy_bioner_mtl.pipeline.merge import MergePolicy
from spacy_bioner_mtl.pipeline.overrides import (
    ModelSettings,
    check_model_overrides,
    override_settings,
    read_saved_config,
)
from spacy_bioner_mtl.pipeline.schedule import check_schedule
from spacy_bioner_mtl.pipeline.settings import (
    NEUTRAL,
    HeadSettings,
    change_settings,
    list_heads,
    read_settings,
)
from spacy_bioner_mtl.pipeline.spans import (
    FoundSpan,
    check_head_name,
    check_heads,
    check_label,
    count_labels,
)
from spacy_bioner_mtl.pipeline.steps import learn, rehearse
from spacy_bioner_mtl.pipeline.windows import split_parts

#: Documents that initialize the tok2vec layer: enough to infer its widths.
SAMPLE_SIZE = 10


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
        """Create the component; see factory.make_bioner_mtl, whose other settings are in cfg."""
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
        self.pipeline = PipelineReference()
        #: Whether the training documents were looked at, and some were annotated.
        self._initialized = False

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

    def _check_weights(self) -> None:
        _ = self.network

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
        RAISES (InputError): The name means something else to commands, or cannot be a key.
        """
        check_head_name(name)
        if isinstance(labels, str):
            raise InputError(
                f"The labels of the head '{name}' are one text, {labels!r}: give a list."
            )
        labels = tuple(dict.fromkeys(labels))
        for label in labels:
            check_label(label)
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
        check_label(label)
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
        encoders: str | None = None,
    ) -> None:
        """Find heads and vocabulary, and make a network with random weights.

        get_examples (Callable[[], Iterable[Example]]): Returns training examples: all of them,
            unless label data is given.
        nlp (Language | None): The pipeline.
        labels (dict | None): Label data, as ``spacy init labels`` writes it.
        encoders (str | None): A pipeline whose encoders to start from, by folder or name, such as
            `bioner-mtl pretrain` writes; its vectors are taken, too, where the config names none.
            None for random weights.
        RAISES (InputError): No example is annotated for any head, settings name other heads, a head
            has a name that means something else to commands, or encoders do not fit.
        """
        validate_get_examples(get_examples, "BioNERMTL.initialize")
        if nlp is not None:
            check_schedule(nlp.config)
        if labels is None:
            examples = list(get_examples())
            gold = count_labels(example.reference for example in examples)
            # Sorted, so that the order of documents does not matter
            heads = {name: sorted(labels) for name, labels in gold.items()}
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
        if not heads and _are_dummies(examples):
            warnings.warn(
                f"The component '{self.name}' stays without heads and weights, as there are no "
                "training documents. To assemble a pipeline that finds something, take a trained "
                "component as `source`.",
                stacklevel=2,
            )
            return
        if not heads:
            raise InputError(
                "No training document is annotated for any head: none has a span group in "
                "doc.spans. Make the DocBin with `bioner-mtl convert`, which writes them."
            )
        check_heads(heads)
        found = [Head(name, tuple(names)) for name, names in heads.items()]
        read_settings(self.cfg, found, self.name)
        list_heads(self.cfg, heads)
        if nlp is not None and self.name in nlp.component_names:
            settings = {setting: dict(self.cfg[setting]) for setting in NEUTRAL}
            nlp.get_pipe_config(self.name).update(settings)
        docs = [example.reference for example in examples[:SAMPLE_SIZE]]
        if encoders is None:
            make_network(self.model, found, vocabulary, docs)
        else:
            source = load_source(encoders)
            vocabulary = join_vocabularies(vocabulary, source)
            make_network(self.model, found, vocabulary, docs, source)
            take_encoders(self.model, source, encoders)
        self._initialized = True

    @contextmanager
    def memory_zone(self, mem: Any = None) -> Iterator[Any]:
        """Empty the cache of words at the end; ``nlp.memory_zone`` calls it.

        mem (cymem.Pool | None): The zone's memory.
        YIELDS (cymem.Pool | None): The same.
        """
        try:
            yield mem
        finally:
            network = get_network(self.model)
            if network is not None:
                network.word_store.invalidate()

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "BioNERMTL":
        """Load what was saved; settings that the config overrides stay as they are there.

        path (str | Path): The component's folder.
        exclude (Iterable[str]): What not to load.
        RETURNS (BioNERMTL): This component.
        RAISES (InputError): The files are damaged, or the config overrides what weights depend on.
        """
        configured, model_settings = dict(self.cfg), ModelSettings(self.model)
        saved, nlp = read_saved_config(Path(path)), self.pipeline()
        if saved is not None and nlp is not None:
            check_model_overrides(nlp, self.name, saved)
        if "cfg" not in exclude and not (Path(path) / "cfg").is_file():
            raise InputError(
                f"{path}: the file cfg is missing, so that nothing tells the component's settings. "
                "Copy all files of the pipeline again."
            )
        super().from_disk(path, exclude=exclude)
        if saved is not None:
            self.cfg = override_settings(configured, self.cfg, saved)
        network = get_network(self.model)
        if network is not None:
            model_settings.apply(self.model, network)
        self._finish_loading()
        return self

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "BioNERMTL":
        """Load what to_bytes returned, settings included.

        bytes_data (bytes): The data.
        exclude (Iterable[str]): What not to load.
        RETURNS (BioNERMTL): This component.
        RAISES (InputError): The data are damaged.
        """
        super().from_bytes(bytes_data, exclude=exclude)
        self._finish_loading()
        return self

    def _finish_loading(self) -> None:
        adopt_vectors(self.model, self.vocab.vectors)
        check_tables(self.model)
        nlp = self.pipeline()
        if nlp is not None:
            resolve_optimizer(nlp)

    def predict(self, docs: Iterable[Doc]) -> list[list[FoundSpan]]:
        """Find spans.

        docs (Iterable[Doc]): The documents; they are not changed.
        RETURNS (list[list[FoundSpan]]): For each document, the spans of the active heads.
        RAISES (InputError): The component has no weights, or settings that do not fit its heads.
        """
        docs = list(docs)
        settings = self.head_settings()
        found = decode(self.ask(docs, settings), self.network.heads, settings, len(docs))
        return drop_unbalanced(docs, found) if self.cfg["balanced_brackets"] else found

    def ask(self, docs: list[Doc], settings: HeadSettings) -> Iterator[Reply]:
        """Run the network over documents of any length, part by part.

        docs (list[Doc]): The documents.
        settings (HeadSettings): Which heads to ask.
        YIELDS (Reply): Each part, and the network's answers to it.
        RAISES (InputError): Scores are no numbers.
        """
        if not len(settings.active):
            return
        for part in split_parts(docs):
            query = make_query(
                part.docs, part.sequences, settings.active, bfloat16=settings.bfloat16
            )
            answers = self.model.predict(query)
            if not all(answer.lattice.is_finite() for answer in answers):
                raise InputError(
                    f"The component '{self.name}' has computed scores that are no numbers (NaN or "
                    "infinite): its weights or vectors are damaged, or training has diverged. Load "
                    "the pipeline again, or train it again with a lower rate."
                )
            yield part, answers

    def head_settings(self, **changes: Any) -> HeadSettings:
        """Return the settings, head by head.

        changes (Any): Settings to take in place of those of cfg.
        RETURNS (HeadSettings): The settings.
        RAISES (InputError): The component has no weights, or settings do not fit its heads.
        """
        cfg = change_settings(self.cfg, changes, self.name)
        return read_settings(cfg, self.network.heads, self.name)

    @contextmanager
    def settings(self, **changes: Any) -> Iterator[HeadSettings]:
        """Have other settings inside a ``with`` block.

        All threads have them: none should be in the middle of a call when it begins or ends.

        changes (Any): Settings to take in place of those of cfg.
        YIELDS (HeadSettings): The settings, head by head.
        RAISES (InputError): As head_settings.
        """
        before, settings = self.cfg, self.head_settings(**changes)
        self.cfg = {**before, **changes}
        try:
            yield settings
        finally:
            self.cfg = before

    def set_annotations(self, docs: Iterable[Doc], scores: list[list[FoundSpan]]) -> None:
        """Write span groups and entities.

        docs (Iterable[Doc]): The documents.
        scores (list[list[FoundSpan]]): What predict returned for them.
        """
        settings = self.head_settings()
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
        RAISES (InputError): No document is annotated for any head, or the loss is no number. Only
            a warning is given for the former if initialize has found annotated documents: the
            training documents are mixed, and other batches will teach something.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BioNERMTL.update")
        self._check_weights()
        loss = learn(self.model, examples, drop, self.name, strict=not self._initialized)
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

        The documents need no annotation: the heads that the earlier model had learned are asked,
        and its probabilities of all taggings are the target.

        examples (Iterable[Example]): The batch.
        drop (float): Dropout.
        sgd (Optimizer | bool | None): The optimizer.
        losses (dict[str, float] | None): Where to add the loss, under the component's name: the
            divergence from the earlier model per sequence and head.
        RETURNS (dict[str, float]): The losses.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        docs = [example.predicted for example in examples]
        loss = rehearse(self.model, self._rehearsal_model, docs, drop, self.name)
        if sgd:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses


def _are_dummies(examples: list[Example]) -> bool:
    """Check for the document that ``spacy assemble`` initializes with in place of a corpus."""
    return [[token.text for token in example.predicted] for example in examples] == [list("xyz")]
