"""Converted corpora: .spacy files, or folders of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_bioner_mtl.errors import InputError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.training import Example
    from spacy.vocab import Vocab


def check_corpora(paths: Sequence[Path]) -> None:
    """Refuse what is no converted corpus, before a model is loaded.

    paths (Sequence[Path]): .spacy files, or folders with such files anywhere in them.
    RAISES (InputError): If a path is neither a .spacy file nor a folder with one.
    """
    for path in paths:
        is_folder = path.is_dir() and any(path.rglob("*.spacy"))
        if not is_folder and not (path.is_file() and path.suffix == ".spacy"):
            raise InputError(
                f"{path}: neither a .spacy file nor a folder with one. Convert a corpus first: "
                "bioner-mtl convert"
            )


def iterate_docs(paths: Sequence[Path], vocab: "Vocab | None" = None) -> "Iterator[Doc]":
    """Read the documents of DocBins.

    paths (Sequence[Path]): .spacy files, or folders with such files anywhere in them. They should
        hold training documents alone: a table that knows the words of a test set makes the
        result on it look better than on new text.
    vocab (Vocab | None): Whose documents they will be; None makes a vocab.
    YIELDS (Doc): The documents.
    RAISES (InputError): If a path has no DocBin, or one cannot be read.
    """
    from spacy.tokens import DocBin
    from spacy.training.corpus import walk_corpus
    from spacy.vocab import Vocab

    from spacy_bioner_mtl.corpora.codecs import remembered_codecs

    check_corpora(paths)
    # A vocab without words is false.
    vocab = Vocab() if vocab is None else vocab
    for path in paths:
        for location in walk_corpus(path, ".spacy"):
            try:
                doc_bin = DocBin().from_disk(location)
            except Exception as error:
                raise InputError(
                    f"{location}: this is no DocBin ({error}). Convert the corpus again."
                ) from error
            with remembered_codecs():
                yield from doc_bin.get_docs(vocab)


def iterate_examples(
    paths: "str | Path | Sequence[str | Path] | None", nlp: "Language"
) -> "Iterator[Example]":
    """Read gold documents as examples to train on or to score by.

    paths (str | Path | Sequence[str | Path] | None): A .spacy file, a folder with such files
        anywhere in it, or several of them.
    nlp (Language): The pipeline that tokenises their texts, where those are known.
    YIELDS (Example): The examples.
    RAISES (InputError): If there is no path.
    """
    from spacy.training import Corpus

    from spacy_bioner_mtl.corpora.codecs import remembered_codecs

    if not paths:
        raise InputError("No documents are named: give --paths.train and --paths.dev.")
    with remembered_codecs():
        for path in [paths] if isinstance(paths, str | Path) else paths:
            if not Path(path).exists():
                raise InputError(f"{path}: there is no such file or folder of documents.")
            yield from Corpus(path)(nlp)


def corpus_words(paths: Sequence[Path], *, caseless: bool) -> set[str]:
    """Collect the words of DocBins.

    paths (Sequence[Path]): As for ``iterate_docs``.
    caseless (bool): Whether words will be looked up lower-cased.
    RETURNS (set[str]): The distinct words, lower-cased if caseless, else in both forms.
    """
    words = {token.text for doc in iterate_docs(paths) for token in doc if not token.text.isspace()}
    lower = {word.lower() for word in words}
    return lower if caseless else words | lower
