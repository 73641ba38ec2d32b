import io
import json
import os
import re
import threading
from pathlib import Path

import pytest
from real_data import PUBTATOR, needs
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.corpora.convert import convert_files
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline.spans import annotated_heads

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


HEAD = ("--head", "H")


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


def test_words_that_a_corpus_leaves_out_are_unknown_for_that_head(folder):
    text = "Patients, 2 men with impatience, and a patient (Homo sapiens) of the Men of Zinc"
    lines = [f"1|t|{text}", "1\t48\t60\tHomo sapiens\tSpecies", "1\t69\t80\tMen of Zinc\tSpecies"]
    Path("persons.txt").write_text("\n".join(lines) + "\n")
    words = {"Species": ["patient", "patients", "men", "homo", "of the"]}
    options = {"head": "Own", "by_type": True, "types": {"Species": ["Species"], "Gene": ["Gene"]}}
    convert_files([Path("persons.txt")], Path("out.spacy"), unknown=words, **options)
    (doc,) = docs()
    named = [("Homo sapiens", "Species"), ("Men of Zinc", "Species")]
    unknown = [(word, "-") for word in ("Patients", "men", "patient", "of the")]
    assert groups(doc) == {
        "Gene": [],
        "Own": named,
        "Species": named,
        "Species:unknown": unknown,
    }
    with pytest.raises(InputError, match="'Persons'; the heads are: Own, Species, Gene"):
        convert_files(
            [Path("persons.txt")], Path("out.spacy"), unknown={"Persons": ["men"]}, **options
        )


def test_spans_that_do_not_align_are_counted_and_unknown(folder, capsys):
    Path("raw.txt").write_text("7|t|anticough 5-HT\n7\t4\t9\tcough\tX\n7\t10\t14\t5-HT\tX\n")
    assert run("raw.txt", "out.spacy", "--head", "H") == 0
    (doc,) = docs()
    assert groups(doc) == {"H": [("5-HT", "X")], "H:unknown": [("anticough", "-")]}
    shown = printed(capsys)
    assert "1 mentions (50.00%) do not align with tokens" in shown
    assert "not aligned with tokens 1 unknown raw.txt: document '7'" in shown
    assert "4 tokens, 1 mentions, heads H" in shown
    what = "document '7': the mention 'cough' (4-9) does not begin and end with a token"
    assert_fails(capsys, "raw.txt:", what, "raw.txt", "out.spacy", *HEAD, "--strict")


def test_no_mention_aligns_with_tokens(folder, capsys):
    Path("raw.txt").write_text("7|t|anticough\n" + "7\t4\t9\tcough\tX\n" * 9)
    assert run("raw.txt", "few.spacy", *HEAD) == 0
    rows = "".join(f"{i}|t|anticough\n{i}\t4\t9\tcough\tX\n\n" for i in range(10))
    Path("raw.txt").write_text(rows)
    what = "none of the annotations can be used (10 not aligned with tokens, the first"
    assert_fails(capsys, "raw.txt:", what, "raw.txt", "out.spacy", *HEAD)
    assert not Path("out.spacy").exists()


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


@pytest.mark.parametrize(
    ("content", "place", "what"),
    [
        (b"a\tO\nb\n", "bad.tsv:2:", "one column"),
        (b"a\tO\n\tO\n", "bad.tsv:2:", "one column"),
        (b"a\tO\nb\t\n", "bad.tsv:2:", "one column"),
        (b"a\tO\n\nb\tGene\n", "bad.tsv:3:", "'Gene' is neither O"),
        (b"a\tM-Gene\n", "bad.tsv:1:", "'M-Gene' is neither O"),
        (b"a\tm-Gene\n", "bad.tsv:1:", "'m-Gene' is neither O"),
        (b"a\tO\nb\tB-\n", "bad.tsv:2:", "lacks an entity type"),
        (b"a\tO\nb\t\n\xff\tO\n", "bad.tsv:2:", "one column"),
        (b"a\tO\nn\xe9e\tO\n", "bad.tsv:2:", "not UTF-8 (byte 5 of the file)"),
        ("a\tO\n".encode("utf-16"), "bad.tsv:", "this is UTF-16LE, not UTF-8"),
        ("a\tO\n".encode("utf-16-le"), "bad.tsv:", "this is UTF-16LE, not UTF-8"),
        (b"a\tO\nb\0\tO\n", "bad.tsv:2:", "a NUL character"),
        (b"a\tO\rb\tO\r", "bad.tsv:1:", "a carriage return inside the line"),
        (b"", "bad.tsv:", "no sentence"),
        (b"\n \n\r\n", "bad.tsv:", "no sentence"),
        (b"-DOCSTART-\tO\n\n", "bad.tsv:", "no sentence"),
        (b"a\tS-X\n\nb\tU-X\n", "bad.tsv:3:", "belongs to BILUO, but tags before it to IOBES"),
        (b"a\tL-X\nb\tE-X\n", "bad.tsv:2:", "belongs to IOBES, but tags before it to BILUO"),
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
    Path("bad.tsv").write_text("a\tO\nb\n")
    assert_fails(capsys, "bad.tsv:2:", "one column", "bad.tsv", "out.spacy", *HEAD)
    assert Path("out.spacy").read_bytes() == b"earlier"


@pytest.mark.parametrize(
    ("arguments", "place", "what"),
    [
        (["corpus.tsv", "out.spacy"], "", "give --head NAME, or --by-type, or both"),
        (["corpus.tsv", "out.spacy", *HEAD, "--type", "X"], "", "add --by-type"),
        (["raw.txt", "corpus.tsv", *HEAD], "corpus.tsv:", "end its name in .spacy"),
        (["missing.tsv", "out.spacy", *HEAD], "missing.tsv:", "cannot be read"),
        ([".", "out.spacy", *HEAD], ".:", "its files are of several formats"),
        ([".", "out.spacy", *HEAD, "--from", "brat"], "", "no gold document (1 not annotated)"),
        (
            [".", "out.spacy", *HEAD, "--from", "jsonl"],
            ".:",
            "no file in this folder ends in .jsonl",
        ),
        (["raw.txt", "out.spacy", *HEAD, "--from", "lines"], "", "lines holds no mentions"),
        (["raw.txt", "out.spacy", *HEAD, "--word-column", "2"], "", "pubtator has none"),
        (["corpus.tsv", "out.spacy", *HEAD, "--word-column", "0"], "", "count columns from 1"),
        (["corpus.tsv", "out.spacy", *HEAD, "--word-column", "2"], "corpus.tsv:1:", "in column 2"),
        (["corpus.tsv", "out.spacy", "--head", "all"], "", "'all' cannot name a head"),
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


def test_flaws_are_unknown_for_the_head_of_their_type_alone(folder, capsys):
    Path("raw.txt").write_text(
        "7|t|Zinc for a dry cough\n7\t0\t4\tZinc\tChemical\n7\t11\t14\tcough\tDisease\n"
    )
    assert run("raw.txt", "out.spacy", "--by-type") == 0
    (doc,) = docs()
    assert groups(doc) == {
        "Chemical": [("Zinc", "Chemical")],
        "Disease": [],
        "Disease:unknown": [("dry", "-"), ("cough", "-")],
    }
    message = printed(capsys)
    assert "another text at the offsets 1 unknown raw.txt:3" in message
    assert "1 annotation cannot be used" in message
    labels = {"Disease": None}
    Path("map.json").write_text(json.dumps(labels))
    assert run("raw.txt", "out.spacy", "--head", "H", "--map", "map.json") == 0
    assert groups(docs()[0]) == {"H": [("Zinc", "Chemical")]}


def test_what_is_known_stays_known_in_a_text_that_is_unknown(folder):
    Path("raw.txt").write_text("7|t|Zinc for cough\n7\t0\t4\tZinc\tChemical\n7\t1\n")
    assert run("raw.txt", "out.spacy", "--head", "H") == 0
    assert groups(docs()[0]) == {
        "H": [("Zinc", "Chemical")],
        "H:unknown": [("for cough", "-")],
    }


def test_tags_without_a_type(folder, capsys):
    Path("bare.tsv").write_text("dry\tB\ncough\tI\n.\tO\n")
    assert run("bare.tsv", "out.spacy", "--head", "H") == 0
    assert groups(docs()[0]) == {"H": [("dry cough", "H")]}
    assert run("bare.tsv", "out.spacy", "--head", "H", "--label", "Disease") == 0
    assert groups(docs()[0]) == {"H": [("dry cough", "Disease")]}
    assert run("bare.tsv", "out.spacy", "--by-type", "--label", "Disease") == 0
    assert groups(docs()[0]) == {"Disease": [("dry cough", "Disease")]}
    Path("out.spacy").unlink()
    assert_fails(capsys, "bare.tsv:1:", "--label NAME", "bare.tsv", "out.spacy", "--by-type")


def test_the_column_of_the_token(folder, capsys):
    Path("ids.tsv").write_text("d1 dry NN B-X\nd1 cough NN I-X\n")
    assert_fails(capsys, "ids.tsv:1:", "--word-column", "ids.tsv", "out.spacy", *HEAD)
    assert run("ids.tsv", "out.spacy", *HEAD, "--word-column", "2") == 0
    assert groups(docs()[0]) == {"H": [("dry cough", "X")]}


def test_lower_case_tags_are_counted(folder, capsys):
    Path("lower.tsv").write_text("dry\tb-X\ncough\ti-X\n.\to\n")
    assert run("lower.tsv", "out.spacy", *HEAD) == 0
    assert groups(docs()[0]) == {"H": [("dry cough", "X")]}
    assert "tags in lower case 3 used lower.tsv:1" in printed(capsys)
    Path("out.spacy").unlink()
    arguments = ("lower.tsv", "out.spacy", *HEAD, "--strict")
    assert_fails(capsys, "lower.tsv:1:", "a tag in lower case", *arguments)


def test_standard_input_and_pipes_are_read_whole(folder, monkeypatch):
    content = "".join(f"word{n}\tO\n" for n in range(3_000))
    Path("long.tsv").write_text(content)
    for by_type in (HEAD, ("--by-type", "--type", "X")):
        stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content.encode())))
        monkeypatch.setattr("sys.stdin", stream)
        assert run("-", "out.spacy", *by_type) == 0
        assert [len(doc) for doc in docs()] == [3_000]
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_text(content + "x\tS-X\n"))
    writer.start()
    assert run("pipe", "out.spacy", "--by-type") == 0
    writer.join()
    (doc,) = docs()
    assert len(doc) == 3_001 and groups(doc) == {"X": [("x", "X")]}


def test_folders_are_sources(folder, capsys):
    for name in ("b", "a"):
        Path("in", name).mkdir(parents=True)
        Path("in", name, "gold.jsonl").write_text(json.dumps({"text": name, "spans": []}))
    Path("in", "notes.md").write_text("About")
    assert run("in", "out.spacy", *HEAD) == 0
    assert [doc.text for doc in docs()] == ["a", "b"]
    assert (
        "1 in folders named otherwise than files of the format, and skipped: in/notes.md"
        in printed(capsys)
    )


def test_documents_that_are_no_gold_are_left_out(folder, capsys):
    lines = [
        {"text": "a", "spans": None, "answer": "accept"},
        {"text": "b", "spans": [], "answer": "reject"},
        {"text": "c", "label": "POSITIVE"},
    ]
    Path("gold.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run("gold.jsonl", "out.spacy", *HEAD) == 0
    assert [doc.text for doc in docs()] == ["a"]
    assert "as they are no gold: 1 not annotated, 1 rejected" in printed(capsys)
    Path("gold.jsonl").write_text("\n".join(map(json.dumps, lines[1:])))
    Path("out.spacy").unlink()
    what = "no gold document (1 not annotated, 1 rejected)"
    assert_fails(capsys, "gold.jsonl:", what, "gold.jsonl", "out.spacy", *HEAD)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("7\t0\t4\tIron\tX", "mention is 'Iron', but the text at its place is 'Zinc'"),
        ("7\t0\t4\tZinc", "not a mention"),
    ],
)
def test_strict_rejects_annotations_that_do_not_fit(folder, capsys, line, what):
    Path("bad.tsv").write_text(f"7|t|Zinc\n{line}\n\n8|t|Tin\n8\t0\t3\tTin\tX\n")
    assert_fails(capsys, "bad.tsv:2:", what, "bad.tsv", "out.spacy", *HEAD, "--strict")
    assert run("bad.tsv", "out.spacy", *HEAD) == 0
    assert groups(docs()[0]) == {"H": [], "H:unknown": [("Zinc", "-")]}
    assert "1 annotation cannot be used" in printed(capsys)


def shifted(n_right, n_shifted):
    offsets = [(0, 4)] * n_right + [(1, 5)] * n_shifted
    return "7|t|Zinc cough\n" + "".join(f"7\t{a}\t{b}\tZinc\tX\n" for a, b in offsets)


def test_annotations_of_which_none_can_be_used(folder, capsys):
    Path("out.spacy").write_text("as it was")
    Path("bad.txt").write_text(shifted(0, 10))
    what = "none of the annotations can be used (10 another text at the offsets, the first at "
    hint = "bad.txt:2); are all offsets shifted, or do they count bytes or units of UTF-16"
    assert_fails(capsys, "bad.txt:", what + hint, "bad.txt", "out.spacy", *HEAD)
    assert Path("out.spacy").read_text() == "as it was"
    Path("bad.txt").write_text("7|t|Zinc\n" + "7\t0\t4\tZinc\n" * 10)
    what = "(10 not to be read, the first at bad.txt:2); correct them, or give the format"
    assert_fails(capsys, "bad.txt:", what, "bad.txt", "out.spacy", *HEAD)


@pytest.mark.parametrize(("n_right", "n_shifted", "warned"), [(1, 2, True), (2, 2, False)])
def test_annotations_of_which_most_are_not_where_they_should_be(
    folder, capsys, n_right, n_shifted, warned
):
    Path("bad.txt").write_text(shifted(n_right, n_shifted))
    assert run("bad.txt", "out.spacy", *HEAD) == 0
    assert ("should be: are all offsets shifted, or do" in printed(capsys)) is warned


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


@needs(PUBTATOR)
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
    n_written = sum(len(doc.spans["H"]) for doc in docs())
    assert sum(report.mentions.values()) == n_written
    assert report.unaligned_share == unaligned / (n_written + unaligned)
