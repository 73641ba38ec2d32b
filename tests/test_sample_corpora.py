"""The sample corpora keep what assets/README.md promises; read here without the package."""

import re
from collections import Counter
from pathlib import Path

import pytest
import srsly
from conftest import ROOT

ASSETS = ROOT / "assets"
SPLITS = ("train", "devel", "test")
SCHEMES = {
    "genes": "IOBES",
    "chemicals": "IOB2",
    "drug_effects": "IOBES",
    "diseases": "IOB1",
    "cell_biology": "BILUO",
}
TYPES = {
    "genes": {"GENE"},
    "chemicals": {"Chemical"},
    "drug_effects": {"Chemical", "Disease"},
    "diseases": {"Disease"},
    "cell_biology": {"protein", "DNA", "RNA", "cell_type", "cell_line"},
}
SMALLEST = {name: {"train": 100, "devel": 25, "test": 25} for name in SCHEMES}
SMALLEST["cell_biology"] = {"train": 140, "devel": 30, "test": 30}
LETTERS = {
    "IOBES": {"single": "S", "first": "B", "inside": "I", "last": "E"},
    "BILUO": {"single": "U", "first": "B", "inside": "I", "last": "L"},
}
DOCUMENT = [("-DOCSTART-", "O")]

Block = list[tuple[str, str]]
Span = tuple[int, int, str]
per_corpus = pytest.mark.parametrize("name", SCHEMES)
per_file = pytest.mark.parametrize(
    ("name", "split"), [(name, split) for name in SCHEMES for split in SPLITS]
)


def path_of(name: str, split: str) -> Path:
    return ASSETS / "corpora" / name / f"{split}.tsv"


def read_blocks(name: str, split: str) -> list[Block]:
    text = path_of(name, split).read_text(encoding="utf-8")
    blocks = []
    for block in text.rstrip("\n").split("\n\n"):
        rows = [line.split("\t") for line in block.split("\n")]
        assert all(len(row) == 2 and all(row) for row in rows), block
        blocks.append([(row[0], row[1]) for row in rows])
    return blocks


def read_sentences(name: str, split: str) -> list[Block]:
    return [block for block in read_blocks(name, split) if block != DOCUMENT]


def split_tag(tag: str) -> tuple[str, str]:
    letter, _, label = tag.partition("-")
    assert bool(label) == (letter != "O"), tag
    return letter, label


def iob_spans(tags: list[str], scheme: str) -> list[Span]:
    spans: list[Span] = []
    previous = ""
    for i, (letter, label) in enumerate(map(split_tag, tags)):
        if letter == "O":
            previous = ""
            continue
        assert letter in {"B", "I"}, (scheme, tags)
        if scheme == "IOB1" and letter == "B":
            assert label == previous, f"B- where IOB1 needs I-: {tags}"
        if scheme == "IOB2" and letter == "I":
            assert label == previous, f"I- without a beginning: {tags}"
        if letter == "I" and label == previous:
            spans[-1] = (spans[-1][0], i + 1, label)
        else:
            spans.append((i, i + 1, label))
        previous = label
    return spans


def chunk_spans(tags: list[str], scheme: str) -> list[Span]:
    name = LETTERS[scheme]
    spans: list[Span] = []
    start, open_label = 0, ""
    for i, (letter, label) in enumerate(map(split_tag, tags)):
        if letter in {name["inside"], name["last"]}:
            assert label == open_label, f"{letter}- continues nothing: {tags}"
        else:
            assert not open_label, f"an entity has no end: {tags}"
            assert letter in {"O", name["single"], name["first"]}, (scheme, tags)
        if letter == name["first"]:
            start, open_label = i, label
        elif letter == name["single"]:
            spans.append((i, i + 1, label))
        elif letter == name["last"]:
            spans.append((start, i + 1, label))
            open_label = ""
    assert not open_label, f"an entity has no end: {tags}"
    return spans


def spans_of(name: str, sentence: Block) -> list[Span]:
    tags = [tag for _, tag in sentence]
    read = chunk_spans if SCHEMES[name] in LETTERS else iob_spans
    return read(tags, SCHEMES[name])


def surface(sentence: Block, start: int, end: int) -> tuple[str, ...]:
    return tuple(word.lower() for word, _ in sentence[start:end])


def mentions_of(name: str, split: str) -> list[tuple[tuple[str, ...], str]]:
    return [
        (surface(sentence, start, end), label)
        for sentence in read_sentences(name, split)
        for start, end, label in spans_of(name, sentence)
    ]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB1", ["O", "B-X"]),
        ("IOB1", ["I-X", "B-Y"]),
        ("IOB2", ["O", "I-X"]),
        ("IOB2", ["B-X", "I-Y"]),
        ("IOB2", ["B-X", "E-X"]),
        ("IOBES", ["I-X", "E-X"]),
        ("IOBES", ["B-X", "O"]),
        ("IOBES", ["B-X", "E-Y"]),
        ("IOBES", ["S-X", "B-X"]),
        ("BILUO", ["S-X"]),
        ("BILUO", ["B-X", "U-X"]),
        ("BILUO", ["O-X"]),
    ],
)
def test_reader_refuses_illegal_tags(scheme: str, tags: list[str]) -> None:
    with pytest.raises(AssertionError):
        (chunk_spans if scheme in LETTERS else iob_spans)(tags, scheme)


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB1", ["I-X", "I-X", "B-X", "O", "I-Y"]),
        ("IOB2", ["B-X", "I-X", "B-X", "O", "B-Y"]),
        ("IOBES", ["B-X", "E-X", "S-X", "O", "S-Y"]),
        ("BILUO", ["B-X", "L-X", "U-X", "O", "U-Y"]),
    ],
)
def test_reader_finds_the_same_spans_in_every_scheme(scheme: str, tags: list[str]) -> None:
    read = chunk_spans if scheme in LETTERS else iob_spans
    assert read(tags, scheme) == [(0, 2, "X"), (2, 3, "X"), (4, 5, "Y")]


def test_manifest_lists_every_corpus_and_file() -> None:
    corpora = srsly.read_yaml(ASSETS / "corpora.yml")["corpora"]
    assert [corpus["name"] for corpus in corpora] == list(SCHEMES)
    listed = set()
    for corpus in corpora:
        assert corpus["head"] == corpus["name"]
        assert corpus["format"] == "conll"
        assert tuple(corpus["files"]) == SPLITS
        for split, file in corpus["files"].items():
            assert ASSETS / file == path_of(corpus["name"], split)
            listed.add(ASSETS / file)
    assert listed == set((ASSETS / "corpora").rglob("*.tsv"))


@per_file
def test_files_are_clean_text(name: str, split: str) -> None:
    content = path_of(name, split).read_bytes()
    assert content.isascii()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    assert not content.endswith(b"\n\n")
    assert b"\n\n\n" not in content
    for sentence in read_sentences(name, split):
        for word, _ in sentence:
            assert re.fullmatch(r"[A-Za-z0-9]+|[^A-Za-z0-9\s]", word), word


@per_file
def test_sizes(name: str, split: str) -> None:
    sentences = read_sentences(name, split)
    assert len(sentences) >= SMALLEST[name][split]
    lengths = [len(sentence) for sentence in sentences]
    assert min(lengths) >= 8
    assert max(lengths) <= 30
    without = sum(not spans_of(name, sentence) for sentence in sentences)
    assert without >= len(sentences) / 8, "precision is learned from sentences without mentions"


@per_file
def test_types_are_legal_and_frequent_enough(name: str, split: str) -> None:
    counts = Counter(label for _, label in mentions_of(name, split))
    assert set(counts) == TYPES[name]
    assert min(counts.values()) >= {"train": 30, "devel": 10, "test": 10}[split]


def test_iob1_needs_its_b_tag_somewhere() -> None:
    tags = [tag for sentence in read_sentences("diseases", "train") for _, tag in sentence]
    assert "B-Disease" in tags


@pytest.mark.parametrize("split", SPLITS)
def test_only_cell_biology_marks_documents(split: str) -> None:
    for name in set(SCHEMES) - {"cell_biology"}:
        assert DOCUMENT not in read_blocks(name, split)
    blocks = read_blocks("cell_biology", split)
    starts = [i for i, block in enumerate(blocks) if block == DOCUMENT]
    assert starts[0] == 0
    ends = [*starts[1:], len(blocks)]
    assert all(4 <= end - start - 1 <= 6 for start, end in zip(starts, ends, strict=True))


def test_no_sentence_occurs_twice() -> None:
    places: dict[tuple[str, ...], list[str]] = {}
    for name in SCHEMES:
        for split in SPLITS:
            for sentence in read_sentences(name, split):
                key = surface(sentence, 0, len(sentence))
                places.setdefault(key, []).append(f"{name}/{split}")
    assert {" ".join(key): seen for key, seen in places.items() if len(seen) > 1} == {}


@per_corpus
def test_a_name_is_annotated_wherever_it_stands(name: str) -> None:
    labels: dict[tuple[str, ...], set[str]] = {}
    for split in SPLITS:
        for words, label in mentions_of(name, split):
            labels.setdefault(words, set()).add(label)
    assert {words: found for words, found in labels.items() if len(found) > 1} == {}
    longest = max(map(len, labels))
    for split in SPLITS:
        for sentence in read_sentences(name, split):
            spans = spans_of(name, sentence)
            for start in range(len(sentence)):
                for end in range(start + 1, min(start + longest, len(sentence)) + 1):
                    if surface(sentence, start, end) in labels:
                        covered = any(a <= start and end <= b for a, b, _ in spans)
                        assert covered, (surface(sentence, start, end), sentence)


@per_corpus
def test_test_set_mixes_known_and_new_names(name: str) -> None:
    known = set(mentions_of(name, "train"))
    mentions = mentions_of(name, "test")
    share = sum(mention in known for mention in mentions) / len(mentions)
    assert 0.6 <= share <= 0.7


def test_readme_counts_equal_the_files() -> None:
    expected = {}
    for name, scheme in SCHEMES.items():
        cells = [f"{name}", scheme]
        for split in SPLITS:
            sentences = read_sentences(name, split)
            tokens = sum(map(len, sentences))
            cells.append(f"{len(sentences)} / {tokens:,} / {len(mentions_of(name, split))}")
        expected[name] = cells
    found = {}
    for line in (ASSETS / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if cells[0] in SCHEMES:
            assert set(cells[2].replace("`", "").split(", ")) == TYPES[cells[0]]
            found[cells[0]] = [*cells[:2], *cells[3:]]
    assert found == expected
