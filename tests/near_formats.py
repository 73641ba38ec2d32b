"""Files near those of each format: valid ones, damaged piece by piece or built of their pieces."""

import copy
import gzip
import json
import re
from dataclasses import dataclass, field

from lxml import etree

BIOC_JSON = """{"source": "s", "documents": [{"id": "7", "infons": {"a": "b"}, "passages": [
{"offset": 0, "infons": {"type": "title"}, "text": "Zinc é and 😀 ALS", "annotations": [
{"id": "T1", "infons": {"type": "Chemical", "score": "0.5", "identifier": "MESH:D1"},
"text": "Zinc", "locations": [{"offset": 0, "length": 4}]},
{"id": "T2", "infons": {"type": "Disease"}, "text": "Zinc ALS",
"locations": [{"offset": 0, "length": 4}, {"offset": 13, "length": 3}]}]},
{"offset": 17, "infons": {}, "sentences": [{"offset": 17, "text": "It grows.", "annotations": []}]}
], "annotations": [], "relations": []}]}
"""
BIOC_XML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>s</source><date/><key/><document><id>7</id><infon key="a">b</infon>
<passage><infon key="type">title</infon><offset>0</offset><text>Zinc é &amp; 😀 ALS</text>
<annotation id="T1"><infon key="type">Chemical</infon><infon key="score">0.5</infon>
<location offset="0" length="4"/><text>Zinc</text></annotation>
<annotation id="T2"><infon key="type">Disease</infon><location offset="0" length="4"/>
<location offset="11" length="3"/><text>Zinc ALS</text></annotation></passage>
<passage><offset>15</offset><sentence><offset>15</offset><text>It grows.</text></sentence></passage>
<relation id="R1"><infon key="type">x</infon><node refid="T1" role="r"/></relation></document>
</collection>
"""
PUBMED = """<?xml version="1.0"?>
<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version="1">7</PMID><Article>
<ArticleTitle>Zinc &amp; <i>é</i> ALS</ArticleTitle><Abstract>
<AbstractText Label="AIM" NlmCategory="OBJECTIVE">It <sup>2</sup> grows.</AbstractText>
<AbstractText>More.</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>
<PubmedBookArticle><BookDocument><PMID>8</PMID><ArticleTitle>Gout</ArticleTitle></BookDocument>
</PubmedBookArticle><DeleteCitation><PMID>9</PMID></DeleteCitation></PubmedArticleSet>
"""
PRODIGY = """{"id": 7, "text": "Zinc é 😀 ALS", "spans": [{"start": 0, "end": 4,
"label": "Chemical", "score": 0.5, "kb_id": "D1", "text": "Zinc", "head": "h",
"token_start": 0}], "answer": "accept", "_view_id": "ner_manual",
"meta": {"id": 3}, "relations": [], "tokens": []}
{"text": "ALS", "spans": []}
"""
DOCCANO = """{"id": 7, "data": "Zinc é 😀 ALS", "label": [[0, 4, "Chemical"], [9, 12, "Disease"]]}
{"id": 8, "text": "ALS", "entities": [{"id": 1, "label": "Disease", "start_offset": 0,
"end_offset": 3}], "relations": []}
"""
CONLL = "-DOCSTART-\tO\n\nZinc\tNN\tS-Chemical\nand\tCC\tO\nALS\tNN\tS-Disease\n\ngout\tNN\t-\n"
PUBTATOR = (
    "7|t|Zinc é 😀\n7|a|ALS and gout.\n7\t0\t4\tZinc\tChemical\tD1\n7\t9\t12\tALS\tDisease\t-1\n"
    "7\tCID\tD1\tD2\n\n8|t|Gout\n8|a|\n8\t0\t4\tGout\tDisease\tD3\tgout|gout\n\n"
)
INLINE = (
    "-DOCSTART-\n<Chemical>Zinc</Chemical> é &amp; 😀 <Disease>ALS</Disease> .\nIt &lt; that .\n"
)
TEXT = "Zinc é 😀\r\nand ALS.\n\nIt grows.\n"
ANN = (
    "T1\tChemical 0 4\tZinc\nT2\tDisease 0 4;14 17\tZinc ALS\nN1\tReference T1 MESH:D1\tZinc\n"
    "#1\tAnnotatorNotes T1\thead=h; score=0.5\nR1\tRel Arg1:T1 Arg2:T2\nE1\tX:T1 Y:T2\n"
    "*\tEquiv T1 T2\n"
)

#: What breaks readers, whatever the format
_ANY = [
    "",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\0",
    "\x1c",
    "\x85",
    "\u2028",
    "\ufeff",
    "é",
    "😀",
]
_ANY += ["0", "-1", "4", "99", "1.5", "1e999", "²", "٣", "9" * 30, "9" * 5000, "nan", "x" * 3000]
_BYTES = [b"\xff", b"\xed\xa0\x80", b"\xc3", b"\xf0\x9f", b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff"]
_JSON = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "1",
    "[]",
    "{}",
    '""',
    '"\\ud800"',
    "NaN",
]
_JSON += ["-Infinity", '"\\u0000"', "[" * 3000, '{"a":' * 3000, "1" * 5000, '"text"', '"data"']
_JSON += ['"spans"', '"label"', '"answer"', '"documents"', '"passages"', '"offset"', '"locations"']
_XML = [
    "<",
    ">",
    "&",
    "&amp;",
    "&alpha;",
    "&#0;",
    "&#xD800;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?x",
]
_XML += ["?>", "<text/>", "<text>", "</text>", "<annotation>", "</annotation>", "<location/>"]
_XML += ["<passage>", "</passage>", "<document>", "</document>", "<collection>", "</collection>"]
_XML += ["<infon>", "</infon>", '<!DOCTYPE collection [<!ENTITY a "b">]>', "&a;", "<offset/>"]
_XML += ["<PubmedArticle>", "</PubmedArticle>", "<PMID/>", "<Article>", "</Article>"]
_XML += ['encoding="UTF-16"', 'encoding="latin-1"', 'encoding="x"', 'standalone="yes"']
_LINES = [
    "-DOCSTART-",
    "O",
    "B-",
    "I-X",
    "S-X",
    "-",
    "B-X-Y",
    "b-x",
    "E",
    "#",
    "###7",
    "|t|",
    "|a|",
]
_LINES += ["7|t|", "8|a|", "T1", "T", "N1", "#1", "Reference", "AnnotatorNotes", "0 4", "4 0", ";"]
_LINES += ["head=", "score=", "<Chemical>", "</Chemical>", "<", "</", "&lt;", "&#65;", "D1|D2"]


@dataclass(frozen=True)
class Near:
    """Where the files of a format are looked for.

    seeds (list[str]): Valid files.
    pieces (list[str]): What may stand in them.
    units (str): Regular expression of what is taken as one piece of a valid file.
    tree (str): "json" or "xml", if files are trees, of which parts are changed as well.
    options (list[dict]): What readers may be called with.
    """

    seeds: list[str]
    pieces: list[str]
    units: str
    tree: str = ""
    options: list[dict[str, object]] = field(default_factory=lambda: [{}])


_WORDS = r"\w+|\s|[^\w\s]"
_IN_JSON = r'"(?:[^"\\]|\\.)*"|\w+|\s|[^\w\s]'
_IN_XML = r"<[^<>]*>|\w+|\s|[^\w\s]"
_COLUMNS = [
    {"label": "X"},
    {"label": "X"},
    {},
    {"word_column": 1},
    {"word_column": 2, "label": "X"},
]
FORMATS_NEAR = {
    "conll": Near([CONLL, "Zinc B\nand O\n"], _LINES, _WORDS, options=_COLUMNS),
    "inline": Near([INLINE], _LINES, _WORDS),
    "text": Near([TEXT], _LINES, _WORDS),
    "lines": Near([TEXT], _LINES, _WORDS),
    "jsonl": Near([PRODIGY.replace(",\n", ", ")], _JSON, _IN_JSON, "json"),
    "doccano": Near([DOCCANO.replace(",\n", ", ")], _JSON, _IN_JSON, "json"),
    "pubtator": Near([PUBTATOR], _LINES, _WORDS),
    "bioc-xml": Near([BIOC_XML], _XML, _IN_XML, "xml"),
    "bioc-json": Near([BIOC_JSON, BIOC_JSON.replace("\n", "")], _JSON, _IN_JSON, "json"),
    "brat": Near([ANN], _LINES, _WORDS),
    "pubmed": Near([PUBMED], _XML, _IN_XML, "xml"),
}

_SCALARS = [None, True, 0, -1, 4, 1.5, 1e300, 10**25, "", "Zinc", "\ud800", "\0", "x\ny"]
_SCALARS += [[], {}, [[]], [{}], ["Zinc"], {"offset": 0, "length": 4}, [0, 4, "X"]]


class Choices:
    """Choices that bytes make. When they are at their end, the first is chosen every time.

    Hypothesis draws bytes a hundred times as fast as it draws the choices one by one, and makes
    them few and small where a reader fails.

    data (bytes): The bytes.
    """

    def __init__(self, data):
        self._bytes = iter(data)

    def below(self, number):
        """Choose a number below another one."""
        chosen = next(self._bytes, 0)
        return (chosen if number <= 256 else chosen * 256 + next(self._bytes, 0)) % number

    def one_of(self, values):
        """Choose one of several values."""
        return values[self.below(len(values))]


def make_content(near, choices):
    """Make the content of a file near a format, as bytes.

    near (Near): The format.
    choices (Choices): What decides.
    """
    seed = choices.one_of(near.seeds)
    kinds = [_damage, _damage, _build, _pack]
    if near.tree:
        kinds += [_change_json if near.tree == "json" else _change_xml] * 4
    return choices.one_of(kinds)(seed, near, choices)


def _encode(text):
    return text.encode("utf-8", "surrogatepass")


def _damage(seed, near, choices):
    """Change a file piece by piece."""
    units = [_encode(unit) for unit in re.findall(near.units, seed, re.DOTALL)]
    for _ in range(1 + choices.below(6)):
        kind = choices.below(8)
        at = choices.below(len(units) + 1)
        if kind in (1, 2):
            units[at : at + kind - 1] = [_piece(near, choices)]
        elif kind == 3:
            del units[at : at + 1 + choices.below(8)]
        elif kind == 4:
            units[at:at] = units[max(at - choices.below(32), 0) : at]
        elif kind == 5:
            del units[at:]
        elif at < len(units) and units[at]:
            damaged = bytearray(units[at])
            damaged[choices.below(len(damaged))] ^= 1 << choices.below(8)
            units[at] = bytes(damaged) if kind == 6 else units[at].swapcase()
    return b"".join(units)


def _build(seed, near, choices):
    """Put pieces together."""
    return b"".join(_piece(near, choices) for _ in range(choices.below(24)))


def _piece(near, choices):
    return choices.one_of([*map(_encode, [*near.pieces, *_ANY]), *_BYTES])


def _pack(seed, near, choices):
    """Compress; damage what is compressed."""
    packed = gzip.compress(_damage(seed, near, choices), choices.below(10), mtime=0)
    kind, at = choices.below(4), choices.below(len(packed))
    if kind == 1:
        return packed[:at]
    if kind == 2:
        return packed[:at] + bytes([packed[at] ^ 1 << choices.below(8)]) + packed[at + 1 :]
    return packed + packed[:at] if kind == 3 else packed


def _change_json(seed, near, choices):
    """Remove and repeat values, and put others, of other types, in their places."""
    lines = [seed] if "documents" in seed else seed.splitlines()
    values = [json.loads(line) for line in lines]
    for _ in range(1 + choices.below(4)):
        places = list(_places(values))
        (holder, key), (other, other_key) = choices.one_of(places), choices.one_of(places)
        kind = choices.below(4)
        if kind == 0:
            holder[key] = copy.deepcopy(choices.one_of(_SCALARS))
        elif kind == 1:
            holder[key] = copy.deepcopy(other[other_key])
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(other[other_key]))
        elif kind == 2:
            del holder[key]
    return _encode("\n".join(map(json.dumps, values)))


def _places(value):
    for key, inside in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inside, dict | list):
            yield from _places(inside)


def _change_xml(seed, near, choices):
    """Remove, repeat, rename, move and fill elements and attributes."""
    root = etree.fromstring(seed.encode())
    for _ in range(1 + choices.below(4)):
        elements = list(root.iter())
        element, other = choices.one_of(elements), choices.one_of(elements)
        kind, parent = choices.below(6), element.getparent()
        text = str(choices.one_of(_SCALARS)).replace("\0", "").replace("\ud800", "")
        if kind == 0 and parent is not None:
            parent.remove(element)
        elif kind == 1 and parent is not None:
            parent.append(copy.deepcopy(element))
        elif kind == 2:
            element.tag = other.tag
        elif kind == 3 and element.attrib:
            element.set(choices.one_of(sorted(element.attrib)), text)
        elif kind == 4:
            other.append(copy.deepcopy(element))
        else:
            element.text = text
    return bytes(etree.tostring(root, encoding="utf-8"))
