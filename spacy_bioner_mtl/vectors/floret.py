"""Train floret vectors: vectors of subwords in a small table, so that no word is unknown."""

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_bioner_mtl.console.progress import begin
from spacy_bioner_mtl.corpora.gold_files import iterate_docs
from spacy_bioner_mtl.corpora.text_files import read_paragraphs
from spacy_bioner_mtl.errors import InputError

if TYPE_CHECKING:
    from spacy.language import Language


@dataclass(frozen=True)
class FloretSettings:
    """How to train; the names in brackets are floret's own.

    dimensions (int): Length of a vector (dim).
    buckets (int): Rows of the table, shared by all words and subwords (bucket).
    epochs (int): Passes over the text (epoch).
    min_count (int): Words seen less often are not trained on (minCount).
    shortest (int): Characters of the shortest subword (minn).
    longest (int): Characters of the longest subword (maxn).
    threads (int): Threads; only the result of a single one can be reproduced (thread).
    caseless (bool): Whether text is lower-cased, and tokens are looked up lower-cased.
    """

    dimensions: int = 100
    buckets: int = 50_000
    epochs: int = 5
    min_count: int = 5
    shortest: int = 3
    longest: int = 6
    threads: int = 2
    caseless: bool = True


def check_floret() -> None:
    """Check that floret is installed.

    RAISES (InputError): If it is not.
    """
    try:
        import floret  # noqa: F401
    except ImportError as error:
        raise InputError(
            "floret is not installed. Get it: pip install 'spacy_bioner_mtl[vectors]'"
        ) from error


def read_texts(paths: Sequence[Path]) -> Iterator[list[str]]:
    """Tokenise text files as the models' tokenizer does.

    paths (Sequence[Path]): Text in UTF-8, a paragraph on each line; may be compressed with gzip.
    YIELDS (list[str]): The tokens of a paragraph.
    RAISES (InputError): If a file is missing, damaged or not UTF-8.
    """
    from spacy.vocab import Vocab

    from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer

    tokenize = BioTokenizer(Vocab())
    for text in read_paragraphs(paths):
        yield [token.text for token in tokenize(text) if not token.text.isspace()]


def read_corpora(paths: Sequence[Path]) -> Iterator[list[str]]:
    """Take the tokens of converted corpora.

    paths (Sequence[Path]): As for ``iterate_docs``: training documents alone.
    YIELDS (list[str]): The tokens of a document.
    """
    for doc in iterate_docs(paths):
        yield [token.text for token in doc if not token.text.isspace()]


def train_floret(paragraphs: Iterable[list[str]], settings: FloretSettings) -> "Language":
    """Train vectors and put them into a blank pipeline.

    paragraphs (Iterable[list[str]]): Tokens, paragraph by paragraph.
    settings (FloretSettings): How to train.
    RETURNS (Language): The pipeline; its vectors are in spaCy's floret mode.
    RAISES (InputError): If there is not enough text, or a setting is impossible.
    """
    import floret
    import spacy
    from spacy.training.initialize import convert_vectors

    if settings.shortest > settings.longest:
        raise InputError(
            f"--minn {settings.shortest} is more than --maxn {settings.longest}: no subword is "
            "both. Lower --minn."
        )
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        n_tokens = 0
        with text.open("w", encoding="utf-8", newline="\n") as file:
            for tokens in paragraphs:
                forms = [token.lower() for token in tokens] if settings.caseless else tokens
                file.write(" ".join(forms) + "\n")
                n_tokens += len(tokens)
        if not n_tokens:
            raise InputError("There is no text to train on. Name files that are not empty.")
        # On a terminal, floret shows how far it is.
        progress = nullcontext() if sys.stderr.isatty() else begin("vectors")
        try:
            with progress:
                model = floret.train_unsupervised(
                    str(text),
                    model="skipgram",
                    mode="floret",
                    dim=settings.dimensions,
                    bucket=settings.buckets,
                    hashCount=2,
                    epoch=settings.epochs,
                    minCount=settings.min_count,
                    minn=settings.shortest,
                    maxn=settings.longest,
                    thread=settings.threads,
                    # Progress rewrites its line: on a terminal only, not in a log.
                    verbose=2 if sys.stderr.isatty() else 1,
                )
        except (ValueError, RuntimeError) as error:
            raise InputError(
                f"floret cannot train on {n_tokens:,} tokens: {error} Give more text, or lower "
                "--min-count."
            ) from error
        vectors = Path(folder) / "vectors.floret"
        model.save_floret_vectors(str(vectors))
        nlp = spacy.blank("en")
        convert_vectors(
            nlp,
            vectors,
            truncate=0,
            prune=0,
            mode="floret",
            attr="LOWER" if settings.caseless else "ORTH",
        )
    return nlp
