"""Small pipelines, gold documents and an overfitted model that many tests share."""

from pathlib import Path

import numpy as np
import pytest
import spacy
import torch
from spacy.cli.train import train as spacy_train
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy.vectors import Vectors
from thinc.api import Adam

from spacy_bioner_mtl.console import progress
from spacy_bioner_mtl.corpora.convert import convert_files

ROOT = Path(__file__).parent.parent
SAMPLE_CONFIG = ROOT / "configs" / "sample.cfg"
SAMPLE_HEADS = ["cell_biology", "chemicals", "diseases", "drug_effects", "genes"]
#: The sample configuration, cut down to seconds.
TRAINING = {
    "components.bioner_mtl.model.character_width": 8,
    "components.bioner_mtl.model.character_hidden_width": 16,
    "components.bioner_mtl.model.table_width": 16,
    "components.bioner_mtl.model.hidden_width": 32,
    "training.optimizer.learn_rate.total_steps": 60,
    "training.eval_frequency": 30,
    "training.dropout": 0.1,
    "training.batcher.size": 300,
    "training.optimizer.learn_rate.warmup_steps": 3,
    "training.optimizer.learn_rate.initial_rate": 0.03,
}

#: The smallest network that still has all its parts.
TINY = {
    "@architectures": "spacy_bioner_mtl.LSTMCRF.v1",
    "tok2vec": None,
    "character_width": 6,
    "character_hidden_width": 8,
    "table_width": 8,
    "hidden_width": 12,
    "minimum_count": 1,
}

#: Sentences and the entities that each of two heads is annotated with; None: not annotated.
GOLD = [
    ("BRAC4 is expressed in the kidney .", {"genes": [(0, 1, "GENE")]}),
    ("Loss of TKR2 and BRAC4 delays growth .", {"genes": [(2, 3, "GENE"), (4, 5, "GENE")]}),
    ("Nothing was found in the liver .", {"genes": []}),
    (
        "Mice with renal failure got aspirin .",
        {"medicine": [(2, 4, "Disease"), (5, 6, "Chemical")]},
    ),
    (
        "Severe heart failure follows ibuprofen .",
        {"medicine": [(1, 3, "Disease"), (4, 5, "Chemical")]},
    ),
    (
        "TKR2 protects from renal failure .",
        {"genes": [(0, 1, "GENE")], "medicine": [(3, 5, "Disease")]},
    ),
]


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """More threads gain nothing on networks this small."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def no_lines_of_progress():
    """On a busy machine a command may take half a minute, and say so among its messages."""
    progress.INTERVAL = 1_000_000.0


def make_pipeline(seed=0, config=None, **model):
    """A blank pipeline with the component, not initialized."""
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner_mtl", config={"model": {**TINY, **model}, **(config or {})})
    return nlp


def make_example(nlp, words, heads, sent_starts=None):
    """An example whose gold has one span group per head."""
    words = words.split() if isinstance(words, str) else words
    reference = Doc(nlp.vocab, words=words)
    for head, spans in heads.items():
        reference.spans[head] = [
            Span(reference, start, end, label=label) for start, end, label in spans
        ]
    return Example(Doc(nlp.vocab, words=words, sent_starts=sent_starts), reference)


def make_examples(nlp, gold=GOLD):
    return [make_example(nlp, words, heads) for words, heads in gold]


def save_docbin(path, nlp, gold):
    """Write sentences and their entities as gold documents; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    docs = [make_example(nlp, words, heads).reference for words, heads in gold]
    DocBin(docs=docs, store_user_data=False).to_disk(path)
    return path


def train(nlp, examples, steps, learn_rate=0.02, **options):
    """Update on one batch again and again; returns the losses of the last update."""
    optimizer = Adam(learn_rate, L2=0.0, use_averages=False)
    losses = {}
    for _ in range(steps):
        losses = {}
        nlp.update(examples, sgd=optimizer, losses=losses, **options)
    return losses


def fresh(nlp, examples):
    """The same gold with new documents to predict."""
    return [
        Example(
            Doc(nlp.vocab, words=[token.text for token in example.predicted]), example.reference
        )
        for example in examples
    ]


def weights(nlp, name="bioner_mtl"):
    """Copies of all weights of the network."""
    return {key: values.clone() for key, values in nlp.get_pipe(name).network.state_dict().items()}


def same_weights(one, other):
    return one.keys() == other.keys() and all(one[key].equal(other[key]) for key in one)


def found(doc, heads=("genes", "medicine")):
    """What was found, comparable between processes."""
    return [(head, span.start, span.end, span.label_) for head in heads for span in doc.spans[head]]


def set_vectors(vocab, words, seed=0):
    """Give a vocab a random table of words; returns the vectors by word."""
    table = np.random.default_rng(seed).normal(size=(len(words), 5)).astype("f")
    for word in words:
        vocab.strings.add(word)
    vocab.vectors = Vectors(strings=vocab.strings, data=table, keys=words)
    return dict(zip(words, table, strict=True))


def set_floret(vocab, attr="LOWER"):
    """Give a vocab a random table of subwords, of words lower-cased unless told otherwise."""
    table = np.random.default_rng(0).normal(size=(50, 4)).astype("f")
    vocab.vectors = Vectors(
        strings=vocab.strings,
        data=table,
        mode="floret",
        minn=2,
        maxn=3,
        hash_count=2,
        hash_seed=0,
        bow="<",
        eow=">",
        attr=attr,
    )


@pytest.fixture(scope="session")
def trained():
    """A pipeline that knows GOLD by heart. Not to be changed: copy it with from_bytes."""
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    return nlp


@pytest.fixture(scope="session")
def trained_bytes(trained):
    return trained.to_bytes()


@pytest.fixture
def copy_of_trained(trained_bytes):
    nlp = make_pipeline()
    nlp.from_bytes(trained_bytes)
    return nlp


@pytest.fixture(scope="session")
def sample_docbins(tmp_path_factory):
    """The sample corpora, converted: a folder with train/ and dev/."""
    folder = tmp_path_factory.mktemp("samples")
    for head in SAMPLE_HEADS:
        for split, source in (("train", "train"), ("dev", "devel")):
            (folder / split).mkdir(exist_ok=True)
            convert_files(
                [ROOT / "assets" / "corpora" / head / f"{source}.tsv"],
                folder / split / f"{head}.spacy",
                head=head,
            )
    return folder


def train_samples(folder, output, settings=None):
    """Run `spacy train` in this process on the DocBins of a folder; returns the best pipeline."""
    config = spacy.util.load_config(SAMPLE_CONFIG, overrides=TRAINING)
    changes = {"paths.train": str(folder / "train"), "paths.dev": str(folder / "dev")}
    for key, value in {**changes, **(settings or {})}.items():
        *sections, last = key.split(".")
        section = config
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    output.mkdir(parents=True, exist_ok=True)
    config.to_disk(output / "config.cfg")
    spacy_train(output / "config.cfg", output)
    return spacy.load(output / "model-best")


@pytest.fixture(scope="session")
def sample_run(sample_docbins, tmp_path_factory):
    """A folder with model/, what `spacy train` made, and annotated/, what the callback wrote."""
    folder = tmp_path_factory.mktemp("run")
    callback = {
        "@callbacks": "spacy_bioner_mtl.annotate_on_improvement.v1",
        "path": str(folder / "annotated"),
    }
    train_samples(sample_docbins, folder / "model", {"initialize.after_init": callback})
    return folder
