"""`annotate --sort uncertain`: what annotators should look at first."""

import itertools

import numpy as np
import pytest
import srsly
import torch
from annotating import run, write_lines
from conftest import GOLD

from spacy_bioner_mtl.nn.crf import path_scores
from spacy_bioner_mtl.pipeline.certainty import CERTAINTY, note_certainty

TEXTS = [
    *(text for text, _ in GOLD),
    "Zyx3 , not seen before , and quux in the mice of blarg .",
    "Aspirin .",
]


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


def test_certainty_is_the_probability_of_the_answer(trained):
    """Against a sum over all taggings, of texts short enough for that."""
    pipe = trained.get_pipe("bioner_mtl")
    docs = [trained.make_doc("Aspirin ."), trained.make_doc("BRAC4 in mice")]
    note_certainty([pipe], docs)
    settings = pipe.head_settings()
    for doc in docs:
        log = 0.0
        for _, answers in pipe.ask([doc], settings):
            for answer in answers:
                for column, (_, head) in enumerate(answer.pairs.tolist()):
                    lattice = answer.lattice.select(torch.tensor([column]))
                    n_tags = pipe.network.heads[head].n_tags
                    paths = itertools.product(range(n_tags), repeat=len(doc))
                    scores = [
                        path_scores(lattice, torch.tensor(path)[:, None]).item() for path in paths
                    ]
                    log += max(scores) - np.logaddexp.reduce(scores)
        assert doc.user_data[CERTAINTY] == pytest.approx(np.exp(log / len(doc)), rel=1e-4)


def test_the_least_sure_comes_first_and_nothing_is_lost(model, tmp_path):
    source = write_lines(tmp_path / "texts.txt", *TEXTS)
    as_it_is, out = tmp_path / "as_it_is.jsonl", tmp_path / "out.jsonl"
    options = ("--from", "lines", "--to", "jsonl", "--scores")
    assert run(model, source, as_it_is, *options) == 0
    assert run(model, source, out, *options, "--sort", "uncertain") == 0
    rows, before = list(srsly.read_jsonl(out)), list(srsly.read_jsonl(as_it_is))
    values = [row.pop(CERTAINTY, 1.0) for row in rows]
    assert values == sorted(values)
    assert 0 <= values[0] < 0.9 < values[-1] <= 1
    by_text = {row["text"]: row for row in before}
    assert {row["text"]: row for row in rows} == by_text
    # A sentence like none that it was trained on is among the first.
    assert [row["text"] for row in rows].index(TEXTS[len(GOLD)]) < len(TEXTS) / 2


def test_a_folder_is_sorted_file_by_file_and_remembers_it(model, tmp_path, capsys):
    source = tmp_path / "source"
    source.mkdir()
    write_lines(source / "a.txt", *TEXTS[:4])
    write_lines(source / "b.txt", *TEXTS[4:])
    out = tmp_path / "out"
    options = ("--from", "lines", "--to", "doccano", "--sort", "uncertain")
    assert run(model, source, out, *options, "--processes", 2) == 0
    for name, texts in (("a", TEXTS[:4]), ("b", TEXTS[4:])):
        rows = list(srsly.read_jsonl(out / f"{name}.jsonl"))
        assert sorted(row["text"] for row in rows) == sorted(texts)
        values = [row.get(CERTAINTY, 1.0) for row in rows]
        assert values == sorted(values)
    assert run(model, source, out, *options[:-2]) == 1
    assert "sort: uncertain there" in " ".join(capsys.readouterr().err.split())
