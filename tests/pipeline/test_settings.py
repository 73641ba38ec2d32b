"""Settings of the heads: changed for a while, and put back."""

import pytest
from conftest import GOLD

from spacy_bioner_mtl.errors import InputError


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
