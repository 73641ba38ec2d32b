import gzip
import io
import json
import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from real_data import PUBTATOR, needs

bioc = pytest.importorskip("bioc")
from bioc import biocjson, biocxml  # noqa: E402
from lxml import etree  # noqa: E402

from spacy_bioner_mtl.errors import InputError  # noqa: E402
from spacy_bioner_mtl.formats.bioc import MAXIMUM_GAP  # noqa: E402
from spacy_bioner_mtl.formats.bioc_json import read_bioc_json, write_bioc_json  # noqa: E402
from spacy_bioner_mtl.formats.bioc_xml import read_bioc_xml, write_bioc_xml  # noqa: E402
from spacy_bioner_mtl.formats.pubtator import read_pubtator  # noqa: E402
from spacy_bioner_mtl.formats.record import (  # noqa: E402
    MERGED_HEAD,
    SOURCE_HEAD,
    BadRecord,
    FlawKind,
    Mention,
    Passage,
    Record,
    Word,
)

FORMATS = {
    "xml": (write_bioc_xml, read_bioc_xml, biocxml.loads),
    "json": (write_bioc_json, read_bioc_json, biocjson.loads),
}
BOTH = pytest.mark.parametrize("name", FORMATS)

#: In the style of what PubTator Central gives out.
PUBTATOR_CENTRAL = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>PubTator</source><date/><key>BioC.key</key>
<document>
  <id>101</id>
  <infon key="tt_version">3</infon>
  <passage>
    <infon key="journal">Made Up;2020;1(1)</infon><infon key="type">title</infon>
    <offset>0</offset>
    <text>Zinc &amp; \N{GREEK SMALL LETTER BETA}-ester \U0001f9ea against cough</text>
    <annotation id="2">
      <infon key="identifier">MESH:D015032</infon><infon key="type">Chemical</infon>
      <location offset="0" length="4"/><text>Zinc</text>
    </annotation>
    <annotation id="3">
      <infon key="type">Chemical</infon>
      <location offset="7" length="7"/><text>\N{GREEK SMALL LETTER BETA}-ester</text>
    </annotation>
  </passage>
  <passage>
    <infon key="type">abstract</infon>
    <offset>31</offset>
    <text>Dry and wet cough, and no fever.</text>
    <annotation id="4">
      <infon key="type">Disease</infon><infon key="identifier">MESH:D003371</infon>
      <location offset="39" length="9"/><text>wet cough</text>
    </annotation>
    <annotation id="5">
      <infon key="type">Disease</infon>
      <location offset="43" length="5"/><location offset="31" length="3"/><text>Dry cough</text>
    </annotation>
    <relation id="R1"><infon key="type">Negative</infon><node refid="2" role=""/></relation>
  </passage>
</document>
<document><id>102</id><passage><offset>0</offset></passage></document>
</collection>
"""


@pytest.fixture
def file(tmp_path):
    def write(content, name="corpus"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def passage(offset, text="", annotations="", infons=""):
    text = f"<text>{text}</text>" if text else ""
    return f"<passage>{infons}<offset>{offset}</offset>{text}{annotations}</passage>"


def annotation(offset, length, text=None, type="X", id="T1"):
    said = "" if text is None else f"<text>{text}</text>"
    return (
        f'<annotation id="{id}"><infon key="type">{type}</infon>'
        f'<location offset="{offset}" length="{length}"/>{said}</annotation>'
    )


def collection(*documents):
    lines = [f"<document><id>{id}</id>\n{content}</document>" for id, content in documents]
    return "\n".join(["<collection>", *lines, "</collection>"])


def send(file, name, records):
    """Through a file and back."""
    write, read, _ = FORMATS[name]
    return list(read(file("".join(write(records)))))


def marks(record):
    """All mentions, comparable."""
    return sorted(
        (head, one.start, one.end, one.label, one.identifier, one.fragments)
        for head, some in record.mentions.items()
        for one in some
    )


def test_document_of_pubtator_central(file):
    first, second = read_bioc_xml(file(PUBTATOR_CENTRAL))
    title = "Zinc & \N{GREEK SMALL LETTER BETA}-ester \U0001f9ea against cough"
    assert first == Record(
        id="101",
        text=f"{title}\nDry and wet cough, and no fever.",
        mentions={
            SOURCE_HEAD: [
                Mention(0, 4, "Chemical", identifier="MESH:D015032"),
                Mention(7, 14, "Chemical"),
                Mention(39, 48, "Disease", identifier="MESH:D003371"),
                Mention(31, 48, "Disease", fragments=((31, 34), (43, 48))),
            ]
        },
        passages=[
            Passage(0, 30, "title", {"journal": "Made Up;2020;1(1)", "type": "title"}),
            Passage(31, 63, "abstract", {"type": "abstract"}),
        ],
        meta={"tt_version": "3"},
    )
    assert second == Record("102", "", {SOURCE_HEAD: []})


@BOTH
def test_document_of_pubtator_central_and_back(file, name):
    first, second = read_bioc_xml(file(PUBTATOR_CENTRAL))
    again, _ = send(file, name, [first, second])
    assert marks(again) == marks(first)
    first.mentions = again.mentions = {}
    assert again == first


@pytest.mark.parametrize("gold", [True, False])
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (passage(0, "TNF-<sup>alpha</sup> rises"), "TNF-alpha rises"),
        (passage(0, "<i>H<sub>2</sub></i>O") + passage(4, "melts"), "H2O\nmelts"),
        (
            "<passage><offset>0</offset><sentence><text>A <b>b</b></text></sentence></passage>",
            "A b",
        ),
    ],
)
def test_markup_inside_of_texts(file, gold, content, text):
    (record,) = read_bioc_xml(file(collection(("a", content))), gold=gold)
    assert record.text == text


LOST = [
    ("<passage><text>One</text><text>Two</text></passage>", "a second <text> in one <passage>"),
    (
        f"<passages>{passage(0, 'One')}</passages>",
        "its text in <passages><passage><text> is not where",
    ),
    ("<passage><Text>One</Text></passage>", "its text in <passage><Text> is not where BioC"),
    (f"{passage(0, 'One')}<passage><Text>Two</Text></passage>", "its text in <passage><Text>"),
    ("<text>One</text>", "its text in <text> is not where"),
    ("<passage><content>One</content></passage>", "no passage with a text in it"),
    ("", "no passage with a text in it"),
]


@pytest.mark.parametrize("gold", [True, False])
@pytest.mark.parametrize(("content", "what"), LOST)
def test_texts_at_places_where_they_would_be_lost(file, gold, content, what):
    path = file(collection(("a", content), ("b", passage(0, "Good"))))
    bad, good = read_bioc_xml(path, gold=gold)
    assert good.text == "Good"
    assert re.match(rf"{re.escape(str(path))}:\d+: document 'a': {what}", bad.reason)


def test_documents_inside_of_other_elements(file):
    one, two = (f"<document><id>{i}</id>{passage(0, 'A')}</document>" for i in (1, 2))
    path = file(f"<collection>\n<documents>\n{one}\n{one}</documents>{two}</collection>")
    first, second, good = read_bioc_xml(path)
    assert good.id == "2"
    assert [each.reason for each in (first, second)] == [
        f"{path}:{line}: a 'document' inside of 'documents', where it has to stand directly in "
        "'collection'; take it out of there"
        for line in (3, 4)
    ]


def test_compressed(file):
    path = file(gzip.compress(PUBTATOR_CENTRAL.encode(), mtime=0))
    assert [record.id for record in read_bioc_xml(path)] == ["101", "102"]


def test_text_from_sentences(file):
    sentence = "<sentence><offset>{}</offset><text>{}</text>{}</sentence>".format
    path = file(
        collection(
            (
                1,
                passage(0, "Title")
                + passage(
                    6,
                    annotations=sentence(6, "One.", annotation(6, 3, "One"))
                    + sentence(11, "Two.", annotation(11, 3, "Two")),
                ),
            )
        )
    )
    (record,) = read_bioc_xml(path)
    assert record.text == "Title\nOne. Two."
    assert record.passages[1] == Passage(6, 15, "")
    assert record.mentions[SOURCE_HEAD] == [Mention(6, 9, "X"), Mention(11, 14, "X")]


def test_missing_characters_between_passages(file):
    passages = [passage(0, "one"), passage(3, "two"), passage(10, "three")]
    (record,) = read_bioc_xml(file(collection((1, "".join(passages)))))
    assert record.text == "onetwo\n   three"
    assert [one.start for one in record.passages] == [0, 3, 10]
    assert not any(one.meta for one in record.passages)


@pytest.mark.parametrize(
    ("offsets", "starts"),
    [
        ((7, 11, 15), (0, 4, 8)),
        ((8, 4, 0), (0, 4, 8)),
        ((0, 2, 6), (0, 4, 8)),
        ((0, 4, 4), (0, 4, 8)),
        ((0, 3 + MAXIMUM_GAP, 6 + MAXIMUM_GAP), (0, 3 + MAXIMUM_GAP, 6 + MAXIMUM_GAP)),
        ((0, 4 + MAXIMUM_GAP, 8 + MAXIMUM_GAP), (0, 4, 8)),
        ((0, 10**15, 10**15 + 4), (0, 4, 8)),
        ((-5, -1, 3), (0, 4, 8)),
    ],
)
@BOTH
def test_offsets_that_no_text_has(file, name, offsets, starts):
    words = ["one", "two", "six"]
    content = [
        passage(offset, word, annotation(offset, 3, word))
        for offset, word in zip(offsets, words, strict=True)
    ]
    (record,) = read_bioc_xml(file(collection((1, "".join(content)))))
    assert tuple(one.start for one in record.passages) == starts
    assert [record.text[one.start : one.end] for one in record.passages] == words
    assert [record.text[one.start : one.end] for one in record.mentions[SOURCE_HEAD]] == words
    write, _, load = FORMATS[name]
    (document,) = load("".join(write([record]))).documents
    assert tuple(one.offset for one in document.passages) == offsets
    assert tuple(one.annotations[0].locations[0].offset for one in document.passages) == offsets
    assert send(file, name, [record]) == [record]


def test_annotations_beside_the_passages(file):
    beside = annotation(4, 3, "two", id="D1") + '<annotation id="D2"><infon key="a">b</infon>'
    beside += "</annotation>" + annotation(0, 3)
    (record,) = read_bioc_xml(file(collection((1, passage(0, "one") + passage(4, "two") + beside))))
    assert record.mentions[SOURCE_HEAD] == [Mention(4, 7, "X"), Mention(0, 3, "X")]


def test_kinds_of_passages(file):
    infons = ['<infon key="section_type">INTRO</infon>', "", '<infon key="type">paragraph</infon>']
    infons[1] = infons[0] + infons[2]
    content = "".join(passage(2 * i, "a", infons=one) for i, one in enumerate(infons))
    (record,) = read_bioc_xml(file(collection((1, content))))
    assert [one.kind for one in record.passages] == ["INTRO", "paragraph", "paragraph"]
    written = "".join(write_bioc_xml([record]))
    assert "".join(re.findall("<infon.*</infon>", written)) == "".join(infons)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (passage(0, "Zinc &alpha;"), "the entity &alpha;"),
        (passage(0, "Zinc", infons='<infon key="k">&beta;</infon>'), "the entity &beta;"),
    ],
)
def test_bad_documents_do_not_lose_others(file, content, what):
    written = collection(("a", passage(0, "good")), ("b", content), ("c", passage(0, "good")))
    path = file(f'<!DOCTYPE collection SYSTEM "none.dtd">\n{written}')
    first, bad, last = read_bioc_xml(path)
    assert (first.id, bad.id, last.id) == ("a", "b", "c")
    assert isinstance(bad, BadRecord)
    assert bad.reason.startswith(f"{path}:5: document 'b': ")
    assert what in bad.reason


ENTITY = '<annotation id="A"><infon key="type">X</infon><text>&zinc;</text></annotation>'


@pytest.mark.parametrize(
    ("content", "kind", "what", "unknown"),
    [
        (annotation(0, 4, "Zink"), "OTHER_TEXT", "is 'Zink', but the text", [Word(0, 4)]),
        (annotation(6, 4, "Zinc"), "OUTSIDE", "lies outside of the text of 9", None),
        (annotation(7, 4), "OUTSIDE", "offsets 7-11", [Word(7, 9)]),
        (annotation(-1, 2), "OUTSIDE", "offsets -1-1", [Word(0, 1)]),
        (annotation(2, 0), "EMPTY", "is empty", [Word(1, 3)]),
        (annotation(0, 4, type=""), "NO_TYPE", "has no type", [Word(0, 4)]),
        ('<annotation id="A"><location/></annotation>', "MALFORMED", "offset is no whole", None),
        (ENTITY, "MALFORMED", "refers to the entity &zinc;", None),
        ('<annotation id="A"><infon>X</infon></annotation>', "MALFORMED", "without a key", None),
    ],
)
def test_flaws(file, content, kind, what, unknown):
    path = file(
        '<!DOCTYPE collection SYSTEM "none.dtd">\n'
        + collection(("a", passage(0, "Zinc oxid", content)))
    )
    (record,) = read_bioc_xml(path)
    assert (record.text, record.mentions) == ("Zinc oxid", {SOURCE_HEAD: []})
    (flaw,) = record.flaws
    assert flaw.kind is FlawKind[kind]
    assert flaw.place.endswith(": document 'a'") and what in flaw.reason
    if "Zinc" in content:
        assert list(flaw.unknown) == [Word(0, 4), Word(6, 9)]
    else:
        assert list(flaw.unknown) == (unknown or [Word(0, 9)])


@pytest.mark.parametrize("end", ["</document>", "", "<passage></document></collection>", "\0"])
def test_malformed_xml(file, end):
    whole = collection(("a", passage(0, "good")), ("b", passage(0, "good")))
    path = file(whole.removesuffix("</collection>") + "\n" + end)
    records = read_bioc_xml(path)
    assert [next(records).id, next(records).id] == ["a", "b"]
    with pytest.raises(InputError) as caught:
        next(records)
    assert str(caught.value).startswith(f"{path}:7: malformed or cut off XML")


@pytest.mark.parametrize("content", ["", "no XML", "<collection>", '{"documents": []}'])
def test_no_xml(file, content):
    path = file(content)
    with pytest.raises(InputError, match=re.escape(f"{path}:1: malformed")):
        list(read_bioc_xml(path))


def test_other_xml(file):
    path = file(f"<html>{'<p>text</p>' * 20_000}")
    with pytest.raises(InputError, match="the root of this XML file is 'html' where 'collection'"):
        list(read_bioc_xml(path))


def test_gzip_cut_off(file):
    random = bytes(range(256)) * 10
    documents = [(i, passage(0, random[i:].hex())) for i in range(200)]
    path = file(gzip.compress(collection(*documents).encode(), mtime=0)[:-20])
    read = []
    with pytest.raises(InputError, match="damaged or cut off"):
        read.extend(read_bioc_xml(path))  # keeps what came before the error
    assert len(read) > 100


def test_entities_are_not_loaded(file, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    declared = f'<!ENTITY a SYSTEM "{secret.as_uri()}"><!ENTITY b "inner">'
    documents = [(1, passage(0, "x&a;y")), (2, passage(0, "x&b;y")), (3, passage(0, "&#946;&lt;"))]
    path = file(f"<!DOCTYPE collection [{declared}]>{collection(*documents)}")
    one, two, three = read_bioc_xml(path)
    assert isinstance(one, BadRecord)
    assert isinstance(two, BadRecord)
    assert three.text == "\N{GREEK SMALL LETTER BETA}<"


def test_entities_are_not_multiplied(file):
    names = "abcdefghijkl"
    declared = "".join(f'<!ENTITY {name} "{f"&{inner};" * 10}">' for inner, name in pairwise(names))
    path = file(
        f'<!DOCTYPE collection [<!ENTITY a "aaaaaaaaaa">{declared}]>'
        + collection((1, passage(0, "&l;")))
    )
    try:
        (record,) = read_bioc_xml(path)
    except InputError as error:
        assert "amplification" in str(error)
    else:
        assert isinstance(record, BadRecord)


@BOTH
def test_heads_scores_and_concepts(file, name):
    mentions = {
        "genes": [Mention(0, 4, "GENE", score=0.98765432)],
        SOURCE_HEAD: [Mention(0, 4, "X", identifier="D1")],
        MERGED_HEAD: [Mention(5, 8, "Y")],
        "none": [],
    }
    (record,) = send(file, name, [Record("1", "BRAC and", mentions)])
    assert record.mentions == {
        "genes": [Mention(0, 4, "GENE", score=0.9877)],
        SOURCE_HEAD: [Mention(0, 4, "X", identifier="D1"), Mention(5, 8, "Y")],
    }


@pytest.mark.parametrize("score", ["high", "", "-1", "nan", "1.2.3"])
def test_scores_of_other_kinds(file, score):
    infon = f'<infon key="score">{score}</infon><location'
    one = annotation(0, 4).replace("<location", infon)
    (record,) = read_bioc_xml(file(collection((1, passage(0, "Zinc", one)))))
    assert record.mentions == {SOURCE_HEAD: [Mention(0, 4, "X")]}


@BOTH
def test_text_without_passages_is_one(name):
    write, _, load = FORMATS[name]
    (document,) = load("".join(write([Record("1", " a\r\nb ")]))).documents
    assert [(one.offset, one.text, one.infons) for one in document.passages] == [
        (0, " a\r\nb ", {})
    ]


@BOTH
def test_text_outside_of_passages(file, name):
    passages = [Passage(2, 3, "title"), Passage(4, 5, "p"), Passage(6, 6, "q"), Passage(8, 9, "r")]
    mentions = [Mention(0, 1, "X"), Mention(3, 4, "X"), Mention(7, 10, "X")]
    record = Record("1", "0\n2\n4-6  9 ", {SOURCE_HEAD: mentions}, passages=passages)
    (again,) = send(file, name, [record])
    assert again.text == record.text
    assert marks(again) == marks(record)
    assert [(one.start, one.end, one.kind) for one in again.passages] == [
        (0, 2, ""),
        (2, 3, "title"),
        (4, 5, "p"),
        (5, 6, ""),
        (6, 6, "q"),
        (6, 8, ""),
        (8, 9, "r"),
        (9, 11, ""),
    ]


@pytest.mark.parametrize("offset", [7, "7", None, [1]])
def test_offsets_in_meta_that_do_not_fit_the_text(file, offset):
    passages = [Passage(0, 3, ""), Passage(4, 7, "", {"bioc_offset": offset})]
    (again,) = send(file, "json", [Record("1", "one\ntwo", passages=passages)])
    assert again.text == "one\ntwo"


@BOTH
def test_mention_across_passages_stands_where_it_begins(file, name):
    passages = [Passage(0, 3, "title"), Passage(4, 7, "abstract")]
    mentions = {SOURCE_HEAD: [Mention(1, 6, "X"), Mention(3, 5, "Y")]}
    record = Record("1", "one\ntwo", mentions, passages=passages)
    write, _, load = FORMATS[name]
    (document,) = load("".join(write([record]))).documents
    first, second = document.passages
    assert [one.text for one in first.annotations] == ["ne\ntw", "\nt"]
    assert second.annotations == []
    assert marks(send(file, name, [record])[0]) == marks(record)


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (Record("7", "one", passages=[Passage(0, 2, ""), Passage(1, 3, "")]), "passage 1-3 over"),
        (Record("7", "one", passages=[Passage(0, 4, "")]), "passage 0-4 overlaps"),
        (Record("7", "one", {"H": [Mention(2, 4, "X")]}), "offsets 2-4 lie outside"),
        (Record("7", "half \ud800"), "(half of a surrogate pair|characters that XML cannot)"),
    ],
)
@BOTH
def test_records_that_cannot_be_written(file, name, record, what):
    write, read, _ = FORMATS[name]
    pieces = write([record, Record("8", "two"), record, Record("9", "three")])
    written = []
    failures = 0
    while True:
        try:
            written.append(next(pieces))
        except StopIteration:
            break
        except ValueError as error:
            assert re.match(f"record '7': .*{what}", str(error))
            failures += 1
    assert failures == 2
    assert [one.id for one in read(file("".join(written)))] == ["8", "9"]


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (Record("7", "a\0b"), r"U\+0000 at 1 of its text"),
        (Record("7", "ab\ufffe"), r"U\+FFFE at 2 of its text"),
        (Record("7", "ab\x1b"), r"U\+001B at 2 of its text"),
        (Record("7", "ab", {"H": [Mention(0, 1, "\x1b")]}), "characters that XML cannot;"),
        (Record("7", "ab", meta={"a": "\x1b"}), "characters that XML cannot;"),
        (Record("7", "ab", meta={"\x1b": "a"}), "characters that XML cannot;"),
        (Record("\x1b", "ab"), "characters that XML cannot;"),
    ],
)
def test_characters_that_xml_cannot_hold(record, what):
    with pytest.raises(ValueError, match=what):
        list(write_bioc_xml([record]))


@BOTH
def test_meta_of_other_formats(file, name):
    meta = {"year": 2020, "authors": ["A", "B"], "checked": True, "none": None, "name": "x"}
    passages = [Passage(0, 4, "abstract", {"label": "AIM"})]
    (record,) = send(file, name, [Record("1", "text", meta=meta, passages=passages)])
    assert record.passages == [Passage(0, 4, "abstract", {"label": "AIM", "type": "abstract"})]
    if name == "json":
        assert record.meta == {**meta, "none": ""}
    else:
        assert {key: json.loads(record.meta[key]) for key in ("year", "authors", "checked")} == {
            key: meta[key] for key in ("year", "authors", "checked")
        }
        assert record.meta["name"] == "x"


#: As the published grammar orders elements.
GRAMMAR = etree.DTD(
    io.StringIO("""
<!ELEMENT collection (source, date, key, infon*, document*)>
<!ELEMENT document (id, infon*, passage*, relation*)>
<!ELEMENT passage (infon*, offset, ((text?, annotation*) | sentence*), relation*)>
<!ELEMENT annotation (infon*, location*, text)>
<!ELEMENT source (#PCDATA)><!ELEMENT date (#PCDATA)><!ELEMENT key (#PCDATA)>
<!ELEMENT id (#PCDATA)><!ELEMENT offset (#PCDATA)><!ELEMENT text (#PCDATA)>
<!ELEMENT infon (#PCDATA)><!ATTLIST infon key CDATA #REQUIRED>
<!ATTLIST annotation id CDATA #IMPLIED>
<!ELEMENT location EMPTY><!ATTLIST location offset CDATA #REQUIRED length CDATA #REQUIRED>
""")
)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_the_written_file_is_valid(n):
    passages = [Passage(0, 11, "title"), Passage(12, 15, "abstract", {"label": "AIM"})]
    pieces = ((0, 3), (8, 11))
    mentions = {"H": [Mention(12, 15, "X", 0.5, "D1"), Mention(0, 11, "Y", None, "", pieces)]}
    record = Record("1", "one and six\ntwo", mentions, passages=passages, meta={"a": "b"})
    written = "".join(write_bioc_xml([record] * n))
    tree = etree.fromstring(written.encode())
    assert GRAMMAR.validate(tree), GRAMMAR.error_log
    assert tree.getroottree().docinfo.system_url == "BioC.dtd"
    for name, (write, _, load) in FORMATS.items():
        loaded = load("".join(write([record] * n)))
        bioc.validate(loaded)
        assert len(loaded.documents) == n, name


XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\r\n\t \x85\u200b\u2028\U0001f9eae\u0301&<>]\"'"),
    max_size=40,
)
ANY_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0") | st.sampled_from("\r\n "),
    max_size=40,
)


def spans(text):
    offsets = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    return offsets.filter(lambda pair: pair[0] < pair[1])


@st.composite
def make_records(draw, texts):
    """Any record: passages anywhere that do not overlap, mentions that do."""
    text = draw(texts)
    bounds = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    passages = [
        Passage(start, end, kind, {"type": kind} if kind else {})
        for start, end in zip(bounds[::2], bounds[1::2], strict=False)
        if (kind := draw(st.sampled_from(["title", "abstract", ""]))) is not None
    ]
    mentions = {}
    for start, end in draw(st.lists(spans(text), max_size=5)) if text else ():
        head = draw(st.sampled_from([SOURCE_HEAD, "genes", "other head"]))
        middle = draw(st.integers(start, end))
        after = draw(st.integers(middle, end))
        pieces = ((start, middle), (after, end))
        if not start < middle < after < end:
            pieces = ()
        mention = Mention(
            start,
            end,
            draw(st.sampled_from(["Gene", "cell type", "\N{GREEK SMALL LETTER BETA}"])),
            draw(st.none() | st.sampled_from([0.0, 0.1234, 1.0, 0.0001])),
            draw(st.sampled_from(["", "MESH:D1", "D2|D3"])),
            pieces,
        )
        mentions.setdefault(head, []).append(mention)
    return Record(draw(st.sampled_from(["1", "", "a/b <c>"])), text, mentions, passages=passages)


def by_place(mentions):
    return {
        head: sorted(some, key=lambda one: (one.start, one.end, repr(one)))
        for head, some in mentions.items()
    }


@BOTH
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_written_is_read_again(file, name, data):
    texts = XML_TEXT if name == "xml" else ANY_TEXT
    records = data.draw(st.lists(make_records(texts), max_size=3))
    again = send(file, name, records)
    assert len(again) == len(records)
    for one, other in zip(records, again, strict=True):
        assert (other.id, other.text) == (one.id, one.text)
        expected = by_place(one.mentions) or {SOURCE_HEAD: []}
        assert by_place(other.mentions) == expected
        named = [each for each in one.passages if each.kind]
        assert [each for each in other.passages if each.kind] == named


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text())
@example(text="\x85\x7f\ufdd0\u2028")
@example(text="\x00")
@example(text="\ud800")
def test_xml_holds_a_text_or_refuses_it(file, text):
    try:
        pieces = list(write_bioc_xml([Record("1", text)]))
    except ValueError as error:
        assert "record '1'" in str(error)
        with pytest.raises(ValueError):
            etree.Element("text").text = text
    else:
        (record,) = read_bioc_xml(file("".join(pieces)))
        assert record.text == text


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_offsets_of_passages(file, data):
    """Whatever offsets a source gives, its texts are there, in order, and it is written again."""
    texts = data.draw(st.lists(XML_TEXT, min_size=1, max_size=4))
    offsets = [data.draw(st.integers(-10, 60) | st.integers()) for _ in texts]
    document = bioc.BioCDocument()
    document.id = "1"
    for offset, text in zip(offsets, texts, strict=True):
        made = bioc.BioCPassage()
        made.offset, made.text, made.infons["type"] = offset, text, "p"
        document.add_passage(made)
    content = biocjson.dumps({"documents": [document]})
    (record,) = read_bioc_json(file(content))
    assert [record.text[one.start : one.end] for one in record.passages] == texts
    assert len(record.text) <= sum(map(len, texts)) + MAXIMUM_GAP * len(texts)
    (again,) = FORMATS["json"][2]("".join(write_bioc_json([record]))).documents
    assert [one.offset for one in again.passages] == offsets
    assert send(file, "json", [record]) == [record]


@needs(PUBTATOR)
@BOTH
@pytest.mark.parametrize("corpus", ["BC5CDR_Test", "NCBIdisease_Test"])
def test_published_corpora(file, name, corpus):
    records = list(read_pubtator(PUBTATOR / f"{corpus}.PubTator"))
    again = send(file, name, records)
    assert [one.id for one in again] == [one.id for one in records]
    assert [one.text for one in again] == [one.text for one in records]
    assert [marks(one) for one in again] == [marks(one) for one in records]
