"""Tags in all four schemes, as files have them that the package reads."""

from itertools import pairwise

from spacy_bioner_mtl.formats.record import SOURCE_HEAD

#: Per scheme: the prefixes of an entity's first token, its last, and an entity's only token.
PREFIXES = {
    "IOB1": ("I", "I", "I"),
    "IOB2": ("B", "I", "B"),
    "IOBES": ("B", "E", "S"),
    "BILUO": ("B", "L", "U"),
}


def tags_in(scheme, spans, length):
    """Tags of a sentence for spans of (first token, token after the last, type)."""
    first, last, single = PREFIXES[scheme]
    tags = ["O"] * length
    previous = None
    for start, end, label in sorted(spans):
        tags[start:end] = [f"I-{label}"] * (end - start)
        if end - start == 1:
            tags[start] = f"{single}-{label}"
        else:
            tags[start], tags[end - 1] = f"{first}-{label}", f"{last}-{label}"
        if scheme == "IOB1" and (start, label) == previous:
            tags[start] = f"B-{label}"
        previous = end, label
    return tags


def write_tagged(record, scheme):
    """A record as a file of words and tags; words of unknown annotation have the tag "-"."""
    starts = [word.start for word in record.words]
    ends = [word.end for word in record.words]
    spans = [
        (starts.index(mention.start), ends.index(mention.end) + 1, mention.label)
        for mention in record.mentions[SOURCE_HEAD]
    ]
    lines = []
    bounds = [*record.sentence_starts, len(record.words)]
    for first, after in pairwise(bounds):
        own = [(start - first, end - first, label) for start, end, label in spans]
        tags = tags_in(scheme, [one for one in own if 0 <= one[0] < after - first], after - first)
        for word, tag in zip(record.words[first:after], tags, strict=True):
            unknown = word in record.unknown.get(SOURCE_HEAD, ())
            lines.append(f"{record.text[word.start : word.end]}\t{'-' if unknown else tag}\n")
        lines.append("\n")
    return "".join(lines)
