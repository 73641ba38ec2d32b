"""Which names occur in training text."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spacy.vocab import Vocab

from spacy_bioner_mtl.console.progress import track
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer
from spacy_bioner_mtl.vectors.floret import read_corpora, read_texts


def find_seen(names: Iterable[str], paths: Sequence[Path]) -> set[str]:
    """Find the names that occur in texts: the same tokens in a row, whatever their case.

    names (Iterable[str]): The names.
    paths (Sequence[Path]): .spacy files and folders with such files; all others are text in UTF-8,
        a paragraph on each line, and may be compressed with gzip.
    RETURNS (set[str]): The names that occur.
    RAISES (InputError): A file is missing or damaged, or a folder has no .spacy file.
    """
    tokenize = BioTokenizer(Vocab())
    by_first_word: dict[str, list[tuple[list[str], str]]] = defaultdict(list)
    for name in set(names):
        sequence = [token.text.lower() for token in tokenize(name)]
        by_first_word[sequence[0]].append((sequence, name))
    seen = set()
    for text in track(_read(paths), "texts"):
        words = [word.lower() for word in text]
        for start, word in enumerate(words):
            for sequence, name in by_first_word.get(word, ()):
                if words[start : start + len(sequence)] == sequence:
                    seen.add(name)
    return seen


def _read(paths: Sequence[Path]) -> Iterator[list[str]]:
    """Read the words of each paragraph, or of each document."""
    for path in paths:
        converted = path.is_dir() or path.suffix == ".spacy"
        yield from (read_corpora if converted else read_texts)([path])
