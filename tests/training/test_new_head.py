"""A trained pipeline learns a new head and keeps all else."""

import pytest
import spacy
from conftest import GOLD, fresh, make_examples, make_pipeline, save_docbin, train, weights
from spacy.tokens import DocBin

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.training.rehearsal import write_rehearsal

#: Other sentences, with a type of their own
ORGANS = [
    ("BRAC4 is expressed in the kidney .", {"organs": [(5, 6, "Organ")]}),
    ("Nothing was found in the liver .", {"organs": [(5, 6, "Organ")]}),
    ("Mice with renal failure got aspirin .", {"organs": []}),
    ("The left kidney was large .", {"organs": [(1, 3, "Organ")]}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline with a policy that names heads, and documents of a new one."""
    folder = tmp_path_factory.mktemp("new_head")
    merge = {"@misc": "spacy_bioner_mtl.only_heads.v1", "heads": ["medicine"]}
    # Wide enough for a layer on top to find what the encoders were not taught
    nlp = make_pipeline(config={"merge": merge}, hidden_width=60)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    nlp.meta["performance"] = {"spans_genes_f": 0.5}
    nlp.to_disk(folder / "model")
    save_docbin(folder / "organs.spacy", nlp, ORGANS)
    save_docbin(folder / "old.spacy", nlp, GOLD)
    return folder


def run(command, *arguments):
    with pytest.raises(SystemExit) as exit_info:
        main([command, *map(str, arguments)])
    return exit_info.value.code or 0


def add_head(*arguments):
    return run("add-head", *arguments)


def test_the_new_head_learns_and_the_old_ones_stay(folder, tmp_path, capsys):
    out = tmp_path / "out"
    organs = folder / "organs.spacy"
    assert add_head(folder / "model", organs, organs, out, "--steps", 300) == 0
    assert f"{out}: learned organs" in capsys.readouterr().out
    before, after = spacy.load(folder / "model"), spacy.load(out)
    old, new = weights(before), weights(after)
    assert set(old) < set(new)
    assert all(old[name].equal(new[name]) for name in old)
    for example in fresh(after, make_examples(after, ORGANS)):
        doc = after(example.predicted)
        wanted = [(s.start, s.end) for s in example.reference.spans["organs"]]
        assert [(s.start, s.end) for s in doc.spans["organs"]] == wanted
    for words, _ in GOLD:
        one, other = before(words), after(words)
        for head in ("genes", "medicine"):
            found = [[(s.start, s.end, s.label_) for s in d.spans[head]] for d in (one, other)]
            assert found[0] == found[1]
            assert one.spans[head].attrs == other.spans[head].attrs
    # The policy names it, too.
    assert "Organ" in {ent.label_ for ent in after(ORGANS[0][0]).ents}
    assert after.meta["performance"]["spans_genes_f"] == 0.5
    # It can be taught on.
    assert all(each.requires_grad for each in after.get_pipe("bioner_mtl").network.parameters())


def test_all_weights_learn_while_the_old_heads_rehearse(folder, tmp_path, capsys):
    out, texts = tmp_path / "out", tmp_path / "texts.txt"
    texts.write_text("\n\n".join(words for words, _ in GOLD), encoding="utf-8")
    organs = folder / "organs.spacy"
    arguments = (folder / "model", organs, organs, out, "--steps", 200, "--rehearse", texts)
    assert add_head(*arguments) == 0
    assert f"{out}: learned organs" in capsys.readouterr().out
    before, after = spacy.load(folder / "model"), spacy.load(out)
    old, new = weights(before), weights(after)
    assert not any(old[name].equal(new[name]) for name in old if "lstm" in name)
    for example in fresh(after, make_examples(after, ORGANS)):
        doc = after(example.predicted)
        wanted = [(s.start, s.end) for s in example.reference.spans["organs"]]
        assert [(s.start, s.end) for s in doc.spans["organs"]] == wanted
    # What it was sure of, in the text and in the documents of the new head, it still says.
    for words, _ in [*GOLD, *ORGANS]:
        one, other = before(words), after(words)
        for head in ("genes", "medicine"):
            found = {(span.start, span.end, span.label_) for span in other.spans[head]}
            scores = one.spans[head].attrs.get("scores") or [0.0] * len(one.spans[head])
            sure = [s for s, score in zip(one.spans[head], scores, strict=True) if score >= 0.9]
            assert {(span.start, span.end, span.label_) for span in sure} <= found
    texts.write_text("\n \n", encoding="utf-8")
    assert add_head(*arguments[:3], tmp_path / "more", "--rehearse", texts) == 1
    assert "no text in it to rehearse on" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "more").exists()


def test_what_is_rehearsed_keeps_all_groups_of_its_documents(folder, tmp_path):
    nlp = spacy.load(folder / "model")
    own = {
        "organs": [(5, 6, "Organ")],
        "organs:unknown": [(0, 3, "-")],
        "organs:rejected": [(0, 1, "Organ"), (1, 3, "Organ")],
    }
    gold = save_docbin(tmp_path / "gold.spacy", nlp, [(ORGANS[0][0], own)])
    texts = tmp_path / "texts.txt"
    texts.write_text(GOLD[0][0], encoding="utf-8")
    out = tmp_path / "out.spacy"
    assert write_rehearsal(nlp, nlp.get_pipe("bioner_mtl"), gold, [texts], out) == 1
    first, second = DocBin().from_disk(out).get_docs(nlp.vocab)
    for name, spans in own.items():
        assert [(s.start, s.end, s.label_) for s in first.spans[name]] == spans
        assert name not in second.spans
    assert "genes" in first.spans and "genes" in second.spans


def test_documents_without_a_mention_teach_no_head(folder, tmp_path, capsys):
    words = "No organ was lost ."
    source = tmp_path / "none.tsv"
    source.write_text("".join(f"{word}\tO\n" for word in words.split()), encoding="utf-8")
    assert run("convert", source, tmp_path / "none.spacy", "--head", "organs") == 0
    assert "No mention in them" in capsys.readouterr().out
    none, organs = tmp_path / "none.spacy", folder / "organs.spacy"
    assert add_head(folder / "model", none, organs, tmp_path / "out") == 1
    assert "no mention for organs" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_head_that_is_there_already_is_refused(folder, tmp_path, capsys):
    old = folder / "old.spacy"
    assert add_head(folder / "model", old, old, tmp_path / "out") == 1
    assert "no new head" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [".", "inside"])
def test_the_pipeline_that_is_read_is_not_written(folder, capsys, place):
    model, organs = folder / "model", folder / "organs.spacy"
    before = sorted(model.rglob("*"))
    assert add_head(model, organs, organs, model / place, "--force") == 1
    assert "which is read" in " ".join(capsys.readouterr().err.split())
    assert sorted(model.rglob("*")) == before


def test_nothing_is_replaced_unasked(folder, capsys):
    organs = folder / "organs.spacy"
    assert add_head(folder / "model", organs, organs, folder / "model") == 1
    assert "--force" in capsys.readouterr().err


def test_documents_to_choose_by_must_have_the_new_head(folder, tmp_path, capsys):
    organs, old = folder / "organs.spacy", folder / "old.spacy"
    assert add_head(folder / "model", organs, old, tmp_path / "out", "--steps", 2) == 1
    assert "annotated for organs" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
