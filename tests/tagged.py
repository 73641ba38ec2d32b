"""What the tests of files with tags share."""

from spacy_bioner_mtl.formats.conll import read_conll
from spacy_bioner_mtl.formats.gold_records import GoldReport, read_gold
from spacy_bioner_mtl.formats.record import SOURCE_HEAD


def read_strictly(path):
    """The sentences of a CoNLL file without any flaw."""
    return list(read_gold(read_conll, path, GoldReport(), strict=True))


def words_of(record):
    """The texts of a record's tokens."""
    return [record.text[word.start : word.end] for word in record.words]


def token_spans(record):
    """A record's mentions as (first token, token after the last, label)."""
    starts = [word.start for word in record.words]
    ends = [word.end for word in record.words]
    return [
        (starts.index(mention.start), ends.index(mention.end) + 1, mention.label)
        for mention in record.mentions[SOURCE_HEAD]
    ]
