"""How well boundaries of sentences are found, beside spaCy's sentencizer and pySBD.

Gold are the sentences of the published corpora. Raw abstracts are found again in the tokens of
their corpus by the characters that are no white space.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from time import process_time

from spacy.pipeline import Sentencizer
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_bioner_mtl.pipeline.abstract_sentences import AbstractSentences
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer

#: A text, and where sentences begin in it but for the first: numbers of characters before them that
#: are no white space.
Text = tuple[str, set[int]]
#: Takes a text, returns the first characters of its sentences.
Splitter = Callable[[str], Iterable[int]]
#: Characters of a raw text by which it is looked for.
_BEGINNING = 120


@dataclass
class SentenceScore:
    """What a splitter found.

    right (int): Boundaries that are the corpus's.
    found (int): Boundaries.
    gold (int): Boundaries of the corpus.
    words_per_second (float): Words, between white space, in a second of CPU.
    """

    right: int
    found: int
    gold: int
    words_per_second: float

    @property
    def f_score(self) -> float:
        """F1 of the boundaries, 0 to 1."""
        return 2 * self.right / (self.found + self.gold) if self.found + self.gold else 0.0


def read_sentences(paths: Iterable[Path]) -> Iterator[list[str]]:
    """Read files of one token a line.

    paths (Iterable[Path]): The files.
    YIELDS (list[str]): The words of each sentence; of a line that begins a document, its words.
    """
    for path in paths:
        lines = path.read_text(encoding="utf-8").split("\n")
        for is_sentence, group in groupby(lines, key=lambda line: bool(line.strip())):
            if is_sentence:
                yield [line.split("\t")[0] for line in group]


def joined_texts(sentences: Iterable[list[str]], size: int) -> Iterator[Text]:
    """Make texts of sentences whose raw text is not known: blanks stand between words.

    sentences (Iterable[list[str]]): The sentences.
    size (int): Sentences of a text.
    YIELDS (Text): The texts.
    """
    chunk: list[list[str]] = []
    for words in sentences:
        chunk.append(words)
        if len(chunk) == size:
            yield _join(chunk)
            chunk = []
    if chunk:
        yield _join(chunk)


def _join(sentences: list[list[str]]) -> Text:
    lengths = [sum(map(len, words)) for words in sentences]
    starts = {sum(lengths[:index]) for index in range(1, len(lengths))}
    return " ".join(word for words in sentences for word in words), starts


def raw_texts(path: Path, sentences: Iterable[list[str]]) -> tuple[list[Text], int]:
    """Find the sentences of a corpus in its raw abstracts.

    path (Path): Abstracts in PubTator's format.
    sentences (Iterable[list[str]]): The sentences of the corpus.
    RETURNS (tuple[list[Text], int]): The abstracts that were found, title and abstract with a blank
        between them; and how many were not.
    """
    pieces = ["".join(words) for words in sentences]
    stream = "".join(pieces)
    ends, position = set(), 0
    for piece in pieces:
        position += len(piece)
        ends.add(position)
    texts, missing = [], 0
    for text in _abstracts(path):
        plain = re.sub(r"\s", "", text)
        first = stream.find(plain[:_BEGINNING])
        if first < 0 or stream[first : first + len(plain)] != plain:
            missing += 1
            continue
        starts = {end - first for end in ends if first < end < first + len(plain)}
        texts.append((text, starts))
    return texts, missing


def _abstracts(path: Path) -> Iterator[str]:
    title = ""
    for line in path.read_text(encoding="utf-8").split("\n"):
        parts = line.split("|", 2)
        if len(parts) == 3 and parts[1] == "t":
            title = parts[2]
        elif len(parts) == 3 and parts[1] == "a":
            yield f"{title} {parts[2]}"


def score_splitter(split: Splitter, texts: list[Text]) -> SentenceScore:
    """Score a splitter.

    split (Splitter): The splitter.
    texts (list[Text]): The texts.
    RETURNS (SentenceScore): What it found.
    """
    score = SentenceScore(0, 0, 0, 0.0)
    start = process_time()
    answers = [list(split(text)) for text, _ in texts]
    seconds = process_time() - start
    for (text, gold), starts in zip(texts, answers, strict=True):
        found = {len(re.sub(r"\s", "", text[:first])) for first in starts} - {0}
        score.right += len(found & gold)
        score.found += len(found)
        score.gold += len(gold)
    score.words_per_second = sum(len(text.split()) for text, _ in texts) / seconds
    return score


def make_splitters() -> dict[str, Splitter]:
    """Make the splitters that are compared.

    RETURNS (dict[str, Splitter]): By name; pySBD if it is installed.
    """
    tokenize = BioTokenizer(Vocab())

    def by_tokens(mark: Callable[[Doc], Doc]) -> Splitter:
        return lambda text: [sentence.start_char for sentence in mark(tokenize(text)).sents]

    splitters = {
        "abstract_sentences": by_tokens(AbstractSentences()),
        "sentencizer": by_tokens(Sentencizer()),
    }
    try:
        import pysbd
    except ImportError:
        return splitters
    segment = pysbd.Segmenter(language="en", clean=False, char_span=True).segment
    splitters["pySBD"] = lambda text: [span.start for span in segment(text)]
    return splitters
