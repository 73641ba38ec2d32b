"""The component goes into other pipelines, vocabs and processes, and its settings come along."""

import copy
import pickle

import pytest
import spacy
from conftest import GOLD, make_examples, make_pipeline, set_floret, set_vectors, train
from spacy.tokens import Doc, DocBin

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline.overrides import override_settings

TEXTS = [words for words, _ in GOLD] + ["Zoltine and heart zorxy failure of BRAC4 mice ."]


def answer(doc):
    return [
        (head, span.start, span.end, span.label_, pytest.approx(score, abs=1e-6))
        for head in ("genes", "medicine")
        for span, score in zip(doc.spans[head], doc.spans[head].attrs["scores"], strict=True)
    ]


def answers(nlp):
    return [answer(doc) for doc in nlp.pipe(TEXTS)]


def with_words(vocab):
    set_vectors(vocab, sorted({word.lower() for text in TEXTS for word in text.split()}))


@pytest.fixture(scope="module", params=[set_floret, with_words], ids=["floret", "words"])
def source(request):
    """A trained pipeline with vectors, of subwords or of words."""
    nlp = make_pipeline(tok2vec={"@architectures": "spacy_bioner_mtl.WordVectors.v1"})
    request.param(nlp.vocab)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    return nlp


HOSTS = {
    "no vectors": lambda vocab: None,
    "words of another width": lambda vocab: set_vectors(vocab, ["renal", "mice"], seed=9),
    "floret": lambda vocab: set_floret(vocab),
}


@pytest.mark.filterwarnings("ignore:.*W113")
@pytest.mark.parametrize("host", HOSTS)
def test_another_pipeline(source, host):
    expected = answers(source)
    assert sum(map(len, expected)) > 6
    nlp = spacy.blank("en")
    HOSTS[host](nlp.vocab)
    nlp.add_pipe("bioner_mtl", source=source, name="theirs")
    assert answers(nlp) == expected


@pytest.mark.filterwarnings("ignore:.*W113")
def test_the_config_of_another_pipeline(source, tmp_path):
    expected = answers(source)
    source.to_disk(tmp_path / "source")
    host = {
        "nlp": {"lang": "en", "pipeline": ["sentencizer", "bioner_mtl"]},
        "components": {
            "sentencizer": {"factory": "sentencizer"},
            "bioner_mtl": {"source": str(tmp_path / "source")},
        },
    }
    nlp = spacy.util.load_model_from_config(host, auto_fill=True)
    assert not nlp.vocab.vectors.shape[0]
    nlp.remove_pipe("sentencizer")
    assert answers(nlp) == expected
    nlp.to_disk(tmp_path / "host")
    assert answers(spacy.load(tmp_path / "host")) == expected


@pytest.mark.filterwarnings("ignore:.*W113")
def test_settings_in_the_config_of_another_pipeline(source, tmp_path):
    source.to_disk(tmp_path / "source")
    host = {
        "nlp": {
            "lang": "en",
            "pipeline": ["bioner_mtl"],
            "after_pipeline_creation": {
                "@callbacks": "spacy_bioner_mtl.settings.v1",
                "settings": {"active_heads": ["genes"], "overwrite": True},
            },
        },
        "components": {"bioner_mtl": {"source": str(tmp_path / "source")}},
    }
    nlp = spacy.util.load_model_from_config(host, auto_fill=True)
    nlp.to_disk(tmp_path / "host")
    for each in (nlp, spacy.load(tmp_path / "host")):
        assert list(each(TEXTS[0]).spans) == ["genes"]
        assert each.get_pipe("bioner_mtl").cfg["overwrite"] is True
    host["nlp"]["after_pipeline_creation"]["settings"] = {"overwrites": True}
    with pytest.raises(InputError, match="no setting 'overwrites'; choose from: overwrite"):
        spacy.util.load_model_from_config(host, auto_fill=True)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda nlp: pickle.loads(pickle.dumps(nlp))])
def test_copies(source, copied):
    nlp = copied(source)
    assert answers(nlp) == answers(source)
    assert nlp("Words that nobody has seen xyzzy .").text


def test_bytes_without_the_vectors_of_the_vocab(source):
    nlp = make_pipeline(tok2vec={"@architectures": "spacy_bioner_mtl.WordVectors.v1"})
    nlp.from_bytes(source.to_bytes(), exclude=["vocab"])
    assert answers(nlp) == answers(source)


def test_disk_without_the_vectors_of_the_vocab(source, tmp_path):
    source.to_disk(tmp_path / "model")
    for path in (tmp_path / "model" / "vocab").glob("vectors*"):
        path.unlink()
    loaded = spacy.load(tmp_path / "model")
    assert not loaded.vocab.vectors.shape[0]
    assert answers(loaded) == answers(source)


@pytest.fixture
def saved(copy_of_trained, tmp_path):
    copy_of_trained.to_disk(tmp_path / "model")
    return tmp_path / "model"


def load(path, **settings):
    return spacy.load(path, config={"components": {"bioner_mtl": settings}}).get_pipe("bioner_mtl")


def test_overrides_are_in_effect(saved):
    for settings in (
        {"overwrite": True},
        {"scores": False},
        {"active_heads": ["genes"]},
        {"thresholds": {"genes": 0.7}},
        {"temperatures": {"medicine": 2.0}},
    ):
        pipe = load(saved, **settings)
        for name, value in settings.items():
            got = pipe.cfg[name]
            assert value.items() <= got.items() if isinstance(value, dict) else got == value
    assert load(saved).cfg["overwrite"] is False


def test_every_head_is_listed_so_that_it_can_be_overridden(tmp_path):
    nlp = make_pipeline()
    nlp.initialize(lambda: make_examples(nlp))
    nlp.to_disk(tmp_path)
    for setting, value in (("thresholds", 0.0), ("temperatures", 1.0)):
        assert nlp.config["components"]["bioner_mtl"][setting] == {
            "genes": value,
            "medicine": value,
        }
        for head in ("genes", "medicine"):
            got = load(tmp_path, **{setting: {head: 0.5}}).cfg[setting]
            assert got == {"genes": value, "medicine": value} | {head: 0.5}


def test_overrides_change_answers(saved):
    nlp = spacy.load(saved, config={"components": {"bioner_mtl": {"active_heads": ["genes"]}}})
    assert list(nlp(TEXTS[1]).spans) == ["genes"]


def test_overrides_of_the_policy_are_in_effect(saved):
    rename = {
        "@misc": "spacy_bioner_mtl.type_map.v1",
        "labels": {"GENE": "Gene", "Disease": None},
    }
    nlp = spacy.load(saved, config={"components": {"bioner_mtl": {"merge": rename}}})
    labels = {ent.label_ for doc in nlp.pipe(TEXTS) for ent in doc.ents}
    assert labels == {"Gene", "Chemical"}


def test_settings_changed_after_training_stay_where_nothing_overrides_them(saved, tmp_path):
    nlp = spacy.load(saved)
    nlp.get_pipe("bioner_mtl").cfg["thresholds"].update({"genes": 0.4, "medicine": 0.5})
    nlp.get_pipe("bioner_mtl").cfg["scores"] = False
    nlp.to_disk(tmp_path / "again")
    assert load(tmp_path / "again").cfg["thresholds"] == {"genes": 0.4, "medicine": 0.5}
    pipe = load(tmp_path / "again", thresholds={"genes": 0.9})
    assert pipe.cfg["thresholds"] == {"genes": 0.9, "medicine": 0.5}
    assert pipe.cfg["scores"] is False


def test_settings_are_told_apart_one_by_one():
    saved = {"a": 1, "b": {"x": 1, "y": 2}, "c": True}
    loaded = {"a": 5, "b": {"x": 7, "y": 8}, "c": False, "d": 0}
    assert override_settings({**saved}, loaded, saved) == loaded
    assert override_settings({**saved, "a": 2}, loaded, saved) == {**loaded, "a": 2}
    changed = override_settings({**saved, "b": {"x": 3, "y": 2}}, loaded, saved)
    assert changed == {**loaded, "b": {"x": 3, "y": 8}}
    assert override_settings({"d": 4}, loaded, saved) == loaded


def test_wrong_overrides_are_refused(saved):
    nlp = spacy.load(saved, config={"components": {"bioner_mtl": {"active_heads": ["gene"]}}})
    with pytest.raises(InputError, match="names the head 'gene', which it does not have"):
        nlp(TEXTS[0])


@pytest.mark.parametrize(
    ("setting", "value"),
    [("hidden_width", 99), ("crf", "large"), ("share", "none"), ("caseless", False)],
)
def test_models_that_weights_do_not_fit_are_refused(saved, setting, value):
    with pytest.raises(InputError, match=rf"model\] sets {setting} otherwise"):
        load(saved, model={setting: value})


def test_overrides_of_a_layer_are_refused(source, tmp_path):
    source.to_disk(tmp_path / "model")
    with pytest.raises(InputError, match=r"sets tok2vec\.caseless otherwise"):
        load(tmp_path / "model", model={"tok2vec": {"caseless": False}})


def test_dropout_may_be_overridden(saved):
    pipe = load(saved, model={"word_dropout": 0.25, "variational_dropout": False})
    (encoder,) = pipe.network.word_encoders
    assert encoder.word_dropout == 0.25 and not encoder.variational
    assert not pipe.network.character_encoders[0].variational
    assert pipe.network.architecture.word_dropout == 0.25


def test_blocked_tokens_stay_blocked(copy_of_trained):
    nlp = copy_of_trained
    for overwrite in (False, True):
        nlp.get_pipe("bioner_mtl").cfg["overwrite"] = overwrite
        doc = nlp.make_doc("Severe heart failure follows ibuprofen .")
        doc.set_ents([], blocked=[doc[4:5]], default="missing")
        doc = nlp(doc)
        assert [ent.text for ent in doc.ents] == ["heart failure"]
        # What the heads say stays in the span groups.
        assert [span.text for span in doc.spans["medicine"]] == ["heart failure", "ibuprofen"]
        assert doc[4].ent_iob_ == "B" and not doc[4].ent_type_
        again = nlp(doc)
        assert [ent.text for ent in again.ents] == ["heart failure"]


def test_entities_that_touch_blocked_tokens_are_left_out(copy_of_trained):
    doc = copy_of_trained.make_doc("Severe heart failure follows ibuprofen .")
    doc.set_ents([], blocked=[doc[1:2]], default="missing")
    assert [ent.text for ent in copy_of_trained(doc).ents] == ["ibuprofen"]


def scores(doc):
    return [(ent.text, ent._.bioner_score) for ent in doc.ents]


def test_scores_of_entities_come_along(copy_of_trained):
    one, other = copy_of_trained(TEXTS[3]), copy_of_trained(TEXTS[4])
    expected = scores(one) + scores(other)
    assert len(expected) == 4 and all(score > 0.5 for _, score in expected)
    assert scores(Doc.from_docs([one, other])) == expected
    assert scores(one[2:].as_doc(copy_user_data=True)) == scores(one)
    assert scores(Doc(one.vocab).from_bytes(one.to_bytes())) == scores(one)
    (stored,) = DocBin(docs=[one]).get_docs(one.vocab)
    assert scores(stored) == scores(one)
    told = one.to_json(underscore=["bioner_score"])["underscore_span"]["bioner_score"]
    assert [(one.text[each["start"] : each["end"]], each["value"]) for each in told] == scores(one)


def test_scores_of_entities_that_are_gone_go(copy_of_trained):
    doc = copy_of_trained(TEXTS[3])
    doc.user_data["mine"] = 1
    copy_of_trained.get_pipe("bioner_mtl").cfg["overwrite"] = True
    copy_of_trained.get_pipe("bioner_mtl").cfg["active_heads"] = ["genes"]
    assert not copy_of_trained(doc).ents
    assert doc.user_data == {"mine": 1}
