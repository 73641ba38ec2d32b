"""benchmarks sentences: boundaries of a corpus are found again, and counted right."""

from benchmarks.sentences import (
    joined_texts,
    make_splitters,
    raw_texts,
    read_sentences,
    score_splitter,
)

SENTENCES = [["Zinc", "fell", "."], ["In", "Fig", ".", "2", "it", "rose", "."], ["So", "what", "?"]]


def test_sentences_are_read_and_joined(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("\n\n".join("\n".join(f"{w}\tO" for w in words) for words in SENTENCES) + "\n")
    assert list(read_sentences([path])) == SENTENCES
    (first, starts), (second, none) = joined_texts(SENTENCES, 2)
    assert (first, starts) == ("Zinc fell . In Fig . 2 it rose .", {9})
    assert (second, none) == ("So what ?", set())


def test_sentences_are_found_in_raw_texts(tmp_path):
    path = tmp_path / "a.PubTator"
    path.write_text("1|t|Zinc fell.\n1|a|In Fig. 2 it rose. So  what?\n\n2|t|Another\n2|a|one.\n")
    texts, missing = raw_texts(path, SENTENCES)
    assert (texts, missing) == ([("Zinc fell. In Fig. 2 it rose. So  what?", {9, 23})], 1)


def test_boundaries_are_counted():
    text = ("Zinc fell. In Fig. 2 it rose. So  what?", {9, 23})
    score = score_splitter(lambda _: [0, 11, 19], [text])
    assert (score.right, score.found, score.gold, score.f_score) == (1, 2, 2, 0.5)
    assert score.words_per_second > 0
    assert score_splitter(lambda _: [], [text]).f_score == 0.0


def test_the_splitters_begin_with_the_text():
    splitters = make_splitters()
    assert {"abstract_sentences", "sentencizer"} <= splitters.keys()
    for split in splitters.values():
        assert next(iter(split("Zinc fell. It rose."))) == 0
