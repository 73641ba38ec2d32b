"""How often strings are mentioned."""

import csv

import pytest

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.corpora.counts import Count, count_mentions
from spacy_bioner_mtl.formats.record import Mention, Record


def make_record(text, *spans):
    """A record in which each span is a string of the text, its label, and its head if any."""
    mentions = {}
    for string, label, *head in spans:
        start = text.index(string)
        one = Mention(start, start + len(string), label)
        mentions.setdefault(*head or ["source"], []).append(one)
    return Record("", text, mentions)


def count(*arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["count", *map(str, arguments)])
    return exit_info.value.code or 0


def test_documents_and_mentions_by_string_and_label():
    records = [
        make_record("Aspirin; aspirin", ("Aspirin", "Chemical"), ("aspirin", "Chemical")),
        make_record("aspirin\nin ACE", ("aspirin", "Chemical"), ("ACE", "Gene")),
        make_record("Ace", ("Ace", "Chemical")),
        make_record("nothing"),
    ]
    assert count_mentions(records) == [
        Count("aspirin", "Chemical", 2, 3),
        Count("ACE", "Gene", 1, 1),
        Count("Ace", "Chemical", 1, 1),
    ]


def test_short_words_must_be_written_alike_and_lines_do_not_matter():
    texts = ["E. coli", "E.\ncoli", "e. Coli", "E. Coli"]
    counts = count_mentions(make_record(text, (text, "Species")) for text in texts)
    assert counts == [Count("E. coli", "Species", 3, 3), Count("e. Coli", "Species", 1, 1)]


def test_two_heads_at_one_place_are_one_mention():
    spans = [("gout", "Disease", "BC5CDR"), ("gout", "Disease", "Disease"), ("gout", "X", "other")]
    counts = count_mentions([make_record("gout", *spans)])
    assert counts == [Count("gout", "Disease", 1, 1), Count("gout", "X", 1, 1)]


@pytest.fixture
def answers(tmp_path):
    """A folder as `annotate` leaves it."""
    folder = tmp_path / "answers"
    folder.mkdir()
    span = '{"start": 0, "end": 4, "label": "Disease"}'
    for name in "ab":
        lines = [f'{{"text": "gout {name}", "spans": [{span}]}}', '{"text": "-", "spans": []}']
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "errors.jsonl").write_text('{"source": "c.txt", "reason": "lost"}\n')
    (folder / "manifest.json").write_text("{}")
    return folder


def test_a_folder_of_answers_becomes_a_table(answers, tmp_path, capsys):
    out = tmp_path / "counts.csv"
    assert count(answers, out) == 0
    assert "1 strings in 2 mentions" in capsys.readouterr().out
    content = out.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    assert rows == [["text", "label", "documents", "mentions"], ["gout", "Disease", "2", "2"]]
    assert count(answers / "a.jsonl", tmp_path / "counts.tsv") == 0
    assert (tmp_path / "counts.tsv").read_text() == (
        "text\tlabel\tdocuments\tmentions\ngout\tDisease\t1\t1\n"
    )


def test_nothing_found_is_said(tmp_path, capsys):
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "gout", "spans": []}\n')
    assert count(source, tmp_path / "out.csv") == 0
    assert "nothing is annotated" in capsys.readouterr().out


@pytest.mark.parametrize(("out", "message"), [("out.xlsx", "end it in .csv"), ("out", "table")])
def test_another_ending_is_refused(answers, tmp_path, capsys, out, message):
    assert count(answers, tmp_path / out) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / out).exists()


def test_a_source_is_not_overwritten(answers, capsys):
    source = answers / "a.jsonl"
    table = answers / "a.tsv"
    table.write_bytes(source.read_bytes())
    assert count(table, table, "--from", "jsonl") == 1
    assert "name another file" in capsys.readouterr().err
    assert table.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("label", ["a\\tb", "a\\nb"])
def test_a_label_stays_on_its_line(tmp_path, label):
    source = tmp_path / "a.jsonl"
    source.write_text(
        f'{{"text": "gout", "spans": [{{"start": 0, "end": 4, "label": "{label}"}}]}}\n'
    )
    for name in ("out.tsv", "out.csv"):
        assert count(source, tmp_path / name) == 0
        content = (tmp_path / name).read_text(encoding="utf-8-sig")
        assert content.splitlines()[1].replace("\t", ",") == "gout,a b,1,1"
