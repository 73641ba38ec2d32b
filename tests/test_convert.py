import json
import re
from pathlib import Path

import pytest
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.docbin import convert_files
from spacy_bioner_mtl.span_groups import annotated_heads

PUBTATOR = Path(__file__).parents[2] / "shared" / "pubtator"

CONLL = (
    "Zinc\tS-Chemical\nagainst\tO\ndry\tB-Disease\ncough\tE-Disease\n\n"
    "No\tO\nBRCA2\tS-Gene\n\nEnd\t-\n"
)
RAW = "7|t|Zinc and CAM-2.\n7|a|Cough.\n7\t0\t4\tZinc\tChemical\n7\t9\t14\tCAM-2\tChemical\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("corpus.tsv").write_text(CONLL)
    Path("raw.txt").write_text(RAW)
    return tmp_path


def run(*arguments):
    """Run the command line and give back its exit status."""
    with pytest.raises(SystemExit) as caught:
        main(["convert", *arguments])
    return caught.value.code or 0


def printed(capsys):
    """What was printed, without the line breaks that a terminal's width makes."""
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def docs(path="out.spacy"):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def groups(doc):
    return {
        key: [(span.text, span.label_) for span in group]
        for key, group in sorted(doc.spans.items())
    }


def test_one_head(folder, capsys):
    assert run("corpus.tsv", "out.spacy", "--head", "BC5") == 0
    assert [groups(doc) for doc in docs()] == [
        {"BC5": [("Zinc", "Chemical"), ("dry cough", "Disease")]},
        {"BC5": [("BRCA2", "Gene")]},
        {"BC5": [], "BC5:unknown": [("End", "-")]},
    ]
    output = printed(capsys)
    assert "3 documents, 3 sentences, 7 tokens, 3 mentions, heads BC5" in output
    assert "corpus.tsv: IOBES" in output
    assert "1 tokens of unknown annotation" in output
    assert sorted(path.name for path in folder.iterdir()) == ["corpus.tsv", "out.spacy", "raw.txt"]


def test_one_head_per_type(folder):
    assert run("corpus.tsv", "raw.txt", "out.spacy", "--by-type") == 0
    read = docs()
    assert [annotated_heads(doc) for doc in read] == [["Chemical", "Disease", "Gene"]] * 4
    assert groups(read[0]) == {
        "Chemical": [("Zinc", "Chemical")],
        "Disease": [("dry cough", "Disease")],
        "Gene": [],
    }
    assert groups(read[2]) == {
        "Chemical": [],
        "Chemical:unknown": [("End", "-")],
        "Disease": [],
        "Disease:unknown": [("End", "-")],
        "Gene": [],
        "Gene:unknown": [("End", "-")],
    }
    assert groups(read[3])["Chemical"] == [("Zinc", "Chemical"), ("CAM-2", "Chemical")]


def test_named_types_are_heads_even_if_they_do_not_occur(folder):
    assert run("raw.txt", "out.spacy", "--by-type", "--type", "Gene", "--type", "Chemical") == 0
    (doc,) = docs()
    assert groups(doc) == {"Chemical": [("Zinc", "Chemical"), ("CAM-2", "Chemical")], "Gene": []}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("map.json", json.dumps({"Chemical": "Drug", "Disease": "Drug", "Gene": None})),
        ("map.yml", 'Chemical: Drug\nDisease: Drug\nGene: ""\n'),
        ("map.yaml", "Chemical: Drug\nDisease: Drug\nGene:\n"),
    ],
)
def test_labels_are_renamed_merged_and_dropped_before_types_become_heads(folder, name, content):
    Path(name).write_text(content)
    assert run("corpus.tsv", "out.spacy", "--by-type", "--map", name) == 0
    assert [groups(doc).get("Drug") for doc in docs()] == [
        [("Zinc", "Drug"), ("dry cough", "Drug")],
        [],
        [],
    ]
    assert {head for doc in docs() for head in annotated_heads(doc)} == {"Drug"}


def test_labels_of_the_map_that_do_not_occur_are_named(folder, capsys):
    Path("map.json").write_text('{"Chemicals": "Drug", "Gene": "gene"}')
    assert run("corpus.tsv", "out.spacy", "--head", "H", "--map", "map.json") == 0
    assert re.search(
        r"Labels of the map that do not occur: Chemicals(?!,)", capsys.readouterr().out
    )
    assert [groups(doc)["H"] for doc in docs()][1] == [("BRCA2", "gene")]


def test_repeated_mentions_are_counted(folder):
    Path("raw.txt").write_text(RAW + "7\t0\t4\tZinc\tMetal\n7\t0\t4\tZinc\tMetal\n")
    out = Path("out.spacy")
    report = convert_files([Path("raw.txt")], out, head="H")
    assert (report.duplicates, report.mentions) == (1, {"Chemical": 2, "Metal": 1})
    report = convert_files([Path("raw.txt")], out, head="H", label_map={"Metal": "Chemical"})
    assert (report.duplicates, report.mentions) == (2, {"Chemical": 2})


def test_raw_text_is_tokenised(folder):
    tokens = {}
    for name in ("bio", "english"):
        assert run("raw.txt", "out.spacy", "--head", "H", "--tokenizer", name) == 0
        (doc,) = docs()
        assert doc.text == "Zinc and CAM-2.\nCough."
        assert not doc.has_unknown_spaces
        tokens[name] = [token.text for token in doc]
    assert tokens["bio"] == ["Zinc", "and", "CAM", "-", "2", ".", "\n", "Cough", "."]
    assert tokens["english"] == ["Zinc", "and", "CAM-2", ".", "\n", "Cough", "."]


def test_spans_that_do_not_align_are_counted_and_unknown(folder, capsys):
    Path("raw.txt").write_text("7|t|anticough 5-HT\n7\t4\t9\tcough\tX\n7\t10\t14\t5-HT\tX\n")
    assert run("raw.txt", "out.spacy", "--head", "H") == 0
    (doc,) = docs()
    assert groups(doc) == {"H": [("5-HT", "X")], "H:unknown": [("anticough", "-")]}
    assert "1 mentions (50.00%) do not align with tokens" in printed(capsys)


def test_repairs_are_counted_and_placed(folder, capsys):
    Path("corpus.tsv").write_text("a\tS-X\n\nb\tI-X\nc\tO\n")
    assert run("corpus.tsv", "out.spacy", "--head", "H") == 0
    assert [groups(doc)["H"] for doc in docs()] == [[("a", "X")], [("b", "X")]]
    assert "2 forbidden tag transitions" in printed(capsys)
    report = convert_files([Path("corpus.tsv")], Path("out.spacy"), head="H")
    assert (report.repaired, report.first_repair) == (2, "corpus.tsv:3")


def test_sentences_per_document(folder):
    Path("corpus.tsv").write_text("-DOCSTART-\n\na\tO\n\nb\tO\n\nc\tO\n\n-DOCSTART-\n\nd\tO\n")
    assert run("corpus.tsv", "out.spacy", "--head", "H") == 0
    assert [[sent.text.strip() for sent in doc.sents] for doc in docs()] == [["a", "b", "c"], ["d"]]
    assert run("corpus.tsv", "out.spacy", "--head", "H", "-n", "2") == 0
    assert [[sent.text.strip() for sent in doc.sents] for doc in docs()] == [
        ["a", "b"],
        ["c"],
        ["d"],
    ]


def test_a_corpus_without_mentions(folder):
    Path("corpus.tsv").write_text("a\tO\n\nb\tO\n")
    assert run("corpus.tsv", "out.spacy", "--head", "H") == 0
    assert [groups(doc) for doc in docs()] == [{"H": []}, {"H": []}]


def test_the_format_can_be_forced(folder, capsys):
    Path("corpus.tsv").write_text("x|t|y O\n")
    assert run("corpus.tsv", "out.spacy", "--head", "H", "--from", "conll") == 0
    assert [doc.text.strip() for doc in docs()] == ["x|t|y"]


def assert_fails(capsys, place, what, *arguments):
    """Exit status 1, one message that begins with its place, and nothing written."""
    before = sorted(Path().iterdir())
    assert run(*arguments) == 1
    message = printed(capsys)
    assert re.search(re.escape(place) + r".*" + re.escape(what), message), message
    assert sorted(Path().iterdir()) == before


HEAD = ("--head", "H")


@pytest.mark.parametrize(
    ("content", "place", "what"),
    [
        (b"a\tO\nb\n", "bad.tsv:2:", "one column"),
        (b"a\tO\n\tO\n", "bad.tsv:2:", "one column"),
        (b"a\tO\nb\t\n", "bad.tsv:2:", "one column"),
        (b"a\tO\n\nb\tGene\n", "bad.tsv:3:", "'Gene' is neither O"),
        (b"a\tM-Gene\n", "bad.tsv:1:", "'M-Gene' is neither O"),
        (b"a\tb-Gene\n", "bad.tsv:1:", "'b-Gene' is neither O"),
        (b"a\tO\nb\tB-\n", "bad.tsv:2:", "lacks an entity type"),
        (b"a\tO\nb\t\n\xff\tO\n", "bad.tsv:2:", "one column"),
        (b"a\tO\nn\xe9e\tO\n", "bad.tsv:2:", "not UTF-8 (byte 5 of the file)"),
        ("a\tO\n".encode("utf-16"), "bad.tsv:1:", "not UTF-8 (byte 0 of the file)"),
        ("a\tO\n".encode("utf-16-le"), "bad.tsv:1:", "a NUL character"),
        (b"a\tO\nb\0\tO\n", "bad.tsv:2:", "a NUL character"),
        (b"a\tO\rb\tO\r", "bad.tsv:1:", "a carriage return inside the line"),
        (b"", "bad.tsv:", "no sentence"),
        (b"\n \n\r\n", "bad.tsv:", "no sentence"),
        (b"-DOCSTART-\tO\n\n", "bad.tsv:", "no sentence"),
        (b"a\tS-X\n\nb\tU-X\n", "bad.tsv:3:", "belongs to BILUO, but tags before it to IOBES"),
        (b"a\tL-X\nb\tE-X\n", "bad.tsv:2:", "belongs to IOBES, but tags before it to BILUO"),
        (b"7|t|Zinc\n7\t0\t4\tIron\tX\n", "bad.tsv:2:", "mention 'Iron'"),
        (b"7|t|Zinc\n7\t0\t4\tZinc\n", "bad.tsv:2:", "not a mention"),
        (b"7|t|Zinc\n7|a|x\xff\n", "bad.tsv:2:", "not UTF-8 (byte 14 of the file)"),
    ],
)
def test_malformed_files(folder, capsys, content, place, what):
    Path("bad.tsv").write_bytes(content)
    assert_fails(capsys, place, what, "corpus.tsv", "bad.tsv", "out.spacy", *HEAD)


def test_strict_rejects_what_would_be_repaired(folder, capsys):
    Path("bad.tsv").write_text("a\tO\nb\tI-X\n\nc\tS-X\n")
    arguments = ("bad.tsv", "out.spacy", *HEAD, "--strict")
    assert_fails(capsys, "bad.tsv:2:", "'I-X' may not follow 'O' in IOBES", *arguments)


def test_an_earlier_result_survives_a_failure(folder, capsys):
    Path("out.spacy").write_bytes(b"earlier")
    Path("bad.tsv").write_text("a\n")
    assert_fails(capsys, "bad.tsv:1:", "one column", "bad.tsv", "out.spacy", *HEAD)
    assert Path("out.spacy").read_bytes() == b"earlier"


@pytest.mark.parametrize(
    ("arguments", "place", "what"),
    [
        (["corpus.tsv", "out.spacy"], "", "either --head NAME or --by-type"),
        (["corpus.tsv", "out.spacy", *HEAD, "--by-type"], "", "either --head NAME or --by-type"),
        (["corpus.tsv", "out.spacy", *HEAD, "--type", "X"], "", "add --by-type"),
        (["raw.txt", "corpus.tsv", *HEAD], "corpus.tsv:", "end its name in .spacy"),
        (["missing.tsv", "out.spacy", *HEAD], "missing.tsv:", "cannot be read"),
        ([".", "out.spacy", *HEAD], ".:", "cannot be read"),
        (["corpus.tsv", "corpus.tsv/out.spacy", *HEAD], "out.spacy:", "cannot be written"),
        (["raw.txt", "out.spacy", *HEAD, "--tokenizer", "x"], "", "unknown tokenizer 'x'"),
        (["raw.txt", "out.spacy", *HEAD, "--from", "x"], "", "unknown format 'x'"),
        (["corpus.tsv", "out.spacy", *HEAD, "-n", "0"], "", "--sentences-per-doc is 0"),
        (["raw.txt", "out.spacy", *HEAD, "-n", "2"], "", "leave out --sentences-per-doc"),
        (["corpus.tsv", "out.spacy", "--head", ""], "", "cannot name a head"),
        (["corpus.tsv", "out.spacy", "--head", "H:unknown"], "", "cannot name a head"),
        (
            ["corpus.tsv", "out.spacy", "--by-type", "--type", "Gene"],
            "corpus.tsv:",
            "type 'Chemical', which no --type names",
        ),
        (["corpus.tsv", "out.spacy", *HEAD, "--from", "pubtator"], "corpus.tsv:1:", "no title"),
        (["raw.txt", "out.spacy", *HEAD, "--from", "conll"], "raw.txt:1:", "is neither O"),
    ],
)
def test_malformed_arguments(folder, capsys, arguments, place, what):
    assert_fails(capsys, place, what, *arguments)


def test_types_of_a_corpus_that_has_none(folder, capsys):
    Path("bad.tsv").write_text("a\tO\n")
    assert_fails(capsys, "", "no entity type in the sources", "bad.tsv", "out.spacy", "--by-type")


def test_a_type_that_cannot_name_a_head(folder, capsys):
    Path("bad.tsv").write_text("a\tS-X:unknown\n")
    assert_fails(capsys, "", "'X:unknown' cannot name a head", "bad.tsv", "out.spacy", "--by-type")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("map.json", "{"),
        ("map.json", '["Gene"]'),
        ("map.json", '{"Gene": 1}'),
        ("map.yml", "a: [\n"),
        ("map.yml", "1: Gene\n"),
        ("map.yml", ""),
        ("map.yml", None),
    ],
)
def test_malformed_maps(folder, capsys, name, content):
    if content is not None:
        Path(name).write_text(content)
    arguments = ("corpus.tsv", "out.spacy", *HEAD, "--map", name)
    assert_fails(capsys, f"{name}:", "", *arguments)


@pytest.mark.corpora
@pytest.mark.skipif(not PUBTATOR.exists(), reason="no mirror of the corpora")
@pytest.mark.parametrize(
    ("name", "tokenizer", "unaligned"),
    [
        ("BC5CDR_Test", "bio", 5),
        ("BC5CDR_Test", "english", 139),
        ("NCBIdisease_Test", "bio", 0),
        ("NCBIdisease_Test", "english", 1),
    ],
)
def test_published_raw_text(folder, name, tokenizer, unaligned):
    source = PUBTATOR / f"{name}.PubTator"
    report = convert_files([source], Path("out.spacy"), head="H", tokenizer=tokenizer)
    assert report.unaligned == unaligned
    assert report.unaligned_share == unaligned / sum(report.mentions.values())
