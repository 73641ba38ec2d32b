"""What heads share, how networks grow, and that gradients are the derivatives of the loss."""

from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from conftest import GOLD, make_examples, make_pipeline, same_weights, train, weights
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from thinc.api import Adam, set_dropout_rate

from benchmarks.training import record_kernels
from spacy_bioner_mtl.models.sequences import split_sequences
from spacy_bioner_mtl.models.types import Query
from spacy_bioner_mtl.nn.batch import TokenBatch
from spacy_bioner_mtl.nn.encoder import WORDS, CharacterEncoder, WordEncoder
from spacy_bioner_mtl.nn.network import HeadLayer
from spacy_bioner_mtl.nn.padding import CALL, STEP, group_by_length
from spacy_bioner_mtl.nn.vocabulary import LENGTHS, PADDING, UNSEEN, FeatureExtractor, Vocabulary
from spacy_bioner_mtl.nn.word_store import WordStore
from spacy_bioner_mtl.pipeline.loss import gold_targets, likelihood

SHARES = ["none", "characters", "words", "both"]
CRFS = ["small", "large"]


def initialized(gold=GOLD, **model):
    nlp = make_pipeline(**model)
    examples = make_examples(nlp, gold)
    nlp.initialize(lambda: examples)
    return nlp, examples


@pytest.mark.parametrize("share", SHARES)
def test_shared_parts_exist_once(share):
    nlp, _ = initialized(share=share)
    network = nlp.get_pipe("bioner_mtl").network
    assert len(network.character_encoders) == (1 if share in ("characters", "both") else 2)
    assert len(network.word_encoders) == (1 if share in ("words", "both") else 2)
    assert len(network.head_layers) == 2


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("crf", CRFS)
def test_training_one_head_moves_only_what_it_owns_and_shares(share, crf):
    nlp, examples = initialized(share=share, crf=crf)
    names = [head.name for head in nlp.get_pipe("bioner_mtl").heads]
    trained, idle = names.index("genes"), names.index("medicine")
    before = weights(nlp)
    only_genes = [eg for eg in examples if list(eg.reference.spans) == ["genes"]]
    optimizer = Adam(0.01, L2=0.1, L2_is_weight_decay=True)
    for _ in range(3):
        nlp.update(only_genes, sgd=optimizer, drop=0.2)
    after = weights(nlp)
    changed = {key for key in before if not before[key].equal(after[key])}
    own = {
        "head_layers": True,
        "character_encoders": share not in ("characters", "both"),
        "word_encoders": share not in ("words", "both"),
    }
    for part, is_own in own.items():
        mine = f"{part}.{trained if is_own else 0}."
        assert any(key.startswith(mine) for key in changed), f"{part} learned nothing"
        if is_own:
            assert not any(key.startswith(f"{part}.{idle}.") for key in changed)


@pytest.mark.parametrize("share", ["none", "both"])
def test_idle_head_stays_bit_identical_after_momentum_and_decay(share):
    nlp, examples = initialized(share=share)
    names = [head.name for head in nlp.get_pipe("bioner_mtl").heads]
    idle = f".{names.index('medicine')}."
    optimizer = Adam(0.01, L2=0.05, L2_is_weight_decay=False, use_averages=True)
    for _ in range(2):
        nlp.update(examples, sgd=optimizer)  # both heads now have momentum
    before = weights(nlp)
    only_genes = [eg for eg in examples if list(eg.reference.spans) == ["genes"]]
    for _ in range(50):
        nlp.update(only_genes, sgd=optimizer, drop=0.3)
    after = weights(nlp)
    heads = [key for key in before if key.startswith(f"head_layers{idle}")]
    assert heads
    if share == "none":
        heads = [key for key in before if key.split(".")[1] == idle.strip(".")]
        assert any(key.startswith("word_encoders") for key in heads)
    for key in heads:
        assert before[key].equal(after[key]), key


def loss_of(nlp, query, targets):
    model = nlp.get_pipe("bioner_mtl").model
    answers, backprop = model.begin_update(query)
    loss, gradients = likelihood(answers[0].lattice, targets)
    return loss, lambda: backprop(gradients)


def query_of(nlp, examples):
    pipe = nlp.get_pipe("bioner_mtl")
    docs = [example.predicted for example in examples]
    sequences = split_sequences(docs)
    targets = gold_targets(examples, pipe.network.heads, sequences)
    return Query(docs, sequences, targets.pairs), targets


def numeric_gradient(values, index, loss, epsilon):
    flat = values.reshape(-1)
    kept = float(flat[index])
    flat[index] = kept + epsilon
    above = loss()
    flat[index] = kept - epsilon
    below = loss()
    flat[index] = kept
    return (above - below) / (2 * epsilon)


@pytest.mark.parametrize("crf", CRFS)
@pytest.mark.parametrize(
    ("share", "characters"), [(share, "word") for share in SHARES] + [("both", "sentence")]
)
def test_backprop_gives_the_derivative_of_the_loss(crf, share, characters):
    nlp, examples = initialized(GOLD[1:6:2], crf=crf, share=share, characters=characters)
    pipe = nlp.get_pipe("bioner_mtl")
    # float64 makes finite differences exact enough to be held against, weight by weight.
    pipe.network.double()
    unknown = examples[0].reference
    unknown.spans["genes:unknown"] = [unknown[4:6]]
    unknown.spans["genes:rejected"] = [Span(unknown, 4, 5, label="GENE")]
    query, targets = query_of(nlp, examples)
    assert len(targets.rejected) == 1
    set_dropout_rate(pipe.model, 0.0)
    _, backprop = loss_of(nlp, query, targets)
    backprop()
    for name, parameter in pipe.network.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        index = int(gradient.abs().argmax())
        numeric = numeric_gradient(
            parameter.data, index, lambda: loss_of(nlp, query, targets)[0], 2e-3
        )
        exact = float(gradient.reshape(-1)[index])
        # The lattice itself is float32: some 1e-6 of the loss, over twice epsilon.
        assert exact == pytest.approx(numeric, rel=2e-2, abs=1.5e-3), name


def gradients_of(nlp, query, chosen, gradients):
    """Potentials of the chosen pairs, and what their gradients come to in the network."""
    network = nlp.get_pipe("bioner_mtl").network
    network.zero_grad(set_to_none=True)
    answers, backprop = nlp.get_pipe("bioner_mtl").model.begin_update(query)
    lattice = answers[0].lattice
    potentials = [lattice.emissions[:, chosen], lattice.transitions[..., chosen, :, :]]
    if gradients is None:
        gradients = [torch.randn_like(values) for values in potentials]
    padded = [torch.zeros_like(lattice.emissions), torch.zeros_like(lattice.transitions)]
    padded[0][:, chosen], padded[1][..., chosen, :, :] = gradients
    backprop(tuple(padded))
    slopes = {name: parameter.grad for name, parameter in network.named_parameters()}
    return potentials, gradients, slopes


@pytest.mark.parametrize("characters", ["word", "sentence"])
@pytest.mark.parametrize("crf", CRFS)
@pytest.mark.parametrize("share", SHARES)
def test_what_other_heads_are_asked_changes_nothing(share, crf, characters):
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 8}
    tok2vec |= {"depth": 1, "embed_size": 50, "window_size": 1, "maxout_pieces": 2}
    tok2vec |= {"subword_features": False}
    nlp, examples = initialized(share=share, crf=crf, characters=characters, tok2vec=tok2vec)
    set_dropout_rate(nlp.get_pipe("bioner_mtl").model, 0.0)
    query, _ = query_of(nlp, examples)
    asked = [set(query.pairs[query.pairs[:, 1] == head, 0].tolist()) for head in (0, 1)]
    assert all(0 < len(sequences) < len(GOLD) for sequences in asked)
    everything = np.array([(s, h) for s in range(len(query.sequences)) for h in (0, 1)])
    full = Query(query.docs, query.sequences, everything)
    chosen = [everything.tolist().index(pair) for pair in query.pairs.tolist()]
    mine, gradients, slopes = gradients_of(nlp, query, list(range(len(chosen))), None)
    whole, _, all_slopes = gradients_of(nlp, full, chosen, gradients)
    torch.testing.assert_close(mine, whole)
    for name, slope in slopes.items():
        torch.testing.assert_close(slope, all_slopes[name], msg=lambda text, n=name: f"{n} {text}")


@pytest.mark.parametrize("characters", ["word", "sentence"])
@pytest.mark.parametrize("share", SHARES)
def test_encoders_read_what_their_heads_are_asked_about(share, characters):
    nlp, examples = initialized(share=share, characters=characters)
    network = nlp.get_pipe("bioner_mtl").network
    query, _ = query_of(nlp, examples)
    read: dict = {"character_encoders": [], "word_encoders": []}
    for part, seen in read.items():
        for encoder in getattr(network, part):
            encoder.register_forward_pre_hook(
                lambda _, inputs, seen=seen: seen.append(len(inputs[0].lengths))
            )
    nlp.get_pipe("bioner_mtl").model.begin_update(query)
    own = np.bincount(query.pairs[:, 1]).tolist()
    whole = [len(GOLD)]
    assert read["character_encoders"] == (whole if share in ("characters", "both") else own)
    assert read["word_encoders"] == (whole if share == "both" else own)


@pytest.mark.parametrize("crf", CRFS)
def test_gradient_reaches_a_tok2vec_layer(crf):
    tok2vec = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 8,
        "depth": 1,
        "embed_size": 50,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": False,
    }
    nlp, examples = initialized(crf=crf, tok2vec=tok2vec)
    query, targets = query_of(nlp, examples)
    set_dropout_rate(nlp.get_pipe("bioner_mtl").model, 0.0)
    _, backprop = loss_of(nlp, query, targets)
    backprop()
    checked = 0
    for node in nlp.get_pipe("bioner_mtl").model.layers[0].walk():
        for name in node.param_names:
            if not node.has_grad(name):
                continue
            gradient = node.get_grad(name)
            index = int(np.abs(gradient).argmax())
            exact = float(gradient.reshape(-1)[index])
            if abs(exact) < 1e-3:
                continue
            numeric = numeric_gradient(
                node.get_param(name), index, lambda: loss_of(nlp, query, targets)[0], 2e-3
            )
            assert exact == pytest.approx(numeric, rel=0.1, abs=2e-3), (node.name, name)
            checked += 1
    assert checked >= 3


@pytest.mark.parametrize("crf", CRFS)
def test_a_grown_head_scores_old_tags_as_before(crf):
    torch.manual_seed(0)
    head = HeadLayer(5, 6, crf)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    grown = head.grow(13)
    states = torch.randn(7, 6)
    old, new = head.output(states), grown.output(states)
    if crf == "large":
        # The last row of a block scores the first tag of a sequence, whatever the block's size.
        old, new = old.view(7, 6, 5), new.view(7, 14, 13)[..., :5]
        new = torch.cat([new[:, :5], new[:, -1:]], dim=1)
    else:
        new = new[:, :5]
        assert grown.transitions[:5, :5].equal(head.transitions)
        assert grown.start[:5].equal(head.start) and grown.end[:5].equal(head.end)
    torch.testing.assert_close(new, old)


@pytest.mark.parametrize("crf", CRFS)
def test_growing_keeps_the_emissions_of_old_tags(crf):
    nlp, examples = initialized(crf=crf)
    train(nlp, examples, 5)
    pipe = nlp.get_pipe("bioner_mtl")
    docs = [Doc(nlp.vocab, words=GOLD[1][0].split()), Doc(nlp.vocab, words=["BRAC4"])]
    index = [head.name for head in pipe.heads].index("genes")
    query = Query(docs, split_sequences(docs), np.array([[0, index], [1, index]]))
    n_tags = pipe.heads[index].n_tags
    (before,) = pipe.model.predict(query)
    assert pipe.add_label("Isoform", head="genes") == 1
    (after,) = pipe.model.predict(query)
    assert after.lattice.emissions.shape[2] == n_tags + 4
    torch.testing.assert_close(after.lattice.emissions[..., :n_tags], before.lattice.emissions)
    torch.testing.assert_close(
        after.lattice.transitions[..., :n_tags, :n_tags], before.lattice.transitions
    )


@pytest.mark.parametrize("share", SHARES)
def test_a_new_head_leaves_the_others_alone_and_learns(share):
    nlp, examples = initialized(share=share)
    before = weights(nlp)
    pipe = nlp.get_pipe("bioner_mtl")
    assert pipe.add_head("species", ["Species"]) == 1
    after = weights(nlp)
    assert same_weights(before, {key: after[key] for key in before})
    for example in examples:
        example.reference.spans["species"] = []
    doc = examples[3].reference
    doc.spans["species"] = [doc.char_span(0, 4, label="Species")]
    train(nlp, examples, 60)
    predicted = nlp(GOLD[3][0])
    assert [span.text for span in predicted.spans["species"]] == ["Mice"]


@pytest.mark.parametrize("crf", CRFS)
def test_a_head_without_labels_finds_nothing_and_trains(crf):
    gold = [*GOLD, ("Empty heads are legal .", {"nothing": []})]
    nlp, examples = initialized(gold, crf=crf)
    losses = train(nlp, examples, 3)
    assert np.isfinite(losses["bioner_mtl"])
    assert nlp("BRAC4 is legal .").spans["nothing"].attrs["scores"] == []


def time_of_groups(groups):
    return sum(CALL + max(each) * (STEP + len(each)) for each in groups)


@given(lengths=st.lists(st.integers(1, 150), min_size=1, max_size=9))
def test_no_other_groups_take_less_time(lengths):
    groups = group_by_length(torch.tensor(lengths))
    assert sorted(torch.cat(groups).tolist()) == list(range(len(lengths)))
    ordered = sorted(lengths)
    least = min(
        time_of_groups([ordered[i:j] for i, j in pairwise([0, *cuts, len(lengths)])])
        for n_cuts in range(len(lengths))
        for cuts in combinations(range(1, len(lengths)), n_cuts)
    )
    own = [[lengths[index] for index in group.tolist()] for group in groups]
    assert time_of_groups(own) == pytest.approx(least)


def test_groups_do_not_change_states():
    lengths = torch.tensor([3, 40, 1, 12, 38, 7])
    assert len(group_by_length(lengths)) > 1
    encoder = WordEncoder(2, 0, 5, 4, word_dropout=0.0, variational=True)
    values = torch.randn(40, 6, 5)
    batch = TokenBatch(lengths, *[torch.zeros(0)] * 4, None, None, torch.zeros(0))
    together = encoder(batch, [values], 0.0)
    for column, length in enumerate(lengths.tolist()):
        alone = TokenBatch(lengths[column : column + 1], *[torch.zeros(0)] * 4, None, None, values)
        states = encoder(alone, [values[:length, column : column + 1]], 0.0)
        torch.testing.assert_close(together[:length, column], states[:, 0])


@pytest.mark.parametrize("word_dropout", [0.0, 0.5, 1.0])
def test_dropped_words_count_as_unseen_in_training(word_dropout):
    nlp, examples = initialized(word_dropout=word_dropout)
    before = weights(nlp)["word_encoders.0.table.weight"]
    train(nlp, examples, 1, drop=0.1)
    after = weights(nlp)["word_encoders.0.table.weight"]
    moved = (before != after).any(dim=1)
    known = moved[UNSEEN + 1 :].float().mean()
    assert bool(moved[UNSEEN]) == (word_dropout > 0), "no word of this gold is rare"
    assert known == 1 - word_dropout if word_dropout != 0.5 else 0.2 < known < 0.8


def test_no_word_is_dropped_in_prediction():
    predictions = []
    for word_dropout in (0.0, 1.0):
        nlp, examples = initialized(word_dropout=word_dropout)
        pipe = nlp.get_pipe("bioner_mtl")
        query, _ = query_of(nlp, examples)
        predictions.append(pipe.model.predict(query)[0].lattice.emissions)
    assert predictions[0].equal(predictions[1])


@given(st.lists(st.text("abcde", min_size=1, max_size=60), min_size=1, max_size=70, unique=True))
@settings(deadline=None, max_examples=40)
def test_words_are_encoded_in_groups_as_each_by_itself(words):
    """However they are grouped and padded; and in few shapes, each of which costs a kernel."""
    torch.manual_seed(0)
    encoder = CharacterEncoder(9, 3, 4, variational=True)
    vocabulary = Vocabulary((), ("a", "b", "c", "d", "e"), caseless=True)
    extractor = FeatureExtractor(vocabulary, WordStore())
    strings = dict(enumerate(words))
    integers = extractor.words(np.arange(len(words), dtype=np.uint64), strings)
    with record_kernels([encoder]) as kernels:
        together = encoder.encode_words(
            torch.as_tensor(integers.characters), torch.as_tensor(integers.n_characters), 0.0
        )
    for length, n_words, *_ in kernels:
        assert length in LENGTHS and n_words % WORDS == 0
    for row, index in zip(together, integers.order.tolist(), strict=True):
        spelt = extractor.words(np.array([index], dtype=np.uint64), strings).characters[:, 0]
        values = encoder.table(torch.as_tensor(spelt[spelt != PADDING]))[:, None]
        forward, backward = encoder.lstm.directions
        alone = torch.cat([forward(values)[0][-1, 0], backward(values.flip(0))[0][-1, 0]])
        torch.testing.assert_close(row, alone, atol=1e-5, rtol=1e-4)
