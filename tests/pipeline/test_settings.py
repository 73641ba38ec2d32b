"""Settings of the heads: changed for a while, and put back."""

import pytest
import torch
from conftest import GOLD, found, make_examples, make_pipeline, train

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.nn.bfloat16 import is_bfloat16_faster


def span_scores(nlp):
    docs = nlp.pipe(text for text, _ in GOLD)
    return [
        score for doc in docs for group in doc.spans.values() for score in group.attrs["scores"]
    ]


def test_settings_hold_inside_the_block_alone(copy_of_trained):
    nlp = copy_of_trained
    pipe, text = nlp.get_pipe("bioner_mtl"), GOLD[5][0]
    before, saved = dict(pipe.cfg), pipe.to_bytes()
    with pipe.settings(active_heads=["medicine"], scores=False) as settings:
        assert (settings.active.tolist(), settings.scores) == ([1], False)
        doc = nlp(text)
        assert list(doc.spans) == ["medicine"] and not doc.spans["medicine"].attrs
    with (
        pytest.raises(ValueError, match="inside"),
        pipe.settings(thresholds={"genes": 1.0}, temperatures={"medicine": 4.0}),
    ):
        assert not nlp(text).spans["genes"]
        raise ValueError("inside")
    assert pipe.cfg == before and pipe.to_bytes() == saved
    assert len(nlp(text).spans["genes"]) == 1


def test_settings_that_do_not_fit_change_nothing(copy_of_trained):
    pipe = copy_of_trained.get_pipe("bioner_mtl")
    before = dict(pipe.cfg)
    with pytest.raises(InputError, match="names the head 'nobody'"):
        pipe.settings(active_heads=["nobody"]).__enter__()
    with pytest.raises(InputError, match=r"has 1\.5 for 'genes'"):
        pipe.head_settings(thresholds={"genes": 1.5})
    with pytest.raises(InputError, match=r"no setting 'score'.*: overwrite, scores, thresholds"):
        pipe.settings(score=False).__enter__()
    assert pipe.cfg == before


def test_bfloat16_finds_the_same_with_nearly_the_same_scores(copy_of_trained, tmp_path):
    nlp = copy_of_trained
    plain, scores = [found(nlp(text)) for text, _ in GOLD], span_scores(nlp)
    nlp.get_pipe("bioner_mtl").cfg["bfloat16"] = True
    assert [found(nlp(text)) for text, _ in GOLD] == plain
    rounded = span_scores(nlp)
    assert rounded == pytest.approx(scores, abs=0.02)
    # The setting is saved, the rounded weights are not.
    nlp.to_disk(tmp_path / "model")
    again = make_pipeline()
    again.from_disk(tmp_path / "model")
    assert span_scores(again) == rounded
    again.get_pipe("bioner_mtl").cfg["bfloat16"] = False
    assert span_scores(again) == scores
    if is_bfloat16_faster(torch.device("cpu")):
        assert rounded != scores


def test_a_pipeline_with_bfloat16_learns_in_floats(trained_bytes):
    pipelines = [make_pipeline(), make_pipeline()]
    for nlp, bfloat16 in zip(pipelines, (True, False), strict=True):
        nlp.from_bytes(trained_bytes)
        nlp.get_pipe("bioner_mtl").cfg["bfloat16"] = bfloat16
        # An answer before the update: its rounded weights are of the past then.
        span_scores(nlp)
        train(nlp, make_examples(nlp), 3)
        nlp.get_pipe("bioner_mtl").cfg["bfloat16"] = False
    assert span_scores(pipelines[0]) == span_scores(pipelines[1])
    nlp = pipelines[0]
    scores = span_scores(nlp)
    nlp.get_pipe("bioner_mtl").cfg["bfloat16"] = True
    assert span_scores(nlp) == pytest.approx(scores, abs=0.02)
