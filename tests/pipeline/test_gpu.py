"""The same network on a GPU. Run wherever there is one, with CuPy beside a CUDA build of torch."""

import pytest
import spacy
import torch
from conftest import GOLD, found, make_examples, make_pipeline, set_floret, set_vectors, train
from thinc.api import Adam, get_current_ops, require_cpu, require_gpu
from thinc.compat import has_cupy_gpu

from spacy_bioner_mtl.models.optimizers import FusedAdam

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not (torch.cuda.is_available() and has_cupy_gpu), reason="no CUDA device with CuPy"
    ),
]


@pytest.fixture
def gpu():
    require_gpu(0)
    yield
    require_cpu()


@pytest.mark.parametrize("crf", ["small", "large"])
@pytest.mark.parametrize("characters", ["word", "sentence"])
def test_learns_on_the_gpu_and_answers_alike_on_the_cpu(gpu, crf, characters):
    nlp = make_pipeline(crf=crf, characters=characters)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    assert nlp.get_pipe("bioner_mtl").network.device.type == "cuda"
    assert nlp.evaluate(make_examples(nlp))["bioner_macro_f"] == 1.0
    answers = [found(nlp(words)) for words, _ in GOLD]
    saved = nlp.to_bytes()
    require_cpu()
    other = make_pipeline(crf=crf, characters=characters)
    other.from_bytes(saved)
    assert other.get_pipe("bioner_mtl").network.device.type == "cpu"
    assert [found(other(words)) for words, _ in GOLD] == answers


@pytest.mark.parametrize("optimizer", [Adam, FusedAdam])
def test_averaged_weights_are_used_on_the_gpu(gpu, optimizer):
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    sgd = optimizer(0.01, use_averages=True)
    for _ in range(20):
        nlp.update(examples, sgd=sgd)
    network = nlp.get_pipe("bioner_mtl").network
    before = {name: values.clone() for name, values in network.named_parameters()}
    with nlp.use_params(sgd.averages):
        assert any(not values.equal(before[name]) for name, values in network.named_parameters())
    assert all(values.equal(before[name]) for name, values in network.named_parameters())


def with_words(vocab):
    set_vectors(vocab, sorted({word.lower() for words, _ in GOLD for word in words.split()}))


@pytest.mark.parametrize("fill", [set_floret, with_words], ids=["floret", "words"])
def test_vectors_on_the_gpu_give_the_answers_of_the_cpu(gpu, fill):
    nlp = make_pipeline(tok2vec={"@architectures": "spacy_bioner_mtl.WordVectors.v1"})
    fill(nlp.vocab)
    nlp.vocab.vectors.to_ops(get_current_ops())
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    answers = [found(nlp(words)) for words, _ in GOLD]
    assert sum(map(len, answers)) > 6
    saved = nlp.to_bytes()
    require_cpu()
    other = spacy.blank("en").from_config(nlp.config).from_bytes(saved)
    assert [found(other(words)) for words, _ in GOLD] == answers
