"""A reader of gold documents, whole."""

from collections.abc import Callable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.training import Example

from spacy_bioner_mtl.corpora.gold_files import iterate_examples


def configure_document_corpus(
    path: str | Path | list[str] | None,
) -> Callable[[Language], Iterator[Example]]:
    """Create a reader of gold documents, as they are: spaCy's ``Corpus``, but faster.

    path (str | Path | list[str] | None): A .spacy file, a folder with such files anywhere in it, or
        a list of them.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader.
    RAISES (InputError): When it reads, if there is no path.
    """

    def read(nlp: Language) -> Iterator[Example]:
        return iterate_examples(path, nlp)

    return read
