"""Saved pipelines that are damaged, or made to do harm: one message, and no code is run."""

import io
import pickle
import shutil

import numpy as np
import pytest
import srsly
import torch
from conftest import GOLD, make_examples, make_pipeline, set_vectors

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline.loading import load_pipeline

FILES = [
    "config.cfg",
    "meta.json",
    "tokenizer",
    "bioner_mtl/cfg",
    "bioner_mtl/model",
    "vocab/key2row",
    "vocab/lookups.bin",
    "vocab/strings.json",
    "vocab/vectors",
    "vocab/vectors.cfg",
]
#: How many places of each file are damaged
PLACES = 8


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A pipeline with vectors, saved."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    nlp = make_pipeline()
    set_vectors(nlp.vocab, [word for text, _ in GOLD for word in text.split()])
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def load(folder):
    """Load and use a pipeline; returns the message, if there is one."""
    try:
        nlp = load_pipeline(str(folder))
        nlp(GOLD[0][0])
    except InputError as error:
        message = str(error)
        assert "\n" not in message
        return message
    return ""


def test_every_file_is_damaged(saved):
    found = {path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file()}
    assert found == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_cut_off(copied, name):
    path = copied / name
    content = path.read_bytes()
    for size in {0, 1, len(content) // 2, len(content) - 1}:
        path.write_bytes(content[:size])
        message = load(copied)
        # JSON and configs need no last line break.
        if size < max(len(content) - 1, 1):
            assert f"{copied}: cannot be loaded (" in message, (size, message)


@pytest.mark.parametrize("name", FILES)
def test_bits_that_are_flipped(copied, name):
    path = copied / name
    content = path.read_bytes()
    for number in range(PLACES):
        damaged = bytearray(content)
        damaged[number * (len(content) - 1) // (PLACES - 1)] ^= 1 << number
        path.write_bytes(damaged)
        message = load(copied)
        assert not message or str(copied) in message or "bioner_mtl" in message, message


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_swapped(copied, name):
    other = FILES[FILES.index(name) - 1]
    content = (copied / name).read_bytes()
    (copied / name).write_bytes((copied / other).read_bytes())
    (copied / other).write_bytes(content)
    assert f"{copied}: cannot be loaded (" in load(copied)


class Harm:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (f"open({str(self.path)!r}, 'w').close()",)


def as_array(harm):
    file = io.BytesIO()
    np.save(file, np.array([harm], dtype=object), allow_pickle=True)
    return file.getvalue()


def as_weights(harm):
    file = io.BytesIO()
    torch.save({"weights": harm}, file)
    return file.getvalue()


def as_message(harm):
    """What older readers of arrays in msgpack unpickled."""
    array = {b"nd": True, b"type": "|O", b"kind": b"O", b"shape": (1,), b"data": pickle.dumps(harm)}
    return srsly.msgpack_dumps(array)


@pytest.mark.parametrize("disguise", [pickle.dumps, as_array, as_weights, as_message])
def test_nothing_is_unpickled(copied, tmp_path, disguise):
    harm = disguise(Harm(tmp_path / "done"))
    for name in FILES:
        content = (copied / name).read_bytes()
        (copied / name).write_bytes(harm)
        assert f"{copied}: cannot be loaded (" in load(copied), name
        (copied / name).write_bytes(content)
    assert not (tmp_path / "done").exists()
    pickle.loads(pickle.dumps(Harm(tmp_path / "done")))
    assert (tmp_path / "done").exists(), "it would have been seen"


def test_weights_are_not_unpickled(copied, tmp_path):
    path = copied / "bioner_mtl" / "model"
    message = srsly.msgpack_loads(path.read_bytes())
    shim = srsly.msgpack_loads(message["shims"][0][0])
    for disguise in (pickle.dumps, as_weights):
        shim["state"] = disguise(Harm(tmp_path / "done"))
        message["shims"][0][0] = srsly.msgpack_dumps(shim)
        path.write_bytes(srsly.msgpack_dumps(message))
        assert "The weights of bioner_mtl cannot be read" in load(copied)
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("section", "setting"),
    [
        ("[nlp.before_creation]", '@callbacks = "os.system"'),
        ("[nlp.after_creation]", '@callbacks = "harm.v1"'),
        ("[nlp.tokenizer]", '@misc = "builtins.exec"'),
        ("[components.bioner_mtl.model]", '@architectures = "harm:do"'),
    ],
)
def test_a_config_names_functions_that_are_registered_and_no_others(
    copied, tmp_path, monkeypatch, section, setting
):
    """Nor are files of Python in the folder imported."""
    harm = f"open({str(tmp_path / 'done')!r}, 'w').close()\n"
    for place in (copied, tmp_path):
        for name in ("__init__.py", "harm.py", "functions.py", "bioner_mtl.py"):
            (place / name).write_text(harm)
    monkeypatch.chdir(tmp_path)
    lines = (copied / "config.cfg").read_text().splitlines()
    name = section.strip("[]").rpartition(".")[2]
    lines = [line for line in lines if line != f"{name} = null"]
    if section in lines:
        at = lines.index(section)
        end = next(i for i in range(at + 1, len(lines)) if not lines[i] or i == len(lines) - 1)
        lines[at:end] = [section, setting]
    else:
        lines += ["", section, setting]
    (copied / "config.cfg").write_text("\n".join(lines) + "\n")
    assert f"{copied}: cannot be loaded (" in load(copied)
    assert not (tmp_path / "done").exists()
