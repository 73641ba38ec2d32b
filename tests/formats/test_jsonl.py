"""JSON lines: what other tools write is read, and what is written reads the same again."""

import gzip
import json

import pytest
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.jsonl import read_jsonl, write_doccano, write_jsonl
from spacy_bioner_mtl.formats.record import SOURCE_HEAD, BadRecord, FlawKind, Mention, Record, Word

TEXTS = st.text(
    st.sampled_from('a "\\\n\r\t\0\ufeff\u2028\u0085\U0001f9ea\u0301{}')
    | st.characters(exclude_categories=["Cs"])
)
#: Names of fields that mean nothing to the format.
NAMES = st.text(st.characters(exclude_categories=["Cs"])).map(lambda name: f"_{name}")
# JSON has no infinite numbers; what becomes of them is tested by itself.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=5
)


@pytest.fixture
def file(tmp_path):
    def write(*lines):
        path = tmp_path / "source.jsonl"
        path.write_bytes(
            b"\n".join(
                line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
            )
        )
        return path

    return write


@st.composite
def records(draw):
    text = draw(TEXTS).replace("\0", "")
    offsets = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).filter(
        lambda pair: pair[0] < pair[1]
    )
    heads = {}
    for head in draw(st.sets(st.sampled_from([SOURCE_HEAD, "genes", "β"]))):
        pairs = draw(st.lists(offsets, max_size=4)) if text else []
        heads[head] = [
            Mention(
                *pair,
                draw(st.sampled_from(["GENE", "cell type", "β"])),
                draw(st.none() | st.floats(0, 1)),
                draw(st.sampled_from(["", "D003", "MESH:D1|D2"])),
            )
            for pair in sorted(pairs)
        ]
    # A head without mentions leaves no trace.
    heads = {head: mentions for head, mentions in heads.items() if mentions}
    return Record(draw(TEXTS), text, heads, meta=draw(st.dictionaries(NAMES, VALUES, max_size=3)))


@given(st.lists(records(), min_size=1, max_size=3))
@settings(deadline=None)
def test_what_is_written_is_read_again(tmp_path_factory, given_records):
    path = tmp_path_factory.mktemp("jsonl") / "out.jsonl"
    path.write_bytes("".join(write_jsonl(given_records)).encode())
    read = list(read_jsonl(path))
    assert len(read) == len(given_records)
    for number, (again, record) in enumerate(zip(read, given_records, strict=True), start=1):
        assert again.id == (record.id or str(number))
        assert again.text == record.text
        assert again.mentions == (record.mentions or {SOURCE_HEAD: []})
        assert {name: value for name, value in again.meta.items() if name != "id"} == record.meta
    # Once read, nothing changes any more.
    assert "".join(write_jsonl(read)) == "".join(write_jsonl(list(read_jsonl(path))))


@given(st.lists(records(), min_size=1, max_size=3))
@settings(deadline=None)
def test_doccano_gets_the_mentions_of_all_heads_once(tmp_path_factory, given_records):
    path = tmp_path_factory.mktemp("doccano") / "out.jsonl"
    path.write_bytes("".join(write_doccano(given_records)).encode())
    lines = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    for line, again, record in zip(lines, read_jsonl(path), given_records, strict=True):
        spans = {
            (one.start, one.end, one.label) for some in record.mentions.values() for one in some
        }
        assert len(line["label"]) == len(spans)
        assert {tuple(label) for label in line["label"]} == spans
        assert again.text == line["text"] == record.text
        assert again.mentions == {SOURCE_HEAD: [Mention(*span) for span in sorted(spans)]}


def test_spacy_reads_what_is_written(tmp_path):
    record = Record("7", "β\u2028-ester", {"merged": [Mention(0, 8, "Chemical", 0.5)]})
    path = tmp_path / "out.jsonl"
    path.write_text("".join(write_jsonl([record, record])), encoding="utf-8")
    assert list(srsly.read_jsonl(path)) == 2 * [
        {
            "id": "7",
            "text": "β\u2028-ester",
            "spans": [{"start": 0, "end": 8, "label": "Chemical", "score": 0.5}],
        }
    ]


def test_the_head_is_told_where_it_is_one_of_several():
    record = Record(
        "", "ab", {"genes": [Mention(1, 2, "GENE")], "drugs": [Mention(0, 2, "D", 0.9)]}
    )
    (line,) = write_jsonl([record])
    assert json.loads(line) == {
        "text": "ab",
        "spans": [
            {"start": 0, "end": 2, "label": "D", "head": "drugs", "score": 0.9},
            {"start": 1, "end": 2, "label": "GENE", "head": "genes"},
        ],
    }


ENTITY = {"start": 0, "end": 4, "label": "Chemical"}


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "Zinc", "spans": [{**ENTITY, "token_start": 0, "token_end": 0}]},
        {"text": "Zinc", "ents": [ENTITY]},
        {"text": "Zinc", "entities": [ENTITY]},
        {"text": "Zinc", "entities": [[0, 4, "Chemical"]]},
        {"text": "Zinc", "label": [[0, 4, "Chemical"]]},
        {"data": "Zinc", "labels": [[0, 4, "Chemical"]]},
        {
            "text": "Zinc",
            "entities": [{"id": 3, "start_offset": 0, "end_offset": 4, "label": "Chemical"}],
        },
        {"text": "Zinc", "spans": [], "label": [[0, 4, "Chemical"]]},
    ],
)
def test_entities_of_other_tools(file, fields):
    (record,) = read_jsonl(file(fields))
    assert record == Record("1", "Zinc", {SOURCE_HEAD: [Mention(0, 4, "Chemical")]})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"spans": None}, {}),
        ({"spans": []}, {SOURCE_HEAD: []}),
        ({"label": []}, {SOURCE_HEAD: []}),
        ({"label": "positive"}, {}),
        ({"label": ["positive", "short"]}, {}),
        (
            {"spans": [{**ENTITY, "head": "drugs"}, ENTITY]},
            {"drugs": [Mention(0, 4, "Chemical")], SOURCE_HEAD: [Mention(0, 4, "Chemical")]},
        ),
        ({"spans": [{**ENTITY, "head": "drugs"}]}, {"drugs": [Mention(0, 4, "Chemical")]}),
        (
            {"spans": [{**ENTITY, "kb_id": "D1", "score": 0.5}]},
            {SOURCE_HEAD: [Mention(0, 4, "Chemical", 0.5, "D1")]},
        ),
    ],
)
def test_annotated_or_not(file, fields, expected):
    (record,) = read_jsonl(file({"text": "Zinc", **fields}))
    assert record.mentions == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": "a"}, "a"),
        ({"id": 7}, "7"),
        ({"_id": "b", "pmid": 3}, "b"),
        ({"pmid": 3}, "3"),
        ({"meta": {"id": 4}}, "4"),
        ({"meta": {"source": "x"}}, "2"),
        ({"id": None}, "2"),
        ({"id": ""}, "2"),
        ({"id": True}, "2"),
        ({"id": ["a"]}, "2"),
    ],
)
def test_identifiers(file, fields, expected):
    (record,) = read_jsonl(file(b"", {**fields, "text": "x"}))
    assert record.id == expected
    again = json.loads("".join(write_jsonl([record])))
    if expected == "2":
        assert again == {**fields, "id": "2", "text": "x", "spans": []}
    else:
        assert again == {**fields, "text": "x", "spans": []}


def test_other_fields_are_written_back(file):
    fields = {"text": "x", "meta": {"n": [1, {"a": None}]}, "label": ["short"], "tokens": [1]}
    (record,) = read_jsonl(file(fields))
    assert json.loads("".join(write_jsonl([record]))) == {**fields, "id": "1", "spans": []}
    # doccano's entities stand where the label of the text stood.
    written = {**fields, "id": "1", "label": [], "text_label": ["short"]}
    assert json.loads("".join(write_doccano([record]))) == written
    record.meta["text_label"] = "other"
    written |= {"text_label": "other", "text_label_": ["short"]}
    assert json.loads("".join(write_doccano([record]))) == written


def test_a_new_answer_takes_the_place_of_the_old(file):
    (record,) = read_jsonl(
        file({"text": "Zinc", "entities": [[0, 4, "Old"]], "label": [[0, 1, "O"]]})
    )
    record.mentions = {"drugs": [Mention(0, 4, "New")]}
    for write in (write_jsonl, write_doccano):
        assert '"New"' in "".join(write([record])) and '"Old"' not in "".join(write([record]))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "not JSON ("),
        (b'{"text": "a\0"}', "a NUL character (character 12), as in UTF-16"),
        (b'{"text": "a\\u0000"}', "a NUL character (character 2), as in UTF-16"),
        (b"\xff{}", "not UTF-8 (byte 16 of the file)"),
        (b"[" * 100_000, "JSON that cannot be read"),
        (b'{"text": ' + b"9" * 5000 + b"}", "JSON that cannot be read"),
        (b'"text"', "not a JSON object"),
        ({}, 'no "text"'),
        ({"text": None}, '"text" is no string'),
        ({"data": ["a"]}, '"data" is no string'),
        (b'{"text": "a \\ud83e b"}', "\\ud83e is half a character"),
        (b'{"text": "a", "x": {"\\udc00": 1}}', "\\udc00 is half a character"),
    ],
)
def test_a_line_at_fault_does_not_lose_the_others(file, line, message):
    path = file({"text": "one"}, line, {"text": "two"})
    first, bad, last = read_jsonl(path)
    assert (first.text, last.text) == ("one", "two")
    assert isinstance(bad, BadRecord) and bad.id == "2"
    assert bad.reason.startswith(f"{path}:2: ") and message in bad.reason


WHOLE = [Word(0, 4)]


@pytest.mark.parametrize(
    ("fields", "kind", "message", "unknown"),
    [
        ({"spans": {"sc": []}}, "MALFORMED", '"spans" is no list of entities', WHOLE),
        ({"spans": ["x"]}, "MALFORMED", '"spans" is no list of entities', WHOLE),
        ({"spans": [{**ENTITY, "end": 5}]}, "OUTSIDE", 'entity 1 in "spans" lies outside', WHOLE),
        ({"label": [[2, 2, "X"]]}, "EMPTY", 'entity 1 in "label" is empty', [Word(1, 3)]),
        ({"label": [[-1, 2, "X"]]}, "OUTSIDE", "offsets -1-2", [Word(0, 2)]),
        ({"label": [["0", 2, "X"]]}, "MALFORMED", "no start and end", WHOLE),
        ({"label": [[True, 2, "X"]]}, "MALFORMED", "no start and end", WHOLE),
        ({"label": [[]]}, "MALFORMED", "no start and end", WHOLE),
        ({"label": [[0, 2]]}, "NO_TYPE", "has no type", [Word(0, 2)]),
        ({"label": [[0, 2, " "]]}, "NO_TYPE", "has no type", [Word(0, 2)]),
        ({"ents": [{"start": 0, "end": 2, "label": 3}]}, "MALFORMED", "no label", WHOLE),
        ({"spans": [{**ENTITY, "head": 3}]}, "MALFORMED", '"head" is no string', WHOLE),
        ({"spans": [{**ENTITY, "score": "high"}]}, "MALFORMED", '"score" is no number', WHOLE),
        ({"spans": [{**ENTITY, "end": 3, "text": "inc"}]}, "OTHER_TEXT", "is 'inc', but", None),
    ],
)
def test_flaws(file, fields, kind, message, unknown):
    path = file({"text": "Zinc", **fields})
    (record,) = read_jsonl(path)
    assert record.mentions == {SOURCE_HEAD: []}
    (flaw,) = record.flaws
    assert (flaw.kind, flaw.place) == (FlawKind[kind], f"{path}:1")
    assert flaw.reason.startswith(f"{path}:1: ") and message in flaw.reason
    assert list(flaw.unknown) == (unknown or [Word(0, 3), Word(1, 4)])


ONE = {"spans": [ENTITY]}
FOUND = [Mention(0, 4, "Chemical")]


@pytest.mark.parametrize(
    ("fields", "mentions", "unknown", "left_out"),
    [
        ({**ONE, "answer": "accept"}, FOUND, [], ""),
        ({**ONE, "answer": "reject"}, None, [], "rejected"),
        ({**ONE, "answer": "Reject"}, None, [], "rejected"),
        ({**ONE, "answer": "ACCEPT"}, FOUND, [], ""),
        ({**ONE, "answer": None}, FOUND, [], ""),
        ({"answer": "Accept", "spans": None}, [], [], ""),
        ({"spans": [{**ENTITY, "answer": "REJECT"}]}, [], [Word(0, 4)], ""),
        ({"answer": "ignore", "spans": []}, None, [], "ignored"),
        ({"answer": "accept", "spans": None}, [], [], ""),
        ({"answer": "accept", "spans": []}, [], [], ""),
        ({"answer": "accept"}, None, [], ""),
        ({"answer": "accept", "_view_id": "ner_manual"}, [], [], ""),
        ({"answer": "accept", "_view_id": "blocks"}, None, [], ""),
        ({**ONE, "answer": "accept", "_view_id": "blocks"}, FOUND, [], ""),
        ({**ONE, "answer": "accept", "_view_id": "relations", "relations": []}, FOUND, [], ""),
        ({**ONE, "answer": "accept", "_view_id": "review"}, FOUND, [], ""),
        ({**ONE, "answer": "accept", "_view_id": "ner"}, FOUND, [Word(4, 10)], ""),
        ({**ONE, "answer": "accept", "_view_id": "spans"}, FOUND, [Word(4, 10)], ""),
        ({"spans": [], "answer": "accept", "_view_id": "ner"}, None, [], ""),
        ({"spans": None, "answer": "accept", "_view_id": "ner"}, None, [], ""),
        ({"spans": [ENTITY] * 2, "answer": "reject", "_view_id": "ner"}, None, [], "rejected"),
        ({"spans": [], "answer": "reject", "_view_id": "spans"}, None, [], "rejected"),
        ({**ONE, "answer": "ignore", "_view_id": "ner"}, None, [], "ignored"),
        ({**ONE, "answer": "reject", "_view_id": "ner_manual"}, None, [], "rejected"),
        ({**ONE, "answer": "accept", "_view_id": "classification"}, None, [], ""),
        ({"answer": "accept", "_view_id": "choice", "accept": ["A"]}, None, [], ""),
        ({**ONE, "answer": "accept", "_view_id": "image_manual"}, None, [], ""),
        ({"spans": [{**ENTITY, "answer": "accept"}]}, FOUND, [], ""),
        ({"spans": [{**ENTITY, "answer": "reject"}]}, [], [Word(0, 4)], ""),
        ({"spans": [{**ENTITY, "answer": "ignore"}]}, [], [Word(0, 4)], ""),
        ({"label": "POSITIVE", "accept": ["A"]}, None, [], ""),
        ({"entities": [{"id": 1, **ENTITY}], "relations": [{"from_id": 1}]}, FOUND, [], ""),
    ],
)
def test_what_annotators_answered(file, fields, mentions, unknown, left_out):
    (record,) = read_jsonl(file({"text": "Zinc cough", **fields}))
    assert record.mentions == ({} if mentions is None else {SOURCE_HEAD: mentions})
    assert record.unknown == ({SOURCE_HEAD: unknown} if unknown else {})
    assert (record.left_out, record.flaws) == (left_out, [])


ALL, REJECTED = Word(0, 10), {**ENTITY, "answer": "reject"}
OTHER = {"start": 5, "end": 10, "label": "Disease"}


@pytest.mark.parametrize(
    ("fields", "rejected", "mentions", "unknown"),
    [
        # The line says it of the one span that it is about.
        ({**ONE, "answer": "reject", "_view_id": "ner"}, FOUND, [], [ALL]),
        ({**ONE, "answer": "REJECT", "_view_id": "spans"}, FOUND, [], [ALL]),
        ({"spans": [REJECTED], "answer": "reject", "_view_id": "ner"}, FOUND, [], [ALL]),
        # The span says it of itself.
        ({"spans": [REJECTED]}, FOUND, [], [Word(0, 4)]),
        ({"spans": [REJECTED], "answer": "accept", "_view_id": "ner"}, FOUND, [], [ALL]),
        (
            {"spans": [REJECTED, OTHER], "answer": "accept", "_view_id": "ner_manual"},
            FOUND,
            [Mention(5, 10, "Disease")],
            [Word(0, 4)],
        ),
        (
            {"spans": [REJECTED, OTHER], "answer": "accept", "_view_id": "ner"},
            FOUND,
            [Mention(5, 10, "Disease")],
            [Word(0, 5)],
        ),
        # To ignore is to say nothing.
        ({"spans": [{**ENTITY, "answer": "ignore"}]}, [], [], [Word(0, 4)]),
        ({**ONE, "answer": "reject", "_view_id": "ner_manual"}, [], None, []),
    ],
)
def test_spans_that_were_rejected_by_themselves(file, fields, rejected, mentions, unknown):
    (record,) = read_jsonl(file({"text": "Zinc cough", **fields}))
    assert record.rejected == ({SOURCE_HEAD: rejected} if rejected else {})
    assert record.mentions == ({} if mentions is None else {SOURCE_HEAD: mentions})
    assert record.unknown == ({SOURCE_HEAD: unknown} if unknown else {})
    assert record.flaws == []
    (bare,) = read_jsonl(file({"text": "Zinc cough", **fields}), gold=False)
    assert bare.rejected == {}


@pytest.mark.parametrize("answer", ["accepted", "no", 1, True, ["accept"]])
def test_unknown_answers(file, answer):
    path = file({"text": "Zinc", **ONE, "answer": answer}, {"text": "Tin", "answer": answer})
    bad, other = read_jsonl(path)
    assert bad.reason.startswith(f'{path}:1: "answer" is ')
    assert "; write accept, reject or ignore" in bad.reason
    assert other.mentions == {}
    assert [record.text for record in read_jsonl(path, gold=False)] == ["Zinc", "Tin"]
    (record,) = read_jsonl(file({"text": "Zinc", "spans": [{**ENTITY, "answer": answer}]}))
    assert [flaw.kind for flaw in record.flaws] == [FlawKind.MALFORMED]
    assert record.mentions == {SOURCE_HEAD: []}


def test_numbers_that_json_lacks_are_null(file):
    span = '{"start": 0, "end": 4, "label": "X", "score": NaN}'
    line = f'{{"text": "Zinc", "spans": [{span}], "a": [NaN, -Infinity]}}'
    huge, twice = b'{"text": "Zinc", "a": 1e999}', b'{"text": "Zinc", "text": "Tin"}'
    record, bad, other = read_jsonl(file(line.encode(), huge, twice))
    assert record.mentions == {SOURCE_HEAD: [Mention(0, 4, "X")]}
    (written,) = write_jsonl([record])
    refuse = pytest.fail
    assert json.loads(written, parse_constant=refuse)["a"] == [None, None]
    assert "source.jsonl:2: JSON that cannot be read (Out of range" in bad.reason
    assert "source.jsonl:3: JSON that cannot be read (the key 'text' twice" in other.reason


@pytest.mark.parametrize(
    ("number", "score"), [(0.25, 0.25), (1, 1.0), (1e-05, 1e-05), (-1, None), (10**50, None)]
)
def test_a_number_that_is_no_probability_is_no_score(file, number, score):
    (record,) = read_jsonl(file({"text": "Zinc", "spans": [{**ENTITY, "score": number}]}))
    (mention,) = record.mentions[SOURCE_HEAD]
    assert mention.score == score


def test_the_identifier_of_a_line_at_fault(file):
    (bad,) = read_jsonl(file({"id": "PMC7", "text": 3}))
    assert bad.id == "PMC7"


def test_offsets_count_code_points(file):
    (record,) = read_jsonl(file({"text": "\U0001f9ea Zinc", "label": [[2, 6, "Chemical"]]}))
    (mention,) = record.mentions[SOURCE_HEAD]
    assert record.text[mention.start : mention.end] == "Zinc"


def test_line_ends_blank_lines_and_compression(tmp_path):
    path = tmp_path / "source.jsonl.gz"
    path.write_bytes(gzip.compress(b'\xef\xbb\xbf{"text": "a"}\r\n\r\n \n{"text": "b"}', mtime=0))
    assert [(record.id, record.text) for record in read_jsonl(path)] == [("1", "a"), ("4", "b")]


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl: cannot be read"):
        list(read_jsonl(tmp_path / "none.jsonl"))
