"""The component as spaCy's training loop and its users handle it."""

import contextlib
import re

import numpy as np
import pytest
import spacy
import srsly
from conftest import (
    GOLD,
    fresh,
    make_example,
    make_examples,
    make_pipeline,
    same_weights,
    train,
    weights,
)
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Adam

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.types import make_query
from spacy_bioner_mtl.pipeline import bioner_mtl as module

HASH_EMBED = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "depth": 1,
    "embed_size": 100,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}


def initialized(gold=GOLD, **options):
    nlp = make_pipeline(**options)
    examples = make_examples(nlp, gold)
    nlp.initialize(lambda: examples)
    return nlp, examples


def test_heads_and_labels_come_from_the_documents():
    nlp, _ = initialized()
    pipe = nlp.get_pipe("bioner_mtl")
    assert [(head.name, head.labels) for head in pipe.heads] == [
        ("genes", ("GENE",)),
        ("medicine", ("Chemical", "Disease")),
    ]
    assert pipe.labels == ("Chemical", "Disease", "GENE")


def test_the_order_of_documents_changes_neither_heads_nor_weights():
    nlp, _ = initialized()
    other, _ = initialized(GOLD[::-1])
    assert nlp.get_pipe("bioner_mtl").label_data == other.get_pipe("bioner_mtl").label_data
    assert same_weights(weights(nlp), weights(other))


def test_same_seed_same_weights_other_seed_other_weights():
    pipelines = []
    for seed in (1, 1, 2):
        nlp, examples = initialized(seed=seed)
        train(nlp, examples, 4, drop=0.4)
        pipelines.append(weights(nlp))
    assert same_weights(pipelines[0], pipelines[1])
    assert not same_weights(pipelines[0], pipelines[2])


def test_label_data_replaces_the_examples():
    nlp, examples = initialized()
    data = nlp.get_pipe("bioner_mtl").label_data
    other = make_pipeline()
    other.get_pipe("bioner_mtl").initialize(lambda: examples[:1], nlp=other, labels=data)
    assert other.get_pipe("bioner_mtl").label_data == data
    assert other.get_pipe("bioner_mtl").heads == nlp.get_pipe("bioner_mtl").heads


def test_declared_heads_and_labels_join_what_the_documents_have():
    nlp = make_pipeline()
    pipe = nlp.get_pipe("bioner_mtl")
    assert pipe.add_head("species", ["Species"]) == 1
    assert pipe.add_label("Virus") == 1  # the only head needs no name
    assert pipe.add_label("Virus") == 0
    assert pipe.add_head("species", ["Plant"]) == 0
    assert pipe.add_head("genes", ["Promoter"]) == 1
    with pytest.raises(InputError, match="species"):
        pipe.add_label("Fungus")
    with pytest.raises(InputError, match="add_head"):
        pipe.add_label("Fungus", head="fungi")
    for label in (5, "", " ", None):
        with pytest.raises(InputError, match="cannot be a label"):
            pipe.add_label(label, head="species")
        with pytest.raises(InputError, match="cannot be a label"):
            pipe.add_head("fungi", [label])
    for name in (None, 5, ""):
        with pytest.raises(InputError, match="cannot name a head"):
            pipe.add_head(name, ["Fungus"])
    with pytest.raises(InputError, match="are one text, 'Fungus': give a list"):
        pipe.add_head("fungi", "Fungus")
    assert [head.name for head in pipe.heads] == ["species", "genes"]
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    heads = {head.name: set(head.labels) for head in pipe.heads}
    assert heads == {
        "species": {"Species", "Virus", "Plant"},
        "genes": {"GENE", "Promoter"},
        "medicine": {"Disease", "Chemical"},
    }
    assert set(nlp("TKR2 .").spans) == set(heads)
    nlp.initialize(lambda: examples)
    assert {head.name: set(head.labels) for head in pipe.heads} == heads


def test_labels_can_be_added_to_a_trained_head_without_forgetting(copy_of_trained):
    nlp = copy_of_trained
    pipe = nlp.get_pipe("bioner_mtl")
    assert pipe.add_label("Species", head="medicine") == 1
    assert pipe.add_label("Species", head="medicine") == 0
    example = make_example(
        nlp,
        GOLD[3][0],
        {"medicine": [(0, 1, "Species"), (2, 4, "Disease"), (5, 6, "Chemical")]},
    )
    others = [eg for eg in make_examples(nlp) if eg.text != example.text]
    train(nlp, [example, *others], 40, learn_rate=0.01)
    doc = nlp(GOLD[3][0])
    assert [span.label_ for span in doc.ents] == ["Species", "Disease", "Chemical"]
    assert nlp.evaluate(fresh(nlp, others))["bioner_macro_f"] == 1.0


def test_nothing_annotated_is_an_error_that_says_what_to_do():
    nlp = make_pipeline()
    example = make_example(nlp, "no span group", {})
    with pytest.raises(InputError, match="bioner-mtl convert"):
        nlp.initialize(lambda: [example])


def test_a_pipeline_without_weights_says_so():
    nlp = make_pipeline()
    for use in (lambda: nlp("text"), lambda: list(nlp.pipe(["a", "b"]))):
        with pytest.raises(InputError, match="no weights"):
            use()


def test_a_label_that_training_has_not_seen_is_an_error():
    nlp, _ = initialized()
    stranger = make_example(nlp, "Mice .", {"genes": [(0, 1, "Species")]})
    with pytest.raises(InputError, match="Species"):
        nlp.update([stranger])


def test_losses_exist_after_every_update():
    nlp, examples = initialized()
    unannotated = make_example(nlp, "nothing is known here", {})
    stranger = make_example(nlp, "another head", {"elsewhere": []})
    blank = make_example(nlp, [], {"genes": []})
    before = weights(nlp)
    for batch in ([unannotated], [stranger], [blank], [unannotated, blank], []):
        losses = {}
        nlp.get_pipe("bioner_mtl").update(batch, sgd=Adam(0.1), losses=losses)
        assert losses == {"bioner_mtl": 0.0}
    assert same_weights(before, weights(nlp))
    losses = {}
    nlp.update(examples, losses=losses)
    nlp.update([unannotated], losses=losses)
    assert losses["bioner_mtl"] > 0


def test_unannotated_documents_do_not_change_what_is_learned():
    results = []
    for extra in (False, True):
        nlp, examples = initialized(GOLD[:4])
        more = [make_example(nlp, "a much longer sentence that is not annotated", {})] * extra
        train(nlp, [*examples, *more], 5)
        results.append(weights(nlp))
    for key in results[0]:
        np.testing.assert_allclose(results[0][key], results[1][key], atol=5e-4)


def test_averages_take_effect_and_are_taken_back():
    nlp, examples = initialized()
    optimizer = Adam(0.05, L2=0.0, use_averages=True)
    for _ in range(15):
        nlp.update(examples, sgd=optimizer)
    trained = weights(nlp)
    with nlp.use_params(optimizer.averages):
        averaged = weights(nlp)
    moved = [key for key in trained if not trained[key].equal(averaged[key])]
    assert len(moved) == len(trained)
    assert same_weights(trained, weights(nlp))

    with contextlib.suppress(ZeroDivisionError), nlp.use_params(optimizer.averages):
        assert same_weights(averaged, weights(nlp))
        raise ZeroDivisionError
    assert same_weights(trained, weights(nlp))


def test_the_average_is_that_of_the_weights_so_far():
    nlp, examples = initialized(GOLD[:2])
    optimizer = Adam(0.05, L2=0.0, use_averages=True)
    history = []
    name = "head_layers.0.output.weight"
    for _ in range(4):
        nlp.update(examples, sgd=optimizer)
        history.append(weights(nlp)[name])
    with nlp.use_params(optimizer.averages):
        average = weights(nlp)[name]
    # thinc's decay: min((1 + t) / (10 + t), 0.9999), from zero.
    expected = 0.0 * history[0]
    for t, values in enumerate(history, 1):
        decay = min((1.0 + t) / (10.0 + t), 0.9999)
        expected = expected + (1 - decay) * (values - expected)
    np.testing.assert_allclose(average, expected, atol=1e-6)


def test_saving_with_averages_saves_the_averages(tmp_path):
    nlp, examples = initialized()
    optimizer = Adam(0.05, use_averages=True)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    with nlp.use_params(optimizer.averages):
        averaged = weights(nlp)
        nlp.to_disk(tmp_path / "model")
    assert same_weights(averaged, weights(spacy.load(tmp_path / "model")))


def test_rehearsing_pulls_a_drifted_model_back(copy_of_trained):
    nlp = copy_of_trained
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.005
    examples = make_examples(nlp)
    drift = [make_example(nlp, GOLD[3][0], {"medicine": [(0, 1, "Disease")]})]
    losses = {}
    nlp.rehearse(examples, sgd=Adam(0.0, L2=0.0), losses=losses)
    assert losses["bioner_mtl"] == pytest.approx(0.0, abs=1e-4)
    teacher = weights(nlp)
    train(nlp, drift, 8, learn_rate=0.02)
    drifted = weights(nlp)
    assert not same_weights(teacher, drifted)
    divergences = []
    for _ in range(30):
        losses = {}
        nlp.rehearse(fresh(nlp, examples), sgd=optimizer, losses=losses)
        divergences.append(losses["bioner_mtl"])
    assert not same_weights(drifted, weights(nlp))
    assert divergences[0] > 0.5
    assert divergences[-1] < 0.2 * divergences[0]
    assert all(divergence >= -1e-4 for divergence in divergences)


def test_rehearsing_knows_only_the_heads_of_the_teacher(copy_of_trained):
    nlp = copy_of_trained
    optimizer = nlp.resume_training()
    pipe = nlp.get_pipe("bioner_mtl")
    pipe.add_head("species", ["Species"])
    pipe.add_label("Isoform", head="genes")
    index = [head.name for head in pipe.heads].index("species")
    before = weights(nlp)
    losses = {}
    nlp.rehearse(make_examples(nlp), sgd=optimizer, losses=losses)
    assert losses["bioner_mtl"] == pytest.approx(0.0, abs=1e-3)
    after = weights(nlp)
    for key in before:
        if key.startswith(f"head_layers.{index}."):
            assert before[key].equal(after[key])


def test_resumed_training_learns_on(copy_of_trained):
    nlp = copy_of_trained
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    new = make_example(nlp, "Codeine helps mice .", {"medicine": [(0, 1, "Chemical")]})
    examples = [*make_examples(nlp), new]
    for _ in range(30):
        nlp.update(examples, sgd=optimizer)
    assert nlp.evaluate(fresh(nlp, examples))["bioner_macro_f"] == 1.0


def test_every_head_has_a_span_group_with_scores(trained):
    for text, annotated in GOLD:
        doc = trained(text)
        assert list(doc.spans) == ["genes", "medicine"]
        for head, group in doc.spans.items():
            scores = group.attrs["scores"]
            assert len(scores) == len(group)
            assert all(isinstance(score, float) and 0 < score <= 1 for score in scores)
            if head in annotated:
                assert all(score > 0.5 for score in scores)
    doc = trained(GOLD[5][0])
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("TKR2", "GENE"),
        ("renal failure", "Disease"),
    ]


@pytest.mark.parametrize("overwrite", [False, True])
def test_entities_that_are_there_already(trained_bytes, overwrite):
    nlp = make_pipeline()
    nlp.from_bytes(trained_bytes)
    pipe = nlp.get_pipe("bioner_mtl")
    pipe.cfg["overwrite"] = overwrite
    doc = Doc(nlp.vocab, words=GOLD[3][0].split())
    doc.ents = [Span(doc, 0, 3, label="SPECIES", kb_id="Q1")]
    pipe(doc)
    assert [span.text for span in doc.spans["medicine"]] == ["renal failure", "aspirin"]
    expected = ["renal failure", "aspirin"] if overwrite else ["Mice with renal", "aspirin"]
    assert [ent.text for ent in doc.ents] == expected
    if not overwrite:
        assert doc.ents[0].kb_id_ == "Q1"


def test_annotating_twice_changes_nothing(trained):
    doc = trained(GOLD[4][0])
    first = [(ent.start, ent.end, ent.label_) for ent in doc.ents]
    groups = {key: list(doc.spans[key]) for key in doc.spans}
    trained.get_pipe("bioner_mtl")(doc)
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == first
    assert {key: list(doc.spans[key]) for key in doc.spans} == groups


def test_the_order_of_a_stream_is_kept(trained):
    texts = [f"{words} {index}" for index in range(20) for words, _ in GOLD]
    docs = list(trained.pipe(texts, batch_size=7))
    assert [doc.text for doc in docs] == texts


def test_predict_does_not_touch_the_documents(trained):
    doc = Doc(trained.vocab, words=GOLD[3][0].split())
    before = doc.to_bytes()
    found = trained.get_pipe("bioner_mtl").predict([doc])
    assert found[0] and doc.to_bytes() == before


def test_a_listener_shares_and_trains_a_tok2vec_component():
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": {**HASH_EMBED, "width": 8}})
    tiny = make_pipeline().get_pipe_config("bioner_mtl")["model"]
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8, "upstream": "*"}
    nlp.add_pipe("bioner_mtl", config={"model": {**tiny, "table_width": 0, "tok2vec": listener}})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    embeddings = nlp.get_pipe("tok2vec").model.to_bytes()
    for _ in range(60):
        losses = {}
        nlp.update(examples, sgd=optimizer, losses=losses)
    assert nlp.get_pipe("tok2vec").model.to_bytes() != embeddings
    assert nlp.evaluate(fresh(nlp, examples))["bioner_macro_f"] == 1.0
    copy = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert [ent.text for ent in copy(GOLD[4][0]).ents] == [ent.text for ent in nlp(GOLD[4][0]).ents]


def test_a_listener_can_be_replaced_by_a_copy_of_what_it_listens_to():
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": {**HASH_EMBED, "width": 8}})
    tiny = make_pipeline().get_pipe_config("bioner_mtl")["model"]
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8, "upstream": "tok2vec"}
    nlp.add_pipe("bioner_mtl", config={"model": {**tiny, "tok2vec": listener}})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    (before,) = nlp.get_pipe("bioner_mtl").predict([nlp(GOLD[5][0])])
    nlp.replace_listeners("tok2vec", "bioner_mtl", ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    (after,) = nlp.get_pipe("bioner_mtl").predict([nlp(GOLD[5][0])])
    assert [(s.start, s.end, s.label) for s in after] == [(s.start, s.end, s.label) for s in before]
    nlp.update(examples, sgd=optimizer)
    assert spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())(GOLD[5][0])


def test_head_names_may_be_anything():
    names = ["items", "a.b", "NCBI-disease", "Ärzte 1", "forward"]
    nlp, examples = initialized([("one word", {name: [(0, 1, "X")]}) for name in names])
    train(nlp, examples, 2)
    copy = make_pipeline().from_bytes(nlp.to_bytes())
    assert set(copy("one word").spans) == set(names)


@pytest.mark.parametrize("name", ["all", "merged", "source", "", "genes:unknown"])
def test_heads_are_not_called_what_commands_mean_otherwise(name, copy_of_trained):
    with pytest.raises(InputError, match="cannot name a head"):
        copy_of_trained.get_pipe("bioner_mtl").add_head(name, ["X"])
    if name and ":" not in name:
        with pytest.raises(InputError, match="cannot name a head"):
            initialized([("one word", {name: [(0, 1, "X")]})])


def test_two_components_in_one_pipeline_do_not_meet():
    nlp, examples = initialized()
    tiny = nlp.get_pipe_config("bioner_mtl")["model"]
    nlp.add_pipe("bioner_mtl", name="second", config={"model": tiny})
    nlp.get_pipe("second").initialize(lambda: examples, nlp=nlp)
    losses = {}
    nlp.update(examples, losses=losses, sgd=Adam(0.01))
    assert set(losses) == {"bioner_mtl", "second"}
    assert len(nlp(GOLD[0][0]).spans) == 2


def without_scores(doc):
    return {head: [(s.start, s.end, s.label_) for s in doc.spans[head]] for head in doc.spans}


def test_scores_may_be_left_out(trained, copy_of_trained):
    pipe = copy_of_trained.get_pipe("bioner_mtl")
    pipe.cfg["scores"] = False
    for text, _ in GOLD:
        doc, scored = copy_of_trained(text), trained(text)
        assert without_scores(doc) == without_scores(scored)
        assert all("scores" not in group.attrs for group in doc.spans.values())
    assert [ent.text for ent in copy_of_trained(GOLD[5][0]).ents] == ["TKR2", "renal failure"]
    (found,) = pipe.predict([Doc(copy_of_trained.vocab, words=GOLD[5][0].split())])
    assert found and all(span.score is None for span in found)


@pytest.mark.parametrize("scores", [True, False])
def test_spans_below_the_threshold_of_their_head_are_in_no_answer(copy_of_trained, scores):
    nlp = copy_of_trained
    before = nlp(GOLD[5][0])
    (score,) = before.spans["genes"].attrs["scores"]
    nlp.get_pipe("bioner_mtl").cfg["scores"] = scores
    thresholds = nlp.get_pipe("bioner_mtl").cfg["thresholds"]
    for threshold, texts in ((score, ["TKR2"]), (score + (1 - score) / 2, [])):
        thresholds["genes"] = threshold
        doc = nlp(GOLD[5][0])
        assert [span.text for span in doc.spans["genes"]] == texts
        assert [ent.text for ent in doc.ents] == [*texts, "renal failure"]
        assert ("scores" in doc.spans["genes"].attrs) == scores
        assert without_scores(doc)["medicine"] == without_scores(before)["medicine"]


def list_heads(nlp):
    """What to do with a pipeline that was trained before there were thresholds."""
    nlp.get_pipe_config("bioner_mtl")["thresholds"] = {"genes": 0.0, "medicine": 0.0}
    return nlp


@pytest.mark.parametrize("before", [False, True])
def test_spacy_finds_the_threshold_of_a_head(trained, copy_of_trained, before, tmp_path):
    nlp = list_heads(copy_of_trained) if before else trained
    nlp.to_disk(tmp_path / "model")
    gold = make_examples(nlp)
    # What the head finds here is wrong.
    gold.append(make_example(nlp, "Ibuprofen follows TKR2 in heart .", {"genes": []}))
    DocBin(docs=[example.reference for example in gold]).to_disk(tmp_path / "dev.spacy")
    arguments = (tmp_path / "model", tmp_path / "dev.spacy", "bioner_mtl")
    best, score, scores = find_threshold(*arguments, "thresholds.genes", "spans_genes_f")
    assert len(scores) == 11 and score == scores[best] == max(scores.values())
    # All that lies below 1 is dropped.
    assert scores[1.0] == 0.0 < scores[0.0] <= score
    loaded = spacy.load(tmp_path / "model")
    loaded.get_pipe("bioner_mtl").cfg["thresholds"]["genes"] = float(best)
    examples = [
        Example(Doc(loaded.vocab, words=[t.text for t in eg.reference]), eg.reference)
        for eg in gold
    ]
    assert loaded.evaluate(examples)["spans_genes_f"] == pytest.approx(score)
    loaded.to_disk(tmp_path / "set")
    cfg = spacy.load(tmp_path / "set").get_pipe("bioner_mtl").cfg
    assert cfg["thresholds"] == {"genes": float(best), "medicine": 0.0}


def test_every_head_is_in_the_config_with_a_threshold():
    names = ["NCBI-disease", "Ärzte 1", "a.b", "a:b", "#x"]
    gold = [("one word", {name: [(0, 1, "X")]}) for name in names]
    nlp, _ = initialized(gold, config={"thresholds": {"NCBI-disease": 0.5}})
    listed = {"NCBI-disease": 0.5, "Ärzte 1": 0.0}
    assert nlp.config["components"]["bioner_mtl"]["thresholds"] == listed
    assert nlp.get_pipe("bioner_mtl").cfg["thresholds"] == listed
    copy = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert set(copy("one word").spans) == set(names)
    # Other heads, as if trained anew: what was asked for nobody is forgotten.
    other = make_examples(nlp, [("one word", {"NCBI-disease": [], "genes": [(0, 1, "X")]})])
    nlp.initialize(lambda: other)
    listed = {"NCBI-disease": 0.5, "genes": 0.0}
    assert nlp.get_pipe("bioner_mtl").cfg["thresholds"] == listed


def test_a_temperature_changes_scores_and_nothing_else(trained, copy_of_trained):
    text = GOLD[5][0]
    before = trained(text)
    copy_of_trained.get_pipe("bioner_mtl").cfg["temperatures"]["medicine"] = 4.0
    after = copy_of_trained(text)
    assert without_scores(after) == without_scores(before)
    assert after.spans["genes"].attrs == before.spans["genes"].attrs
    (score,) = before.spans["medicine"].attrs["scores"]
    (tempered,) = after.spans["medicine"].attrs["scores"]
    assert 0 < tempered < score


def test_heads_that_are_switched_off_are_not_asked(copy_of_trained, monkeypatch):
    nlp = copy_of_trained
    pipe = nlp.get_pipe("bioner_mtl")
    asked = []

    def watched(docs, sequences, heads, **options):
        asked.append(set(heads.tolist()))
        return make_query(docs, sequences, heads, **options)

    monkeypatch.setattr(module, "make_query", watched)
    text = GOLD[5][0]
    for active, ents in (
        (["medicine"], ["renal failure"]),
        (["medicine", "genes"], ["TKR2", "renal failure"]),
        ([], []),
    ):
        pipe.cfg["active_heads"] = active
        doc = nlp(text)
        assert list(doc.spans) == sorted(active)
        assert [ent.text for ent in doc.ents] == ents
        assert doc.has_annotation("ENT_IOB")
    assert asked == [{1}, {0, 1}]
    # A group that is there already stays.
    doc = Doc(nlp.vocab, words=text.split())
    doc.spans["genes"] = [Span(doc, 1, 2, label="mine")]
    assert [span.label_ for span in pipe(doc).spans["genes"]] == ["mine"]


def test_a_head_that_is_switched_off_trains_and_scores_as_one_that_finds_nothing():
    nlp, examples = initialized(config={"active_heads": ["medicine"]})
    other, _ = initialized()
    train(nlp, examples, 40)
    train(other, examples, 40)
    assert same_weights(weights(nlp), weights(other))
    scores = nlp.evaluate(fresh(nlp, examples))
    assert (scores["spans_medicine_f"], scores["spans_genes_f"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"active_heads": ["medicine", "cells"]}, "active_heads .* names the head 'cells'"),
        ({"thresholds": {"cells": 0.5}}, "thresholds .* names the head 'cells'"),
        ({"temperatures": {"cells": 2.0}}, "temperatures .* names the head 'cells'"),
        ({"thresholds": {"genes": 1.5}}, "has 1.5 for 'genes', but a threshold is from 0 to 1"),
        ({"thresholds": {"genes": -0.5}}, "has -0.5 for 'genes', but a threshold is from 0 to 1"),
        ({"temperatures": {"genes": 0.0}}, "has 0.0 for 'genes', but a temperature is above 0"),
    ],
)
def test_settings_that_do_not_fit_are_one_error(copy_of_trained, settings, message):
    (setting,) = settings
    with pytest.raises(InputError, match=message) as error:
        initialized(config=settings)
    remedies = f"{setting}.*genes, medicine.*components.bioner_mtl.*cfg\\['{setting}'\\]"
    assert re.search(remedies, str(error.value))
    copy_of_trained.get_pipe("bioner_mtl").cfg.update(settings)
    with pytest.raises(InputError, match=message):
        copy_of_trained(GOLD[0][0])


def test_a_pipeline_saved_before_there_were_settings_has_the_defaults(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    srsly.write_json(tmp_path / "model" / "bioner_mtl" / "cfg", {"overwrite": True})
    config = spacy.util.load_config(tmp_path / "model" / "config.cfg")
    added = ("scores", "thresholds", "temperatures", "consistency", "active_heads", "bfloat16")
    for name in (*added, "balanced_brackets"):
        del config["components"]["bioner_mtl"][name]
    config.to_disk(tmp_path / "model" / "config.cfg")
    nlp = spacy.load(tmp_path / "model")
    assert nlp.get_pipe("bioner_mtl").cfg == {
        "overwrite": True,
        "scores": True,
        "thresholds": {},
        "temperatures": {},
        "consistency": {},
        "balanced_brackets": True,
        "active_heads": None,
        "bfloat16": False,
    }
    for text, _ in GOLD:
        assert {head: group.attrs for head, group in nlp(text).spans.items()} == {
            head: group.attrs for head, group in trained(text).spans.items()
        }
