"""benchmarks annotation: what it counts, what it compares, and what it refuses."""

import re
from itertools import cycle

import numpy as np
import pytest
import spacy
import srsly
import torch
from conftest import GOLD, found, make_examples, make_pipeline, train
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from benchmarks import annotation as module
from benchmarks import annotation_process as benchmark_process
from benchmarks.__main__ import main
from benchmarks.annotation_process import Request, measure, measure_in_process, zones
from benchmarks.cli.annotation import _rows
from benchmarks.repeated_heads import repeat_heads
from spacy_bioner_mtl.errors import InputError

TEXTS = [f"{text}  {text}" for text, _ in GOLD]
#: Every word of them: the two spaces between the sentences make a token of white space.
WORDS = [2 * len(text.split()) for text, _ in GOLD]
DERIVED = {
    "words_per_second",
    "scored_words_per_second",
    "ner_words_per_second",
    "ratio_to_ner",
    "scored_ratio_to_ner",
    "repeats",
    "entities_per_1000_words",
    "ner_entities_per_1000_words",
    "latency_ms",
    "ner_latency_ms",
    "latency_words",
    "cold_load_seconds",
    "cold_first_seconds",
}


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    trained.to_disk(path)
    return path


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    # A blank line is no text.
    path.write_text("\n".join([*TEXTS[:3], "", *TEXTS[3:]]), encoding="utf-8")
    return path


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "CALLS", 8)
    monkeypatch.setattr(module, "COLD_STARTS", 1)
    monkeypatch.setattr(module, "NER_PASSES", 1)


def run(*arguments):
    """The exit status of the command."""
    with pytest.raises(SystemExit) as exit_info:
        main(["annotation", *map(str, arguments)])
    return exit_info.value.code or 0


def shown_rows(text):
    """The rows of the table on the screen."""
    rows = [re.split(r" {3,}", line.strip()) for line in text.splitlines()]
    return dict(row for row in rows if len(row) == 2)


@pytest.mark.usefixtures("quick")
def test_command_prints_and_saves(tmp_path, monkeypatch, model, texts, capsys):
    monkeypatch.setattr(module, "COLD_STARTS", 2)
    output = tmp_path / "metrics" / "speed.json"
    assert run(model, texts, "--words", 100, "--heads", 3, "--output", output) == 0
    saved = srsly.read_json(output)
    assert saved.keys() == DERIVED | module.Benchmark.__dataclass_fields__.keys()
    assert (saved["texts"], saved["words"]) == (len(TEXTS), sum(WORDS))
    assert (saved["heads"], saved["heads_added"], saved["threads"]) == (3, 1, 1)
    # Each round ends with the text that reaches its share.
    share = -(-100 // module.ROUNDS)
    assert len(saved["round_words"]) == module.ROUNDS
    for words in saved["round_words"]:
        assert share <= words < share + max(WORDS)
    assert saved["repeats"] == pytest.approx(sum(saved["round_words"]) / sum(WORDS))
    for name in ("", "scored_", "ner_"):
        seconds = saved[f"{name}seconds"]
        speeds = [w / s for w, s in zip(saved["round_words"], seconds, strict=True)]
        assert saved[f"{name}words_per_second"] == pytest.approx(np.median(speeds), rel=1e-6)
    ratios = [n / s for n, s in zip(saved["ner_seconds"], saved["seconds"], strict=True)]
    assert saved["ratio_to_ner"] == pytest.approx(np.median(ratios), rel=1e-6)
    assert saved["call_words"] == [*WORDS, *WORDS][:8]
    assert len(saved["call_seconds"]) == len(saved["ner_call_seconds"]) == 8
    assert len(saved["load_seconds"]) == len(saved["first_seconds"]) == 2
    assert saved["cold_load_seconds"] > 0 < saved["cold_first_seconds"]
    assert 100 < saved["peak_memory_mib"] < 10_000
    assert saved["long_run"] is None
    rows = shown_rows(capsys.readouterr().out)
    assert rows["without scores, words/s"] == f"{saved['words_per_second']:,.0f}"
    assert rows["with scores, words/s"] == f"{saved['scored_words_per_second']:,.0f}"
    assert rows["words in it"] == f"{saved['latency_words']:.0f}"
    assert rows["heads"] == "3, 1 of them copies"
    assert rows["times each text is read"] == f"{saved['repeats']:.1f}"


@pytest.mark.usefixtures("quick")
def test_all_pipelines_annotate_the_same_texts(monkeypatch, model, texts):
    calls = []
    time_pipe = module._time_pipe

    def recorded(nlp, turn):
        cfg = nlp.get_pipe("bioner_mtl").cfg if "bioner_mtl" in nlp.pipe_names else None
        calls.append((cfg and cfg["scores"], [text for text, _ in turn]))
        return time_pipe(nlp, turn)

    monkeypatch.setattr(module, "_time_pipe", recorded)
    measured = module.benchmark(str(model), texts, words=100)
    rounds = calls[2:]
    # With and without scores take turns at coming first, equally often.
    turns = [True, False, None, False, True, None]
    assert [scores for scores, _ in rounds] == turns * (module.ROUNDS // 2)
    source = cycle(TEXTS)
    for first in range(0, len(rounds), 3):
        _, turn = rounds[first]
        assert rounds[first + 1][1] == rounds[first + 2][1] == turn
        assert [next(source) for _ in turn] == turn, "the texts follow each other"
        assert sum(WORDS[TEXTS.index(text)] for text in turn) == measured.round_words[first // 3]
    nlp = spacy.load(model)
    docs = [doc for scores, turn in rounds if scores for doc in nlp.pipe(turn)]
    assert measured.entities == sum(len(doc.ents) for doc in docs) > 0


@pytest.mark.usefixtures("quick")
def test_long_run(monkeypatch, model, texts):
    monkeypatch.setattr(module, "WINDOW", 15)
    measured = module.benchmark(str(model), texts, words=20, long=200)
    run = measured.long_run
    assert 200 <= run.words < 200 + max(WORDS)
    assert run.first_words_per_second > 0 < run.last_words_per_second
    assert 100 < run.first_peak_memory_mib <= run.peak_memory_mib < 10_000
    rows = dict(_rows(measured.to_json()))
    assert rows["long run, words"] == f"{run.words:,}"
    change = 100 * (run.last_words_per_second / run.first_words_per_second - 1)
    assert rows["  change, %"] == f"{change:+.1f}"


def test_windows_of_a_long_run(monkeypatch, model):
    """Zones of known speed: the first window is slow, the last one fast."""
    monkeypatch.setattr(benchmark_process, "WORDS_PER_ZONE", 1)
    monkeypatch.setattr(
        benchmark_process,
        "_annotate",
        lambda nlp, request: ([10, 10, 10, 10], [10.0, 5.0, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0]),
    )
    request = Request(str(model), [(TEXTS[0], WORDS[0])], heads=2, words=40, window=20)
    measured = measure(request)
    assert measured.words == 40
    assert measured.first_words_per_second == pytest.approx(20 / 15)
    assert measured.last_words_per_second == pytest.approx(20 / 3)
    assert measured.first_peak_memory_mib == 2.0


def test_a_cold_start_is_that_of_a_fresh_process(model):
    request = Request(str(model), [(TEXTS[0], WORDS[0])], heads=2, words=0, window=10)
    measured = measure_in_process(request, threads=1)
    assert measured.load_seconds > 0 < measured.first_seconds
    assert measured.words == 0
    assert measured.first_words_per_second == measured.last_words_per_second == 0
    assert 100 < measured.peak_memory_mib < 10_000


COUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=20)


@settings(deadline=None)
@given(counts=COUNTS, words=st.integers(0, 120), size=st.integers(1, 40))
def test_zones_are_filled_in_order(counts, words, size):
    source = [(str(index), count) for index, count in enumerate(counts)]
    groups = list(zones(source, words, size))
    taken = [text for group in groups for text in group]
    assert taken == source[: len(taken)]
    total = sum(count for _, count in taken)
    if words == 0:
        assert not taken
    elif sum(counts) <= words:
        assert taken == source
    else:
        assert total >= words > total - taken[-1][1]
    for group in groups[:-1]:
        assert sum(count for _, count in group) >= size > sum(count for _, count in group[:-1])


def test_words_are_tokens_without_white_space(trained):
    texts = ["  ", *TEXTS, " \n ", *TEXTS]
    taken = module.take_texts(trained, texts, sum(WORDS) + 1)
    assert taken == [*zip(TEXTS, WORDS, strict=True), (TEXTS[0], WORDS[0])]


def test_ner_learns_the_answers_of_the_pipeline(monkeypatch, trained):
    monkeypatch.setattr(module, "NER_PASSES", 30)
    texts = list(zip(TEXTS, WORDS, strict=True))
    ner = module.train_ner(trained, texts)
    assert ner.pipe_names == ["tok2vec", "ner"]
    docs = [(trained(text), ner(text)) for text in TEXTS]
    right = [
        len(
            {(ent.start_char, ent.end_char, ent.label_) for ent in ours.ents}
            & {(ent.start_char, ent.end_char, ent.label_) for ent in theirs.ents}
        )
        for ours, theirs in docs
    ]
    assert sum(right) > 0.8 * sum(len(ours.ents) for ours, _ in docs) > 0
    assert ner.vocab is not trained.vocab


@pytest.mark.parametrize("share", ["both", "characters", "words", "none"])
def test_repeated_heads_find_what_their_originals_find(share):
    nlp = make_pipeline(share=share)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 30)
    pipe = nlp.get_pipe("bioner_mtl")
    pipe.cfg["thresholds"] = {**pipe.cfg["thresholds"], "genes": 0.4}
    pipe.cfg["temperatures"] = {"medicine": 2.0}
    before = [found(doc) for doc in nlp.pipe(TEXTS)]
    repeat_heads(nlp, 5)
    assert len(pipe.heads) == 5
    assert [head.labels for head in pipe.heads[2:]] == [
        pipe.heads[index].labels for index in (0, 1, 0)
    ]
    docs = list(nlp.pipe(TEXTS))
    assert [found(doc) for doc in docs] == before
    assert any(before)
    for doc in docs:
        groups = [doc.spans[head.name] for head in pipe.heads]
        for copy, original in ((2, 0), (3, 1), (4, 0)):
            assert [(span.start, span.end, span.label_) for span in groups[copy]] == [
                (span.start, span.end, span.label_) for span in groups[original]
            ]
            scores, expected = (groups[index].attrs["scores"] for index in (copy, original))
            torch.testing.assert_close(torch.tensor(scores), torch.tensor(expected))


def test_heads_that_are_switched_off_are_not_repeated(copy_of_trained):
    nlp = copy_of_trained
    pipe = nlp.get_pipe("bioner_mtl")
    pipe.cfg["active_heads"] = ["medicine"]
    repeat_heads(nlp, 2)
    assert pipe.cfg["active_heads"] == ["medicine", "medicine copy 1"]
    doc = nlp(TEXTS[3])
    assert set(doc.spans) == set(pipe.cfg["active_heads"])
    with pytest.raises(InputError, match=r"2 heads .*, and 1 are asked for"):
        repeat_heads(nlp, 1)


def test_scores_are_set_back(trained):
    pipe = trained.get_pipe("bioner_mtl")
    before = pipe.cfg["scores"]
    with pytest.raises(ValueError, match="inside"), module._scores(trained, not before):
        assert pipe.cfg["scores"] is not before
        raise ValueError("inside")
    assert pipe.cfg["scores"] is before


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, [], "texts.txt: cannot be read"),
        ("\n \n", [], "texts.txt: there is no text in it"),
        (b"broken \xff", [], "texts.txt:1: not UTF-8"),
        ("TKR2 grows .", ["--from", "csv"], "unknown format 'csv'; --from takes"),
        ("TKR2 grows .", ["--heads", "1"], "the pipeline has 2 heads"),
        ("Nothing was found in the liver .", [], "finds no entity in the first texts"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, model, capsys, content, options, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        path = tmp_path / "texts.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert run(model, "texts.txt", *options, "--output", "speed.json") == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "speed.json").exists()


def test_an_example_for_ner_may_have_other_tokens():
    """Entities grow to the tokens of ner; of two in one token, one stays."""
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["gp", "120", "helps"], spaces=[False, True, False])
    doc.set_ents([Span(doc, 0, 1, label="protein"), Span(doc, 1, 2, label="number")])
    example = module._example(nlp, doc)
    assert [token.text for token in example.predicted] == ["gp120", "helps"]
    assert [ent.text for ent in example.reference.ents] == ["gp120"]
    assert not example.predicted.ents


@pytest.mark.usefixtures("quick")
def test_texts_of_any_length(monkeypatch, model, texts):
    """spaCy refuses texts of more than a million characters; here, to be quick, of more than 20."""
    monkeypatch.setitem(spacy.Language.__init__.__kwdefaults__, "max_length", 20)
    with pytest.raises(ValueError, match="E088"):
        spacy.load(model)(TEXTS[0])
    monkeypatch.setattr(module, "measure_in_process", lambda request, threads: measure(request))
    measured = module.benchmark(str(model), texts, words=100)
    assert measured.words == sum(WORDS) and measured.entities > 0
