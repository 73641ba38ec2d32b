"""benchmarks training: what it trains, what it counts, and what it refuses."""

import re
from itertools import pairwise

import pytest
import spacy
import srsly
import torch
from conftest import (
    GOLD,
    ROOT,
    SAMPLE_CONFIG,
    TRAINING,
    make_example,
    make_examples,
    make_pipeline,
    same_weights,
    train_samples,
    weights,
)
from spacy.tokens import DocBin

from benchmarks import training as module
from benchmarks.__main__ import main
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.nn.encoder import WORDS
from spacy_bioner_mtl.nn.vocabulary import LENGTHS

COMMAND = ["training", str(SAMPLE_CONFIG)]
MTL = ["training", str(SAMPLE_CONFIG.with_name("mtl.cfg"))]
SMALL = [word for key, value in TRAINING.items() for word in (f"--{key}", str(value))]
#: Distinct words, short ones and longer ones.
SHORT, MIDDLE, LONG = "TKR2 with it .", "kidneys proteins", "immunohistochemistry"
#: What is saved besides the fields of TrainingBenchmark.
DERIVED = {
    "tokens_per_second",
    "ms_per_step",
    "tokens_per_step",
    "kernel_share",
    "kernel_tokens_per_second",
    "ner_tokens_per_second",
    "beside_ner_tokens_per_second",
    "ratio_to_ner",
}


def run(*arguments):
    """The exit status of the command."""
    with pytest.raises(SystemExit) as exit_info:
        main([*map(str, arguments)])
    return exit_info.value.code or 0


def save(path, gold):
    nlp = spacy.blank("en")
    docs = [make_example(nlp, words, heads).reference for words, heads in gold]
    DocBin(docs=docs, store_user_data=False).to_disk(path)
    return path


def shown_rows(text):
    """The rows of the table on the screen."""
    rows = [re.split(r" {3,}", line.strip()) for line in text.splitlines()]
    return dict(row for row in rows if len(row) == 2)


def test_command_prints_and_saves(tmp_path, capsys):
    # Sentences of one length, so that no LSTM is called for groups of them.
    n_words = 7
    corpus = [(words, heads) for words, heads in GOLD if len(words.split()) == n_words] * 10
    output = tmp_path / "metrics" / "speed.json"
    options = ["--steps", 12, "--warmup", 2, "--threads", 1, "--output", output]
    changes = [
        *("--components.bioner_mtl.model.characters", "sentence"),
        *("--training.batcher.size", 4 * n_words),
        *("--system.seed", 3),
        *("--paths.train", save(tmp_path / "gold.spacy", corpus)),
    ]
    assert run(*COMMAND, *options, *SMALL, *changes) == 0
    saved = srsly.read_json(output)
    assert saved.keys() == DERIVED | module.TrainingBenchmark.__dataclass_fields__.keys()
    assert (saved["steps"], saved["warmup"], saved["threads"], saved["seed"]) == (12, 2, 1, 3)
    assert saved["kernels"] == saved["steps"] * 2 * 2, "two directions of two encoders"
    assert 0 < saved["kernel_share"] < 1.2
    assert 100 < saved["peak_memory_mib"] < 10_000
    assert n_words < saved["tokens_per_step"] <= 4 * n_words
    assert saved["tokens"] == pytest.approx(12 * saved["tokens_per_step"])
    assert saved["tokens"] == pytest.approx(saved["tokens_per_second"] * saved["training_seconds"])
    assert saved["ratio_to_ner"] == pytest.approx(
        saved["beside_ner_tokens_per_second"] / saved["ner_tokens_per_second"]
    )
    rows = shown_rows(capsys.readouterr().out)
    assert rows["training, tokens/s"] == f"{saved['tokens_per_second']:,.0f}"
    assert rows["share of the step, %"] == f"{100 * saved['kernel_share']:.1f}"
    assert rows["kernels per step"] == "4.0"
    assert rows["training / ner"] == f"{saved['ratio_to_ner']:.2f}"
    assert rows["seed"] == "3"


def test_trains_as_spacy_train_does(tmp_path, sample_docbins):
    """The weights are those that `spacy train` ends with."""
    steps = 5
    settings = {
        "training.optimizer.learn_rate.total_steps": steps - 1,
        "training.optimizer.use_averages": False,
    }
    train_samples(sample_docbins, tmp_path, settings)
    theirs = spacy.load(tmp_path / "model-last")
    overrides = {**TRAINING, **settings, "paths.train": str(sample_docbins / "train")}
    config = module.read_config(SAMPLE_CONFIG, overrides)
    ours, resolved, schedule = module.prepare(config, steps)
    start = weights(ours)
    module.time_steps(module.train(ours, resolved["optimizer"], schedule, resolved), steps)
    assert not same_weights(start, weights(ours))
    assert same_weights(weights(ours), weights(theirs))


@pytest.mark.parametrize(
    ("model", "characters_times", "words_times"),
    [
        ({}, 1, 1),
        ({"characters": "sentence"}, 1, 1),
        ({"share": "characters"}, 1, 2),
        # One encoder of words, over the characters of each head.
        ({"share": "words"}, 2, 2),
        ({"share": "none"}, 2, 2),
    ],
)
@pytest.mark.parametrize("text", [SHORT, f"{SHORT} {MIDDLE} {LONG}"])
def test_every_lstm_call_of_a_step_is_recorded(text, model, characters_times, words_times):
    nlp = make_pipeline(**model)
    example = make_example(nlp, text, {"genes": [(0, 1, "GENE")], "medicine": []})
    nlp.initialize(lambda: [example])
    network = nlp.get_pipe("bioner_mtl").network
    # Words are encoded in groups of similar length, of which only the last is not filled up: here
    # all fit into it.
    assert len(example.predicted) < WORDS
    expected = 2 * (characters_times + words_times)
    with module.record_kernels([network]) as kernels:
        nlp.update([example])
    assert len(kernels) == expected
    # As conftest.TINY has it: a table of words and two directions of characters, then the states.
    n_words = len(example.predicted)
    assert kernels.count((n_words, 1, 8 + 2 * 8, 12)) == 2 * words_times
    characters = [kernel for kernel in kernels if kernel[2:] == (6, 8)]
    assert len(characters) == 2 * characters_times
    if model.get("characters") != "sentence":
        longest = max(map(len, text.split()))
        width = min(length for length in LENGTHS if length >= longest)
        assert characters == [(width, WORDS, 6, 8)] * len(characters)
    nlp.update([example])
    assert len(kernels) == expected, "the hooks were not removed"


def test_bare_kernels_have_the_sizes_asked_for(monkeypatch):
    calls = []

    def gradient(states, inputs, gradient):
        calls.append((states.shape, inputs[0].shape, gradient.shape, len(inputs)))
        return original(states, inputs, gradient)

    original = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", gradient)
    assert module.time_kernels([(7, 3, 5, 4), (2, 6, 9, 8)], torch.device("cpu")) > 0
    # Backward to the input, two matrices and two biases.
    assert calls == [((7, 3, 4), (7, 3, 5), (7, 3, 4), 5), ((2, 6, 8), (2, 6, 9), (2, 6, 8), 5)]
    assert module.time_kernels([], torch.device("cpu")) == 0.0


def test_ner_is_spacys_own_and_learns_the_same_batches():
    nlp = make_pipeline()
    examples = make_examples(nlp)
    schedule = [(0, examples[:4]), (0, examples[4:]), (1, examples)]
    loop = module.train_ner(nlp, schedule)
    for _, batch in schedule:
        seen, info, _ = next(loop)
        assert [example.text for example in seen] == [example.text for example in batch]
    assert info["losses"].keys() == {"tok2vec", "ner"}
    assert info["losses"]["ner"] > 0
    assert not examples[0].reference.ents, "the documents of the other training were changed"


def test_spans_of_all_heads_become_entities():
    nlp = make_pipeline()
    heads = {
        "genes": [(0, 1, "GENE")],
        "medicine": [(0, 2, "Disease"), (4, 5, "Chemical")],
        "genes:unknown": [(3, 4, "-")],
    }
    example = make_example(nlp, "TKR2 deficiency and some aspirin", heads)
    changed = module.with_entities(example)
    found = [(ent.start, ent.end, ent.label_) for ent in changed.reference.ents]
    assert found == [(0, 2, "Disease"), (4, 5, "Chemical")]
    assert changed.predicted is example.predicted


def test_turns_alternate(monkeypatch, sample_docbins):
    """Training and what it is compared with follow each other, in blocks of the same steps."""
    turns = []

    def note(name):
        original = getattr(module, name)

        def noted(*arguments):
            turns.append((name, arguments[-1] if name == "time_steps" else None))
            return original(*arguments)

        monkeypatch.setattr(module, name, noted)

    note("time_steps")
    note("time_kernels")
    monkeypatch.setattr(module, "BLOCK", 2)
    overrides = {**TRAINING, "paths.train": str(sample_docbins / "train")}
    module.benchmark_training(SAMPLE_CONFIG, overrides, steps=5, warmup=3)
    names = [name for name, _ in turns]
    assert names == ["time_steps", *["time_steps", "time_kernels"] * 3, *["time_steps"] * 7]
    sizes = [size for name, size in turns if name == "time_steps"]
    assert sizes == [3, 2, 2, 1, 3, 2, 2, 2, 2, 1, 1]


def test_batches_are_drawn_over_epochs(tmp_path):
    path = save(tmp_path / "gold.spacy", GOLD)
    # One epoch has a single batch; the config's limit is no limit here.
    overrides = {"paths.train": str(path), "training.max_epochs": 1}
    _, _, schedule = module.prepare(module.read_config(SAMPLE_CONFIG, overrides), 30)
    assert len(schedule) == 30
    epochs = [epoch for epoch, _ in schedule]
    assert epochs[0] == 0 < epochs[-1]
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(epochs))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["training", "missing.cfg"], "missing.cfg: there is no such config"),
        (["training", ROOT / "LICENSE"], "LICENSE: cannot be trained"),
        (COMMAND, r"\[corpora.train\] has no path"),
        ([*COMMAND, "--paths.train", "nowhere"], "nowhere: neither a .spacy file nor a folder"),
        ([*COMMAND, "--step", "3"], "No such option '--step'"),
        ([*COMMAND, "--nosuch.section", "3"], "nosuch -> section not a section value"),
        ([*COMMAND, "--training.dropout", "high"], r"dropout .*number"),
        ([*MTL, "--paths.vectors", "nowhere"], "nowhere: no package of vectors"),
        ([*COMMAND, "--nlp.pipeline", '["abstract_sentences"]'], "no component 'bioner_mtl'"),
        ([*COMMAND, "--training.frozen_components", '["bioner_mtl"]'], "no component 'bioner_mtl'"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, arguments, message, capsys):
    monkeypatch.chdir(tmp_path)
    if "--paths.train" not in arguments and len(arguments) > 2:
        arguments = [*arguments, "--paths.train", save(tmp_path / "gold.spacy", GOLD)]
    assert run(*arguments, "--output", "speed.json") == 1
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert error.count("\n") == 1
    assert not (tmp_path / "speed.json").exists()


def test_measured_documents_must_be_annotated(tmp_path):
    gold = [*GOLD[:1], *[(f"Nobody looked at sentence {number} .", {}) for number in range(40)]]
    overrides = {"paths.train": str(save(tmp_path / "gold.spacy", gold)), **TRAINING}
    overrides["training.batcher.size"] = 6
    with pytest.raises(InputError, match="no document of the measured steps is annotated"):
        module.benchmark_training(SAMPLE_CONFIG, overrides, steps=1)


def test_documents_without_any_mention(tmp_path):
    gold = [(words, {"genes": []}) for words, _ in GOLD]
    overrides = {"paths.train": str(save(tmp_path / "gold.spacy", gold)), **TRAINING}
    benchmark = module.benchmark_training(SAMPLE_CONFIG, overrides, steps=1)
    assert benchmark.tokens == sum(len(words.split()) for words, _ in gold)
