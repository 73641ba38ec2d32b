"""Texts that stand in a test set as well: what is trained on must not be measured on.

Texts are compared by their runs of eight words, where a word is letters or digits and case does not
count: so tokens, punctuation and line breaks make no difference. A document *stands in* a test set
if at least half of its runs do, or if it holds half of the runs of one of the test set's documents.
On published corpora, nearly all documents have a share of runs below 0.1 or above 0.9, so the half
is not a fine line. A text of fewer than eight words counts as one run.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from spacy.vocab import Vocab

from spacy_bioner_mtl.corpora.convert import choose_documents
from spacy_bioner_mtl.corpora.listing import Corpus
from spacy_bioner_mtl.formats.gold_records import GoldOptions, GoldReport, read_sources
from spacy_bioner_mtl.formats.record import Record, Word
from spacy_bioner_mtl.pipeline.abstract_sentences import find_sentence_starts
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer

#: The name of the split that nothing may be trained on.
TEST = "test"
#: Words of a run.
RUN = 8
#: Documents that are shown of a pair of files.
EXAMPLES = 3
#: Characters of a document that are shown.
SHOWN = 80

_WORD = re.compile(r"[^\W_]+")


@dataclass
class Overlap:
    """What a training file has in common with a test set.

    documents (int): Documents that stand in the test set.
    sentences (int): Sentences of at least eight words half of whose runs stand in it.
    runs (int): Runs of eight words that stand in it.
    examples (list[tuple[float, str, str]]): Of the worst documents: the share of runs, from 0 to 1,
        the identifier, and how the text begins.
    """

    documents: int = 0
    sentences: int = 0
    runs: int = 0
    examples: list[tuple[float, str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return everything, for a JSON file."""
        examples = [dict(zip(("share", "id", "text"), each, strict=True)) for each in self.examples]
        return {**asdict(self), "examples": examples}


class TestSets:
    """The texts of test sets, to be compared with."""

    __test__ = False  # pytest takes the name for that of a test.

    def __init__(self) -> None:
        """Begin without any."""
        # Of each run, the documents it stands in; of each document, its test set and its runs.
        self._documents: dict[int, list[int]] = {}
        self._origin: list[str] = []
        self._sizes: list[int] = []

    def add(self, name: str, texts: Iterable[str]) -> None:
        """Add a test set.

        name (str): Its name.
        texts (Iterable[str]): Its documents.
        """
        for text in texts:
            runs = set(find_runs(text))
            for run in runs:
                self._documents.setdefault(run, []).append(len(self._origin))
            self._origin.append(name)
            self._sizes.append(len(runs))

    def add_corpus(self, name: str, corpus: Corpus, data: Path) -> None:
        """Add the test set of a corpus, if it has one.

        name (str): What to call the corpus.
        corpus (Corpus): The corpus.
        data (Path): The data folder its files are in.
        RAISES (InputError): If a file is malformed.
        """
        if TEST in corpus.splits:
            texts = (record.text for record in read_split(corpus, TEST, data))
            self.add(f"{name} {TEST}", texts)

    def hold(self, record: Record) -> bool:
        """Check whether a document stands in any test set.

        record (Record): The document.
        RETURNS (bool): Whether it does.
        """
        return any(stands for _, stands in self.compare(find_runs(record.text)).values())

    def compare(self, runs: list[int]) -> dict[str, tuple[int, bool]]:
        """Compare a document with all test sets.

        runs (list[int]): What find_runs returned for it.
        RETURNS (dict[str, tuple[int, bool]]): For each test set that has one of its runs: how many
            of them it has, and whether the document stands in it.
        """
        found: Counter[str] = Counter()
        common: Counter[int] = Counter()
        for run in runs:
            documents = self._documents.get(run, ())
            found.update({self._origin[each] for each in documents})
        for run in set(runs):
            common.update(self._documents.get(run, ()))
        whole = {
            self._origin[each] for each, count in common.items() if 2 * count >= self._sizes[each]
        }
        return {
            name: (count, 2 * count >= len(runs) or name in whole) for name, count in found.items()
        }


def find_runs(text: str) -> list[int]:
    """Take the runs of eight words of a text.

    text (str): The text.
    RETURNS (list[int]): Their hashes in order, equal in one process alone; one for a shorter text,
        and none for a text without words.
    """
    words = _WORD.findall(text.casefold())
    last = max(len(words) - RUN, 0)
    return [hash(tuple(words[first : first + RUN])) for first in range(last + 1 if words else 0)]


def read_split(corpus: Corpus, split: str, data: Path) -> Iterator[Record]:
    """Read the documents of a split as they are converted, without counting flaws.

    corpus (Corpus): The corpus.
    split (str): The name of one of its splits.
    data (Path): The data folder its files are in.
    YIELDS (Record): The gold documents.
    RAISES (InputError): If a file is malformed.
    """
    files = corpus.splits[split]
    options = GoldOptions(
        corpus.format,
        corpus.sentences_per_doc,
        corpus.label or corpus.head or "",
        corpus.word_column,
    )
    records = read_sources([data / file.path for file in files], options, GoldReport())
    chosen = {data / file.path: file.documents for file in files if file.documents}
    return (record for _, record in choose_documents(records, chosen))


def find_overlaps(records: Iterable[Record], tests: TestSets) -> dict[str, Overlap]:
    """Compare the documents of a file with test sets.

    records (Iterable[Record]): The documents.
    tests (TestSets): The test sets.
    RETURNS (dict[str, Overlap]): For each test set that has a run in common with the file.
    """
    overlaps: dict[str, Overlap] = {}
    tokenize = BioTokenizer(Vocab())
    for record in records:
        runs = find_runs(record.text)
        for name, (count, stands) in tests.compare(runs).items():
            overlap = overlaps.setdefault(name, Overlap())
            overlap.documents += stands
            overlap.runs += count
            overlap.examples.append((count / len(runs), record.id, record.text[:SHOWN]))
        for sentence in _sentences(record, tokenize):
            if len(_WORD.findall(sentence)) >= RUN:
                runs = find_runs(sentence)
                for name, (count, _) in tests.compare(runs).items():
                    overlaps[name].sentences += 2 * count >= len(runs)
    for overlap in overlaps.values():
        overlap.examples = sorted(overlap.examples, reverse=True)[:EXAMPLES]
    return overlaps


def _sentences(record: Record, tokenize: BioTokenizer) -> Iterator[str]:
    """The sentences of the source, or those that the rules of abstract_sentences find."""
    words, starts = record.words, record.sentence_starts
    if words is None:
        doc = tokenize(record.text)
        words = [Word(token.idx, token.idx + len(token)) for token in doc]
        spaces = [bool(token.whitespace_) for token in doc]
        starts = find_sentence_starts([token.text for token in doc], spaces)
    for first, after in pairwise([*starts, len(words)]):
        yield record.text[words[first].start : words[after - 1].end]
