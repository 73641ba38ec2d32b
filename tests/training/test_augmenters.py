"""Examples with names that nobody has seen."""

import random

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_bioner_mtl.pipeline.spans import REJECTED_SUFFIX, UNKNOWN_SUFFIX
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer
from spacy_bioner_mtl.training.augmenters import configure_invented_names
from spacy_bioner_mtl.training.sentence_corpus import configure_sentence_corpus


@pytest.fixture
def nlp():
    random.seed(0)
    nlp = spacy.blank("en")
    nlp.tokenizer = BioTokenizer(nlp.vocab)
    return nlp


def example(nlp, text, *mentions, words=False):
    """An example whose mentions, texts and labels, are those of a head of their label's name."""
    doc = nlp(text)
    if words:
        doc = Doc(nlp.vocab, words=text.split())
    for _, label in mentions:
        doc.spans[label] = []
    for said, label in mentions:
        wanted = said.split()
        doc.spans[label] = [
            *doc.spans[label],
            *(
                Span(doc, i, i + len(wanted), label=label)
                for i in range(len(doc))
                if [token.text for token in doc[i : i + len(wanted)]] == wanted
            ),
        ]
    return Example(doc.copy(), doc)


def spans(doc):
    return {key: [(s.start, s.end, s.label_) for s in group] for key, group in doc.spans.items()}


def augment(nlp, *examples, level=1.0):
    """What an augmenter adds to each example, or None; the example itself comes first, as it is."""
    augmenter = configure_invented_names(level)
    added = []
    for each in examples:
        itself, *new = augmenter(nlp, each)
        assert itself is each and len(new) < 2
        added.append(new[0] if new else None)
    return added


def is_cross(new, first, *others):
    return any(
        new == first[:i] + other[-j:]
        for other in others
        for i in range(2, len(first))
        for j in range(2, len(other))
    )


def test_a_name_begins_as_it_did_and_ends_as_another_of_its_label(nlp):
    drugs = ["haloperidol", "ribavirin", "morphine", "baricitinib"]
    texts = [example(nlp, f"We gave {drug} twice.", (drug, "Chemical")) for drug in drugs * 20]
    species = example(nlp, "In zebrafish, all is well.", ("zebrafish", "Species"))
    first, *augmented, other = augment(nlp, *texts, species)
    assert (first, other) == (None, None)
    new = [one.reference[2].text for one in augmented]
    for word, drug in zip(new, (drugs * 20)[1:], strict=True):
        assert is_cross(word, drug, *(each for each in drugs if each != drug))
    assert len(set(new)) > 40
    assert all(spans(one.reference) == {"Chemical": [(2, 3, "Chemical")]} for one in augmented)


def test_a_name_has_the_same_new_words_in_all_of_the_example(nlp):
    text = "Aspirin (aspirin, ASA) and aspirin asthma: aspirin."
    one = example(nlp, text, ("aspirin", "Chemical"), ("aspirin asthma", "Disease"))
    teach = example(nlp, "morphine", ("morphine", "Chemical"))
    new = augment(nlp, teach, one)[1]
    words = [token.text for token in new.reference]
    old = [token.text for token in one.reference]
    replaced = {after for before, after in zip(old, words, strict=True) if before == "aspirin"}
    assert len(replaced) == 1
    assert replaced != {"aspirin"}
    # It is named in lower case alone: "Aspirin" is another word.
    assert [w for b, w in zip(old, words, strict=True) if b != "aspirin"] == [
        b for b in old if b != "aspirin"
    ]
    assert spans(new.reference) == spans(one.reference)
    assert [t.text for t in new.predicted] == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TNF and IL6 rise", "TNF"),
        ("We saw SARS-CoV-2 there", "SARS-CoV-2"),
        ("We saw breast cancer there", "breast cancer"),
        ("We saw acute myeloid leukaemia there", "acute myeloid leukaemia"),
        ("Severe asthma was seen", "Severe asthma"),
    ],
)
def test_other_mentions_are_left(nlp, text, said):
    others = ["aspirin", "Aspirin", "Wilson disease"]
    teach = [example(nlp, f"We met {name}", (name, "X")) for name in others]
    one = example(nlp, text, (said, "X"))
    assert augment(nlp, *teach, one)[-1] is None


def test_binomials_are_put_together_word_by_word(nlp):
    names = ["Escherichia coliform", "Listeria monocytogenes", "Leishmania donovani"]
    texts = [example(nlp, f"In {name} too", (name, "Species")) for name in names * 10]
    for name, new in zip((names * 10)[1:], augment(nlp, *texts)[1:], strict=True):
        genus, species = (token.text for token in new.reference[1:3])
        assert is_cross(genus, name.split()[0], *(other.split()[0] for other in names))
        assert is_cross(species, name.split()[1], *(other.split()[1] for other in names))


def test_all_groups_stay_and_so_does_unknown_spacing(nlp):
    teach = example(nlp, "morphine", ("morphine", "Chemical"))
    one = example(nlp, "We gave aspirin , too", ("aspirin", "Chemical"), words=True)
    one.reference.spans["Gene"] = []
    unknown = [Span(one.reference, 4, 5, label="-")]
    one.reference.spans["Chemical" + UNKNOWN_SUFFIX] = unknown
    new = augment(nlp, teach, one)[1]
    assert spans(new.reference) == spans(one.reference)
    assert new.reference.has_unknown_spaces
    assert new.predicted.has_unknown_spaces
    assert new.reference[2].text != "aspirin"
    assert new.text == new.reference.text


def test_rejected_spans_stay_and_are_no_names(nlp):
    teach = example(nlp, "morphine", ("morphine", "Chemical"))
    one = example(nlp, "We gave aspirin and sunshine", ("aspirin", "Chemical"))
    rejected = [Span(one.reference, 4, 5, label="Chemical")]
    one.reference.spans["Chemical" + REJECTED_SUFFIX] = rejected
    new = augment(nlp, teach, one)[1]
    assert spans(new.reference) == spans(one.reference)
    assert new.reference[2].text != "aspirin"
    assert new.reference[4].text == "sunshine"


def test_the_level_is_the_share_of_examples(nlp):
    names = ["aspirin", "morphine"] * 500
    texts = [example(nlp, f"We gave {name}", (name, "Chemical")) for name in names]
    augmented = augment(nlp, *texts, level=0.3)
    changed = sum(new is not None for new in augmented)
    # Five standard deviations of a binomial distribution
    assert abs(changed - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5
    assert augment(nlp, *texts, level=0.0) == [None] * 1000


def test_the_same_seed_makes_the_same_names(nlp):
    def draw():
        random.seed(3)
        names = ["aspirin", "morphine", "haloperidol"] * 7
        texts = [example(nlp, f"We gave {name}", (name, "Chemical")) for name in names]
        return [new.text for new in augment(nlp, *texts)[1:]]

    assert draw() == draw()


def test_a_reader_of_sentences_augments_each_sentence(nlp, tmp_path):
    doc = nlp("We gave morphine. We gave aspirin. It helps.")
    doc.spans["Chemical"] = [Span(doc, 2, 3, label="Chemical"), Span(doc, 6, 7, label="Chemical")]
    DocBin(docs=[doc]).to_disk(tmp_path / "gold.spacy")
    augmenter = spacy.registry.augmenters.get("spacy_bioner_mtl.invented_names.v1")(1.0)
    texts = [one.text for one in configure_sentence_corpus(tmp_path / "gold.spacy")(nlp)]
    assert texts == ["We gave morphine.", "We gave aspirin.", "It helps."]
    first, second, new, third = configure_sentence_corpus(tmp_path / "gold.spacy", augmenter)(nlp)
    assert [first.text, second.text, third.text] == texts
    assert is_cross(new.reference[2].text, "aspirin", "morphine")
    assert spans(new.reference) == {"Chemical": [(2, 3, "Chemical")]}
