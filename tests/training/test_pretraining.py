"""Encoders pretrained on plain text: what is read and predicted, and where training takes it up."""

import random

import numpy as np
import pytest
import spacy
import torch
from conftest import SAMPLE_CONFIG, make_examples, make_pipeline, set_vectors, weights
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.nn.language_model import NO_CLASS, LanguageModel
from spacy_bioner_mtl.nn.network import Architecture, Network
from spacy_bioner_mtl.nn.tagset import Head
from spacy_bioner_mtl.nn.transfer import start_encoders
from spacy_bioner_mtl.nn.vocabulary import Vocabulary
from spacy_bioner_mtl.training import pretraining
from spacy_bioner_mtl.training.pretraining import pretrain
from spacy_bioner_mtl.training.pretraining_text import (
    LONGEST_SENTENCE,
    Batches,
    WordTable,
    read_text,
)

#: The smallest encoders, of the sample config.
SMALL = [
    "--components.bioner_mtl.model.character_width=8",
    "--components.bioner_mtl.model.character_hidden_width=8",
    "--components.bioner_mtl.model.table_width=8",
    "--components.bioner_mtl.model.hidden_width=16",
]


def sentences(number, seed=0):
    """Text in which each word tells the next: a subject, what it does, and to what."""
    draw = random.Random(seed)
    rules = {"cats": "eat fish .", "cows": "eat grass .", "kinases": "bind ATP ."}
    subjects = draw.choices(sorted(rules), k=number)
    return [f"{subject} {rules[subject]}" for subject in subjects]


def initialized(**model):
    nlp = make_pipeline(**model)
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


def make_docs(nlp, lines):
    return [Doc(nlp.vocab, words=line.split()) for line in lines]


def learn(nlp, lines, passes=1.0, batch_size=100, seed=0):
    pipe = nlp.get_pipe("bioner_mtl")
    docs = make_docs(nlp, lines)
    return pretrain(pipe, docs, passes=passes, batch_size=batch_size, seed=seed)


def run(*arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["pretrain", *map(str, arguments)])
    return exit_info.value.code or 0


def strings(text, vocab):
    words = [vocab.strings[key] for key in text.keys[text.tokens].tolist()]
    ends = np.cumsum(text.lengths)
    return [words[end - length : end] for end, length in zip(ends, text.lengths, strict=True)]


def test_text_is_the_sentences_without_white_space_and_single_words():
    vocab = spacy.blank("en").vocab
    first = Doc(vocab, words=["A", "\n", "b", "c", "D", "e"], sent_starts=[1, 0, 0, 0, 1, 0])
    long = [f"w{number % 7}" for number in range(2 * LONGEST_SENTENCE + 1)]
    docs = [first, Doc(vocab, words=["alone"]), Doc(vocab), Doc(vocab, words=long)]
    text = read_text(docs)
    assert strings(text, vocab) == [
        ["A", "b", "c"],
        ["D", "e"],
        long[:LONGEST_SENTENCE],
        long[LONGEST_SENTENCE:-1],
    ]
    assert len(set(text.keys.tolist())) == len(text.keys)


def test_no_text_is_no_sentences():
    text = read_text([])
    assert len(text.keys) == len(text.tokens) == len(text.lengths) == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_pass_has_every_sentence_once_and_none_held_out(seed):
    draw = np.random.default_rng(seed)
    vocab = spacy.blank("en").vocab
    docs = [
        Doc(vocab, words=[str(word) for word in draw.integers(9, size=draw.integers(2, 40))])
        for _ in range(200)
    ]
    text = read_text(docs)
    batches = Batches(text, 100, seed)
    held_out = np.concatenate(batches.held_out).tolist()
    seen, tokens = [], 0
    for chosen in batches:
        words, lengths = batches.load(chosen)
        assert words.size <= 100
        for column, length, sentence in zip(words.T, lengths, chosen.tolist(), strict=True):
            known = strings(text, vocab)[sentence]
            assert [vocab.strings[text.keys[word]] for word in column[:length]] == known
        seen += chosen.tolist()
        tokens += int(lengths.sum())
        if len(seen) == len(text.lengths) - len(held_out):
            break
    assert sorted(seen + held_out) == list(range(len(text.lengths)))
    assert tokens == batches.tokens


def test_each_direction_predicts_the_next_word_on_its_way():
    """The loss of a padded batch is that of each sentence by itself, token by token."""
    nlp = initialized()
    pipe = nlp.get_pipe("bioner_mtl")
    lines = ["cats eat fish and grass .", "cows eat .", "kinases bind ATP ."]
    text = read_text(make_docs(nlp, lines))
    table = WordTable(pipe.model, pipe.network, nlp.vocab, text)
    torch.manual_seed(1)
    model = LanguageModel(
        pipe.network.character_encoders[0], pipe.network.word_encoders[0], table.n_classes
    )
    rows, ends = text.tokens.astype(np.int64), np.cumsum(text.lengths)
    alone = [rows[end - length : end] for end, length in zip(ends, text.lengths, strict=True)]
    wanted = [[], []]
    for tokens in alone:
        batch, classes = table.look_up(
            torch.as_tensor(tokens)[:, None], torch.tensor([len(tokens)])
        )
        features = model.characters(batch, 0.0)
        forward, backward = model.words(batch, [features], 0.0)[:, 0].chunk(2, dim=1)
        classes = classes[:, 0]
        ahead = model.softmax.log_prob(forward[:-1]).gather(1, classes[1:, None])
        behind = model.softmax.log_prob(backward[1:]).gather(1, classes[:-1, None])
        wanted[0] += (-ahead).flatten().tolist()
        wanted[1] += (-behind).flatten().tolist()
    longest = max(map(len, alone))
    padded = torch.stack(
        [torch.as_tensor(np.pad(each, (0, longest - len(each)), mode="edge")) for each in alone],
        dim=1,
    )
    batch, classes = table.look_up(padded, torch.as_tensor(text.lengths))
    assert (classes == NO_CLASS).sum() == sum(longest - len(each) for each in alone)
    losses = model(batch, classes, 0.0)
    assert losses.tolist() == pytest.approx([np.mean(each) for each in wanted], abs=1e-5)


def test_frequent_words_come_first_whatever_their_case():
    nlp = initialized()
    pipe = nlp.get_pipe("bioner_mtl")
    text = read_text(make_docs(nlp, ["Cats see cats", "CATS see fish"]))
    table = WordTable(pipe.model, pipe.network, nlp.vocab, text)
    assert table.n_classes == 3
    words = [nlp.vocab.strings[key] for key in text.keys.tolist()]
    _, classes = table.look_up(torch.arange(len(words))[:, None], torch.tensor([len(words)]))
    of = dict(zip(words, classes[:, 0].tolist(), strict=True))
    assert of["Cats"] == of["cats"] == of["CATS"] == 0
    assert (of["see"], of["fish"]) == (1, 2)


def test_it_learns_what_follows_and_leaves_heads_alone():
    nlp = initialized()
    before = weights(nlp)
    result = learn(nlp, sentences(600), passes=60.0, batch_size=400)
    assert result.complete
    # All that follows a subject is certain. From behind, one word of three is one of three.
    assert result.losses[0] < 0.3
    assert np.log(3) / 3 - 0.1 < result.losses[1] < np.log(3) / 3 + 0.2
    assert result.words == 9
    after = weights(nlp)
    changed = {name for name in after if not before[name].equal(after[name])}
    assert changed
    assert not any(name.startswith("head_layers") for name in changed)
    assert {name.split(".")[0] for name in changed} == {"character_encoders", "word_encoders"}


def test_a_seed_gives_the_same_weights():
    runs = []
    for seed in (1, 1, 2):
        nlp = initialized()
        learn(nlp, sentences(60), seed=seed)
        runs.append(weights(nlp))
    assert all(runs[0][name].equal(runs[1][name]) for name in runs[0])
    assert not all(runs[0][name].equal(runs[2][name]) for name in runs[0])


def test_static_vectors_are_part_of_the_input():
    tok2vec = {"@architectures": "spacy_bioner_mtl.WordVectors.v1"}
    nlp = make_pipeline(tok2vec=tok2vec)
    set_vectors(nlp.vocab, ["cats", "fish"])
    nlp.initialize(lambda: make_examples(nlp))
    pipe = nlp.get_pipe("bioner_mtl")
    text = read_text(make_docs(nlp, sentences(40)))
    table = WordTable(pipe.model, pipe.network, nlp.vocab, text)
    batch, _ = table.look_up(torch.as_tensor(text.tokens[:4])[:, None].long(), torch.tensor([4]))
    known = (batch.word_vectors != 0).any(dim=1).sum()
    assert known == len({"cats", "fish"} & set(strings(text, nlp.vocab)[0]))
    assert learn(nlp, sentences(60)).complete


def test_ctrl_c_keeps_what_was_learned(monkeypatch):
    nlp = initialized()
    before = weights(nlp)
    steps = []

    def interrupt(self, tokens, lengths, rate):
        steps.append(rate)
        if len(steps) == 5:
            raise KeyboardInterrupt
        return loss(self, tokens, lengths, rate)

    loss = pretraining._Trainer._loss
    monkeypatch.setattr(pretraining._Trainer, "_loss", interrupt)
    result = learn(nlp, sentences(300))
    assert not result.complete
    assert 0 < result.tokens < 1200
    after = weights(nlp)
    assert not all(before[name].equal(after[name]) for name in before)


@pytest.mark.parametrize(
    ("model", "message"),
    [({"share": "words"}, "share"), ({"characters": "sentence"}, "share"), ({}, "too little text")],
)
def test_what_cannot_be_pretrained_is_refused(model, message):
    nlp = initialized(**model)
    with pytest.raises(InputError, match=message):
        learn(nlp, sentences(3))


@pytest.fixture(scope="module")
def text_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(sentences(200)) + "\n\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def pretrained(sample_docbins, text_file, tmp_path_factory):
    """A pipeline that the command has made, and the options it was made with."""
    out = tmp_path_factory.mktemp("pretrained") / "pipeline"
    paths = [f"--paths.{name}={sample_docbins / name}" for name in ("train", "dev")]
    assert run(SAMPLE_CONFIG, out, "--text", text_file, *paths, *SMALL) == 0
    return out, [*paths, *SMALL]


def load_with(options, encoders):
    """Initialize the sample config as `spacy train` does."""
    settings = dict(option.removeprefix("--").split("=", 1) for option in options)
    settings = {key: int(value) if value.isdigit() else value for key, value in settings.items()}
    config = spacy.util.load_config(SAMPLE_CONFIG, overrides=settings)
    config["paths"]["encoders"] = None if encoders is None else str(encoders)
    return init_nlp(config)


def test_training_starts_from_the_encoders_that_the_command_made(pretrained):
    out, options = pretrained
    nlp, plain = load_with(options, out), load_with(options, None)
    source, start, other = (weights(each) for each in (spacy.load(out), nlp, plain))
    encoders = [name for name in source if name.startswith(("character_enc", "word_enc"))]
    assert encoders
    assert all(source[name].equal(start[name]) for name in encoders)
    assert not all(other[name].equal(start[name]) for name in encoders)
    assert "heads have learned nothing" in spacy.load(out).meta["description"]


@pytest.mark.parametrize("share", ["both", "none"])
def test_rows_go_by_word_and_character(share):
    """What the other network does not know keeps its random row."""
    shape = Architecture("word", 4, 6, 5, 0.0, 8, "small", share, False)
    heads = [Head("a", ("A",)), Head("b", ("B",))]
    torch.manual_seed(0)
    source = Network(shape, heads, Vocabulary(("b", "c", "d"), ("x", "y"), True), 0)
    network = Network(shape, heads, Vocabulary(("a", "b", "c"), ("y", "z"), True), 0)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    assert start_encoders(network, source) == 2
    for index in range(len(network.word_encoders)):
        for kind, ours, theirs in (
            ("word", [None, None, "a", "b", "c"], {"b": 2, "c": 3}),
            ("character", [None, None, "y", "z"], {"y": 3}),
        ):
            name = f"{kind}_encoders.{index}.table.weight"
            table = getattr(source, f"{kind}_encoders")[0].table.weight
            for row, key in enumerate(ours):
                wanted = before[name][row] if key in ("a", "z") else table[theirs.get(key, row)]
                assert network.state_dict()[name][row].equal(wanted), (name, row)
        own, first = network.word_encoders[index].lstm, source.word_encoders[0].lstm
        assert all(map(torch.equal, own.state_dict().values(), first.state_dict().values()))


def test_encoders_of_another_size_or_with_other_vectors_are_refused(pretrained, tmp_path):
    out, options = pretrained
    wide = [*options, "--components.bioner_mtl.model.hidden_width=18"]
    with pytest.raises(InputError, match="do not fit"):
        load_with(wide, out)
    tok2vec = {"@architectures": "spacy_bioner_mtl.WordVectors.v1"}
    nlp = make_pipeline(tok2vec=tok2vec)
    set_vectors(nlp.vocab, ["cats"])
    nlp.initialize(lambda: make_examples(nlp))
    nlp.to_disk(tmp_path / "other")
    with pytest.raises(InputError, match="other vectors"):
        load_with(options, tmp_path / "other")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_with(options, tmp_path / "nothing")


def test_what_is_there_is_not_replaced_unasked(pretrained, text_file, tmp_path, capsys):
    out, options = pretrained
    assert run(SAMPLE_CONFIG, out, "--text", text_file, *options) == 1
    assert "--force" in capsys.readouterr().err
    (tmp_path / "mine.txt").write_text("mine")
    assert run(SAMPLE_CONFIG, tmp_path, "--text", text_file, "--force", *options) == 1
    assert "no pipeline" in capsys.readouterr().err
    assert run(SAMPLE_CONFIG, tmp_path / "new", *options) == 1
    assert "nothing to learn from" in capsys.readouterr().err
    assert run(SAMPLE_CONFIG, tmp_path / "new", "--text", tmp_path / "no.txt", *options) == 1
    assert "no.txt" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_corpora_are_text_too(pretrained, sample_docbins, tmp_path, capsys):
    _, options = pretrained
    arguments = [SAMPLE_CONFIG, tmp_path / "new", "--corpus", sample_docbins / "train", *options]
    assert run(*arguments, "--epochs", 0.5) == 0
    assert "tokens read" in capsys.readouterr().out
    assert (tmp_path / "new" / "config.cfg").is_file()
