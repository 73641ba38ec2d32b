import gzip
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from real_data import PUBTATOR, needs

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.brat import read_brat, write_brat
from spacy_bioner_mtl.formats.pubtator import read_pubtator
from spacy_bioner_mtl.formats.record import (
    MERGED_HEAD,
    SOURCE_HEAD,
    FlawKind,
    Mention,
    Record,
    Word,
)

TEXT = "Dry and wet cough\nno fever \U0001f9ea zinc"
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.fixture
def file(tmp_path):
    def write(text, *lines, name="doc.1.txt"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        if lines:
            path.with_suffix(".ann").write_bytes("\n".join(lines).encode())
        return path

    return write


def send(folder, records):
    """Through files and back."""
    folder.mkdir(exist_ok=True)
    names = []
    for name, content in write_brat(records):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            file.write(content)
        names.append(name)
    assert [name[-4:] for name in names] == [".txt", ".ann"] * (len(names) // 2)
    return [record for name in names[::2] for record in read_brat(folder / name)]


def test_annotations_are_read(file):
    path = file(
        TEXT,
        "T1\tDisease 8 17\twet cough",
        "T2\tDisease 0 3;12 17\tDry cough",
        "R1\tCauses Arg1:T1 Arg2:T2",
        "N1\tReference T1 MESH:D1\tCough",
        "N2\tReference T1 OMIM:7\tCough",
        "N3\tReference E1 OMIM:8\tCough",
        "",
        "T5\tTwo-Lines_1 12 17;18 20\tcough no\r",
        "E1\tGrow:T1 Theme:T2",
        "A1\tNegated T1",
        "*\tEquiv T1 T2",
        "#1\tAnnotatorNotes T1\tnot sure",
        "#2\tAnnotatorNotes T2\thead=genes; score=0.5",
        "#3\tAnnotatorNotes T5\tscore=0.25",
        "T7\tChemical 29 33\tzinc",
        "T8\tWhole 12 20\tcough no",
        "T9\tNothingSaid 0 3",
    )
    (record,) = read_brat(path)
    assert record == Record(
        "doc.1",
        TEXT,
        {
            SOURCE_HEAD: [
                Mention(8, 17, "Disease", identifier="MESH:D1|OMIM:7"),
                Mention(12, 20, "Two-Lines_1", score=0.25),
                Mention(29, 33, "Chemical"),
                Mention(12, 20, "Whole"),
                Mention(0, 3, "NothingSaid"),
            ],
            "genes": [Mention(0, 17, "Disease", 0.5, "", ((0, 3), (12, 17)))],
        },
    )


@pytest.mark.parametrize("text", ["", " \r\n a\rb\n\n", "\ufeffa"])
def test_text_byte_for_byte(file, text):
    (record,) = read_brat(file(text))
    assert record == Record("doc.1", text)


def test_annotated_without_annotations(file):
    (record,) = read_brat(file("text", ""))
    assert record.mentions == {SOURCE_HEAD: []}


def test_compressed(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"zinc", mtime=0))
    (tmp_path / "a.ann.gz").write_bytes(gzip.compress(b"T1\tX 0 4\tzinc\n", mtime=0))
    (record,) = read_brat(path)
    assert record == Record("a", "zinc", {SOURCE_HEAD: [Mention(0, 4, "X")]})


def test_standard_input(monkeypatch):
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"zinc\r\n")))
    monkeypatch.setattr("sys.stdin", stream)
    assert list(read_brat(Path("-"))) == [Record("", "zinc\r\n")]


WHOLE = [Word(0, len(TEXT))]


@pytest.mark.parametrize(
    ("line", "kind", "what", "unknown"),
    [
        ("T2\tX 0 3\twet", "OTHER_TEXT", "'T2' is 'wet', but", [Word(0, 3), Word(8, 11)]),
        (
            "T2\tX 0 3;12 17\tDry and",
            "OTHER_TEXT",
            "text at its place is 'Dry cough'",
            [Word(0, 7), Word(0, 17)],
        ),
        ("T2\tX 30 99\tzinc", "OUTSIDE", "'T2' lies outside", [Word(29, 33), Word(30, 33)]),
        ("T2\tX 3 3\t", "EMPTY", "'T2' is empty", [Word(2, 4)]),
        ("T2\tX -1 3\tDry", "MALFORMED", "'T2' is no type with offsets", WHOLE),
        ("T2\tX 0\tDry", "MALFORMED", "'T2' is no type with offsets", WHOLE),
        ("T2\ttwo words 0 3\tDry", "MALFORMED", "'T2' is no type with offsets", WHOLE),
        ("T2", "MALFORMED", "'T2' is no type with offsets", WHOLE),
        ("2\tX 0 3\tDry", "MALFORMED", "no annotation: begin", WHOLE),
        ("t2\tX 0 3\tDry", "MALFORMED", "no annotation: begin", WHOLE),
        ("T2 X 0 3 Dry", "MALFORMED", "'T2 X 0 3 Dry' is no type with offsets", WHOLE),
        ("X 0 3\tDry", "MALFORMED", "no annotation: begin", WHOLE),
        ("Negated T1", "MALFORMED", "no annotation: begin", WHOLE),
        ("T2\tX 0 3\tdry", "WRITTEN_OTHERWISE", "'T2' is 'dry'", []),
    ],
)
def test_flaws(file, line, kind, what, unknown):
    path = file(TEXT, "T1\tX 0 3\tDry", line)
    (record,) = read_brat(path)
    used = kind == "WRITTEN_OTHERWISE"
    assert record.mentions == {SOURCE_HEAD: [Mention(0, 3, "X")] * (1 + used)}
    (flaw,) = record.flaws
    place = f"{path.with_suffix('.ann')}:2"
    assert (flaw.kind, flaw.place) == (FlawKind[kind], place)
    assert flaw.reason.startswith(f"{place}: ") and what in flaw.reason
    assert list(flaw.unknown) == unknown


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffT1\tX 0 3\tDry\nT2\tX 29 33\tzinc\n",
        " T1\tX 0 3\tDry\n\t\n \tT2\tX 29 33\tzinc\n",
        "T1\tX 0 3\tDry\rT2\tX 29 33\tzinc\r",
        "T1\tX 0 3\tDry\r\nT2\tX 29 33\tzinc\r\n",
    ],
)
def test_byte_order_marks_blanks_and_line_ends(file, content):
    (record,) = read_brat(file(TEXT, content))
    assert record.mentions == {SOURCE_HEAD: [Mention(0, 3, "X"), Mention(29, 33, "X")]}
    assert not record.flaws


def test_two_annotations_of_one_identifier_are_two(file):
    (record,) = read_brat(file(TEXT, "T1\tX 0 3\tDry", "T1\tX 29 33\tzinc"))
    assert record.mentions == {SOURCE_HEAD: [Mention(0, 3, "X"), Mention(29, 33, "X")]}


CRLF = "Dry\r\ncough\r\nor zinc\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ["T1\tX 4 9\tcough", "T2\tX 13 17\tzinc"],
        ["T1\tX 5 10\tcough", "T2\tX 15 19\tzinc"],
        # The one that fits neither way does not decide.
        ["T1\tX 4 9\tcough", "T2\tX 13 17\tzinc", "T3\tX 0 2\tcold"],
    ],
)
def test_line_breaks_of_two_characters_count_one_or_two(file, lines):
    (record,) = read_brat(file(CRLF, *lines))
    assert record.text == CRLF
    (mentions,) = record.mentions.values()
    assert [CRLF[one.start : one.end] for one in mentions] == ["cough", "zinc"]
    assert len(record.flaws) == len(lines) - 2


@pytest.mark.parametrize("packed", [False, True])
def test_the_file_of_annotations_stands_for_both(file, packed):
    path = file(TEXT, "T1\tX 0 3\tDry").with_suffix(".ann")
    if packed:
        content = gzip.compress(path.read_bytes(), mtime=0)
        path.unlink()
        path = path.with_name("doc.1.ann.gz")
        path.write_bytes(content)
    (record,) = read_brat(path)
    assert record == Record("doc.1", TEXT, {SOURCE_HEAD: [Mention(0, 3, "X")]})


def test_not_utf8(file):
    path = file(b"a\nb\xff", "T1\tX 0 1\ta")
    (record,) = read_brat(path)
    assert record.reason.startswith(f"{path}:2: not UTF-8 (byte 3 of the file)")
    path.write_bytes(b"a")
    path.with_suffix(".ann").write_bytes(b"\n\nT1\tX 0 1\t\xe4")
    (record,) = read_brat(path)
    assert record.reason.startswith(f"{path.with_suffix('.ann')}:3: not UTF-8")


def test_nul(file):
    path = file("a\nb\0", "T1\tX 0 1\ta")
    (record,) = read_brat(path)
    assert record.reason.startswith(f"{path}:2: a NUL character (character 4), as in UTF-16")
    path.write_bytes(b"a")
    path.with_suffix(".ann").write_bytes(b"\n\nT1\tX 0 1\t\0")
    (record,) = read_brat(path)
    assert record.reason.startswith(f"{path.with_suffix('.ann')}:3: a NUL character")


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        list(read_brat(tmp_path / "none.txt"))


def test_what_is_written():
    mentions = {
        "genes": [Mention(0, 5, "Cell Type", 0.98765, "D1"), Mention(8, 11, "X", 1.0)],
        SOURCE_HEAD: [Mention(0, 11, "Y", identifier="MESH:D2")],
        MERGED_HEAD: [Mention(7, 8, "Z", 0.5)],
        "a head": [Mention(0, 11, "Y", None, "", ((0, 2), (8, 11)))],
    }
    files = dict(write_brat([Record("7", "a\nbcd\n\ne fgh", mentions)]))
    assert files == {
        "7.txt": "a\nbcd\n\ne fgh",
        "7.ann": "T1\tCell_Type 0 1;2 5\ta bcd\n"
        "N1\tReference T1 Concept:D1\ta bcd\n"
        "#1\tAnnotatorNotes T1\thead=genes; score=0.9877\n"
        "T2\tY 0 1;2 5;7 11\ta bcd e fg\n"
        "N2\tReference T2 MESH:D2\ta bcd e fg\n"
        "T3\tY 0 1;8 11\ta  fg\n"
        "#2\tAnnotatorNotes T3\thead=a_head\n"
        "T4\tZ 7 8\te\n"
        "#3\tAnnotatorNotes T4\tscore=0.5\n"
        "T5\tX 8 11\t fg\n"
        "#4\tAnnotatorNotes T5\thead=genes; score=1.0\n",
    }


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("12345", "12345"),
        ("PMC7.v2_a-b", "PMC7.v2_a-b"),
        ("a/../b", "a_.._b-"),
        ("../../etc/passwd", "etc_passwd-"),
        ("C:\\x", "C__x-"),
        ("", "document-"),
        (".", "document-"),
        (".hidden", "hidden-"),
        ("-rf", "rf-"),
        ("con", "con-"),
        ("NUL.txt", "NUL.txt-"),
        ("console", "console"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 80 + "-"),
        ("\N{KELVIN SIGN}", "document-"),
        ("\ud800", "document-"),
        ("a\0b\n", "a_b_-"),
    ],
)
def test_names_of_files(identifier, name):
    (text, _), (annotations, _) = write_brat([Record(identifier, "")])
    digest = r"[0-9a-f]{8}" if name.endswith("-") else ""
    stem = text.removesuffix(".txt")
    assert annotations == f"{stem}.ann"
    assert re.fullmatch(re.escape(name) + digest, stem)


def test_repeated_names():
    records = [Record(identifier, "") for identifier in ("a", "A", "a", "a", "A", "b")]
    names = [name.removesuffix(".txt") for name, _ in write_brat(records)][::2]
    patterns = ["a", "A-{}", "a-{}", "a-{}-2", "A-{}-2", "b"]
    for name, pattern in zip(names, patterns, strict=True):
        assert re.fullmatch(pattern.format("[0-9a-f]{8}"), name)


@settings(deadline=None)
@given(st.lists(st.text(max_size=5) | st.text("aA./-1", max_size=3) | st.text(min_size=90)))
@example(["a/b", next(iter(write_brat([Record("a/b", "")])))[0].removesuffix(".txt"), "a/b"])
def test_names_never_collide(identifiers):
    names = [name for name, _ in write_brat(Record(each, "") for each in identifiers)]
    assert len(names) == 2 * len(identifiers)
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", name)
        assert Path(name).name == name


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (Record("7", "half \ud800"), "half of a surrogate pair"),
        (Record("7", "a\n\nb", {"H": [Mention(1, 3, "X")]}), "nothing but line breaks"),
        (Record("7", "a", {"H": [Mention(0, 1, "")]}), "no label"),
        (Record("7", "a", {"H": [Mention(0, 2, "X")]}), "offsets 0-2 lie outside"),
    ],
)
def test_records_that_cannot_be_written(record, what):
    files = write_brat([Record("8", "two"), record])
    assert [next(files)[0], next(files)[0]] == ["8.txt", "8.ann"]
    with pytest.raises(ValueError, match=f"record '7': .*{what}"):
        next(files)


@st.composite
def make_records(draw):
    """Any text with any mentions, many of them at line breaks."""
    characters = st.characters(exclude_categories=["Cs"]) | st.sampled_from(LINE_BREAKS + " \ta")
    text = draw(st.text(characters, max_size=30)).replace("\0", "")
    offset = st.integers(0, len(text))
    mentions = {}
    for bounds in draw(st.lists(st.tuples(offset, offset, offset, offset), max_size=5)):
        start, middle, after, end = sorted(bounds)
        pieces = ((start, middle), (after, end)) if start < middle < after < end else ()
        mention = Mention(
            start,
            end,
            draw(st.sampled_from(["Gene", "X-1", "\N{GREEK SMALL LETTER BETA}"])),
            draw(st.none() | st.sampled_from([0.0, 0.1234, 1.0, 0.0001])),
            draw(st.sampled_from(["", "MESH:D1", "D2|D3", ":x", "x:"])),
            pieces,
        )
        if covered(text, mention):
            mentions.setdefault(draw(st.sampled_from([SOURCE_HEAD, "genes"])), []).append(mention)
    return Record("1", text, mentions)


def covered(text, mention):
    """The characters that a mention marks, without line breaks."""
    pieces = mention.fragments or ((mention.start, mention.end),)
    return {
        index
        for start, end in pieces
        for index in range(start, end)
        if text[index] not in LINE_BREAKS
    }


def marks(record):
    return sorted(
        (head, sorted(covered(record.text, one)), one.label, str(one.score), one.identifier)
        for head, some in record.mentions.items()
        for one in some
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(make_records())
def test_what_is_written_is_read_again(tmp_path, record):
    (again,) = send(tmp_path, [record])
    assert again.text == record.text
    assert marks(again) == marks(record)
    for head, some in record.mentions.items():
        whole = {(one.start, one.end) for one in again.mentions[head] if not one.fragments}
        for one in some:
            marked = covered(record.text, one)
            if not one.fragments:
                assert (min(marked), max(marked) + 1) in whole
    lines = "".join(content for name, content in write_brat([record]) if name.endswith(".ann"))
    assert lines.splitlines() == lines.split("\n")[:-1]


@needs(PUBTATOR)
@pytest.mark.parametrize("corpus", ["BC5CDR_Test", "NCBIdisease_Test"])
def test_published_corpora(tmp_path, corpus):
    records = [
        replace(
            record,
            mentions={"H": [replace(one, identifier="") for one in record.mentions[SOURCE_HEAD]]},
        )
        for record in read_pubtator(PUBTATOR / f"{corpus}.PubTator")
    ]
    again = send(tmp_path, records)
    for one, other in zip(records, again, strict=True):
        assert (other.id, other.text) == (one.id, one.text)
        assert sorted(map(repr, other.mentions.get("H", []))) == sorted(
            map(repr, one.mentions["H"])
        )
