"""Saving, loading, copying, pickling; other heads; other processes; damaged files."""

import copy
import pickle
import subprocess
import sys

import pytest
import spacy
import srsly
from conftest import GOLD, found, make_examples, make_pipeline, same_weights, train, weights

from spacy_bioner_mtl.errors import InputError


def answers(nlp):
    """Doc by doc, spans and their exact scores."""
    docs = [nlp(text) for text, _ in GOLD]
    return [(found(doc), [doc.spans[head].attrs["scores"] for head in doc.spans]) for doc in docs]


def to_disk(nlp, path):
    nlp.to_disk(path)
    return spacy.load(path)


WAYS = {
    "disk": to_disk,
    "bytes": lambda nlp, _: spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes()),
    "deepcopy": lambda nlp, _: copy.deepcopy(nlp),
    "pickle": lambda nlp, _: pickle.loads(pickle.dumps(nlp)),
}


@pytest.mark.parametrize("way", WAYS)
def test_round_trip(trained, way, tmp_path):
    twin = WAYS[way](trained, tmp_path / "model")
    assert twin is not trained
    assert same_weights(weights(trained), weights(twin))
    assert answers(twin) == answers(trained)
    assert twin.get_pipe("bioner_mtl").heads == trained.get_pipe("bioner_mtl").heads
    assert twin.to_bytes() == trained.to_bytes()


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_training_a_copy_leaves_the_original_alone(copy_of_trained, way, tmp_path):
    twin = WAYS[way](copy_of_trained, tmp_path)
    before = weights(copy_of_trained)
    train(twin, make_examples(twin), 2)
    assert same_weights(before, weights(copy_of_trained))
    assert not same_weights(before, weights(twin))


@pytest.mark.parametrize("crf", ["small", "large"])
@pytest.mark.parametrize("share", ["none", "both"])
def test_loading_brings_the_heads_and_the_form_of_the_file(crf, share, tmp_path):
    nlp = make_pipeline(crf=crf, share=share, characters="sentence")
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 5)
    nlp.get_pipe("bioner_mtl").add_label("Isoform", head="genes")
    nlp.get_pipe("bioner_mtl").add_head("species", ["Species"])
    other = make_pipeline(hidden_width=5)
    gold = [("Wholly different things .", {"elsewhere": [(1, 2, "Other")]})]
    other_examples = make_examples(other, gold)
    other.initialize(lambda: other_examples)
    other.from_bytes(nlp.to_bytes())
    assert other.get_pipe("bioner_mtl").heads == nlp.get_pipe("bioner_mtl").heads
    assert same_weights(weights(other), weights(nlp))
    assert set(other(GOLD[0][0]).spans) == {"genes", "medicine", "species"}
    train(other, make_examples(other), 2)
    assert (
        to_disk(other, tmp_path / "again").get_pipe("bioner_mtl").heads
        == other.get_pipe("bioner_mtl").heads
    )


def test_settings_of_the_component_come_along(trained_bytes):
    nlp = make_pipeline(config={"overwrite": True})
    assert nlp.get_pipe("bioner_mtl").cfg["overwrite"] is True
    nlp.from_bytes(trained_bytes)
    assert nlp.get_pipe("bioner_mtl").cfg["overwrite"] is False


def test_an_uninitialized_pipeline_round_trips(tmp_path):
    nlp = to_disk(make_pipeline(), tmp_path / "model")
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    assert nlp(GOLD[0][0]).spans["genes"] is not None


def test_another_process_gives_the_same_answer(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    srsly.write_json(tmp_path / "texts.json", [text for text, _ in GOLD])
    program = """
import sys, spacy, srsly, torch
torch.set_num_threads(1)
nlp = spacy.load(sys.argv[1] + "/model")
docs = nlp.pipe(srsly.read_json(sys.argv[1] + "/texts.json"))
srsly.write_json(sys.argv[1] + "/found.json", [
    [(head, s.start, s.end, s.label_) for head in ("genes", "medicine") for s in doc.spans[head]]
    for doc in docs
])
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=120)
    expected = [[list(span) for span in found(trained(text))] for text, _ in GOLD]
    assert srsly.read_json(tmp_path / "found.json") == expected


def test_the_file_holds_tensors_and_no_pickle(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    data = (tmp_path / "model" / "bioner_mtl" / "model").read_bytes()
    (state,) = [
        srsly.msgpack_loads(shim)["state"]
        for shims in srsly.msgpack_loads(data)["shims"]
        for shim in shims
    ]
    size = int.from_bytes(state[:8], "little")
    header = srsly.json_loads(state[8 : 8 + size].decode())
    names = set(header) - {"__metadata__"}
    assert names == set(weights(trained))
    for file in (tmp_path / "model").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"torch._utils" not in content and not content.startswith(b"\x80\x04")


def network_bytes(nlp):
    return nlp.get_pipe("bioner_mtl").model.shims[0].to_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state[:7],
        lambda state: state[: len(state) // 2],
        lambda state: state[:-1],
        lambda state: b"\xff" * 64 + state[64:],
        lambda state: state.replace(b"vocabulary", b"vocabularx"),
        lambda state: state.replace(b"caseless", b"careless"),
        lambda state: state.replace(b'"hidden_width', b'"hidden_wodth'),
        lambda state: state.replace(b'hidden_width\\": 12', b'hidden_width\\": 13'),
        lambda state: b"PK\x03\x04 not a model at all",
        lambda state: b"[1]" + state,
        lambda state: (2).to_bytes(8, "little") + b"{}",
        lambda state: (2).to_bytes(8, "little") + b"[]",
        lambda state: (4).to_bytes(8, "little") + b"null",
    ],
    ids=[
        "seven bytes",
        "half",
        "last byte",
        "garbled header",
        "renamed key",
        "missing part",
        "unknown setting",
        "other size",
        "zip",
        "shifted",
        "empty header",
        "list",
        "null",
    ],
)
def test_damaged_weights_are_one_clear_error(trained, tmp_path, damage):
    trained.to_disk(tmp_path / "model")
    path = tmp_path / "model" / "bioner_mtl" / "model"
    message = srsly.msgpack_loads(path.read_bytes())
    shim = srsly.msgpack_loads(message["shims"][0][0])
    damaged = damage(shim["state"])
    if damaged == shim["state"]:
        pytest.fail("the test damages nothing")
    shim["state"] = damaged
    message["shims"][0][0] = srsly.msgpack_dumps(shim)
    path.write_bytes(srsly.msgpack_dumps(message))
    with pytest.raises(InputError, match="cannot be read"):
        spacy.load(tmp_path / "model")


def test_a_truncated_file_is_an_error(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    path = tmp_path / "model" / "bioner_mtl" / "model"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError):
        spacy.load(tmp_path / "model")


def test_settings_that_are_missing_are_an_error(trained, tmp_path):
    trained.to_disk(tmp_path)
    (tmp_path / "bioner_mtl" / "cfg").unlink()
    with pytest.raises(InputError, match="the file cfg is missing"):
        spacy.load(tmp_path)


def test_a_damaged_file_leaves_the_loaded_weights_alone(copy_of_trained):
    shim = copy_of_trained.get_pipe("bioner_mtl").model.shims[0]
    before = weights(copy_of_trained)
    message = srsly.msgpack_loads(shim.to_bytes())
    message["state"] = message["state"][:-5]
    with pytest.raises(InputError):
        shim.from_bytes(srsly.msgpack_dumps(message))
    assert same_weights(before, weights(copy_of_trained))


@pytest.mark.slow
def test_two_spawned_processes_give_the_same_answers(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    program = """
import multiprocessing, sys, spacy, srsly, torch
torch.set_num_threads(1)
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    nlp = spacy.load(sys.argv[1] + "/model")
    texts = srsly.read_json(sys.argv[1] + "/texts.json")
    docs = nlp.pipe(texts, n_process=2, batch_size=5)
    srsly.write_json(sys.argv[1] + "/found.json", [
        [doc.text, [(head, s.start, s.end, s.label_) for head in ("genes", "medicine")
                    for s in doc.spans[head]]]
        for doc in docs
    ])
"""
    (tmp_path / "program.py").write_text(program)
    texts = [f"{text} {index}" for index in range(4) for text, _ in GOLD]
    srsly.write_json(tmp_path / "texts.json", texts)
    subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path)], check=True, timeout=300
    )
    expected = [[doc.text, [list(span) for span in found(doc)]] for doc in trained.pipe(texts)]
    assert srsly.read_json(tmp_path / "found.json") == expected
