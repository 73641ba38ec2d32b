"""A pipeline that was used goes on in other processes: forked, spawned, in pools, by nlp.pipe."""

import os
import subprocess
import sys

import pytest

#: What every program begins with. Texts have new words: nothing may depend on what is cached.
START = """
import multiprocessing
import sys

import spacy
import torch

TEXTS = [f"Mice with renal failure {n} got aspirin{n} ." for n in range(24)]


def answer(doc):
    return [(head, s.start, s.end, s.label_) for head in doc.spans for s in doc.spans[head]]


def ask(text):
    return answer(nlp(text))


def load():
    torch.set_num_threads(int(sys.argv[2]))
    nlp = spacy.load(sys.argv[1])
    # Long enough for torch to use its threads.
    nlp("Mice with renal failure got aspirin . " * 100)
    return nlp
"""

PROGRAMS = {
    "pipe": """
if __name__ == "__main__":
    nlp = load()
    expected = [answer(doc) for doc in nlp.pipe(TEXTS)]
    found = [answer(doc) for doc in nlp.pipe(TEXTS, n_process=2, batch_size=5)]
    assert found == expected and any(found)
    print("right")
""",
    "pool": """
if __name__ == "__main__":
    nlp = load()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(ask, TEXTS)
    assert found == [ask(text) for text in TEXTS] and any(found)
    print("right")
""",
    "fork": """
import os

if __name__ == "__main__":
    nlp = load()
    expected = [ask(text) for text in TEXTS]
    child = os.fork()
    if not child:
        os._exit(0 if [ask(text + " new" ) for text in TEXTS] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert [ask(text) for text in TEXTS] == expected
    print("right")
""",
    "fork while a thread adds words": """
import os
import threading

if __name__ == "__main__":
    nlp = load()
    store = nlp.get_pipe("bioner_mtl").network.word_store
    held, done = threading.Event(), threading.Event()

    def hold():
        with store._lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if not child:
        os._exit(0 if ask("A wholly new word .") is not None else 1)
    assert os.waitpid(child, 0)[1] == 0
    done.set()
    thread.join()
    print("right")
""",
    "spawn": """
def work(nlp, connection):
    connection.send([answer(nlp(text)) for text in TEXTS])


if __name__ == "__main__":
    nlp = load()
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=work, args=(nlp, theirs))
    process.start()
    found = mine.recv()
    process.join()
    assert found == [ask(text) for text in TEXTS] and any(found)
    print("right")
""",
}


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "trained"
    trained.to_disk(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "threads"), [*((name, 2) for name in PROGRAMS), ("pipe", 1), ("pipe", 4)]
)
def test_a_pipeline_goes_on_in_other_processes(name, threads, model, tmp_path):
    if "fork" in (name, *name.split()) and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    program = tmp_path / "program.py"
    program.write_text(START + PROGRAMS[name])
    # A hang is a failure, not a wait.
    done = subprocess.run(
        [sys.executable, program, model, str(threads)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "right\n", done.stderr
