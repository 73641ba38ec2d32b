"""One pipeline in many threads, as in a web server, answers as in one."""

import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import GOLD, make_examples, make_pipeline, set_floret, train

N_THREADS = 8


@pytest.fixture(scope="module")
def nlp_bytes():
    """A trained pipeline with all that is cached of words: integers, vectors, characters."""
    nlp = make_pipeline(tok2vec={"@architectures": "spacy_bioner_mtl.WordVectors.v1"})
    set_floret(nlp.vocab)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    return nlp.to_bytes()


@pytest.fixture
def make_copy(nlp_bytes):
    def make():
        nlp = make_pipeline(tok2vec={"@architectures": "spacy_bioner_mtl.WordVectors.v1"})
        return nlp.from_bytes(nlp_bytes)

    return make


@pytest.fixture(autouse=True)
def frequent_switches():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def new_texts(number, seed=0):
    """Texts in which most words are new."""
    chosen = random.Random(seed)
    return [
        " ".join(
            f"{chosen.choice(GOLD)[0]} drug{chosen.randrange(10**6)} X{chosen.randrange(10**6)}"
            for _ in range(4)
        )
        for _ in range(number)
    ]


def answer(doc):
    return [
        (head, span.start, span.end, span.label_) for head in doc.spans for span in doc.spans[head]
    ]


def test_calls_from_many_threads(make_copy):
    texts = new_texts(120)
    one, shared = make_copy(), make_copy()
    expected = [answer(one(text)) for text in texts]
    assert sum(map(len, expected)) > len(texts)
    with ThreadPoolExecutor(N_THREADS) as pool:
        assert list(pool.map(lambda text: answer(shared(text)), texts)) == expected
    # And what the threads have cached is right as well.
    assert [answer(shared(text)) for text in texts] == expected


def test_streams_in_many_threads(make_copy):
    texts = new_texts(160)
    one, shared = make_copy(), make_copy()
    expected = [answer(doc) for doc in one.pipe(texts)]

    def annotate(number):
        return [answer(doc) for doc in shared.pipe(texts[number::N_THREADS], batch_size=5)]

    with ThreadPoolExecutor(N_THREADS) as pool:
        for number, found in enumerate(pool.map(annotate, range(N_THREADS))):
            assert found == expected[number::N_THREADS]


@pytest.mark.parametrize("stream", [False, True])
def test_memory_zones_behind_one_lock(make_copy, stream):
    """spaCy's zones share their strings: zone and call together need a lock of the caller's."""
    texts = new_texts(80)
    one, shared, lock = make_copy(), make_copy(), threading.Lock()
    expected = [answer(one(text)) for text in texts]

    def annotate(text):
        with lock, shared.memory_zone():
            docs = shared.pipe([text]) if stream else [shared(text)]
            return next(map(answer, docs))

    with ThreadPoolExecutor(N_THREADS) as pool:
        assert list(pool.map(annotate, texts)) == expected
    assert [answer(shared(text)) for text in texts] == expected


def test_weights_may_change_while_others_answer(make_copy):
    """Nothing that was computed with earlier weights stays in the cache."""
    nlp, texts = make_copy(), new_texts(60)
    stop = threading.Event()

    def annotate():
        while not stop.is_set():
            for text in texts[:5]:
                nlp(text)

    thread = threading.Thread(target=annotate)
    thread.start()
    try:
        train(nlp, make_examples(nlp), 10)
    finally:
        stop.set()
        thread.join()
    fresh = make_copy().from_bytes(nlp.to_bytes())
    assert [answer(nlp(text)) for text in texts] == [answer(fresh(text)) for text in texts]
