"""Converted corpora as records, with what they are annotated for."""

from collections.abc import Iterator
from pathlib import Path

from spacy_bioner_mtl.corpora.docs import doc_to_record
from spacy_bioner_mtl.corpora.gold_files import iterate_docs
from spacy_bioner_mtl.files.reading import Source, source_path
from spacy_bioner_mtl.formats.record import Record
from spacy_bioner_mtl.pipeline.spans import annotated_heads


def read_docbin(source: Path | Source, gold: bool = True) -> Iterator[Record]:
    """Read the documents of a DocBin; see formats.registry.Reader.

    source (Path | Source): The .spacy file.
    gold (bool): Makes no difference: no annotation in it can be wrong.
    YIELDS (Record): The documents, tokenised, with the mentions, the rejected ones and the unknown
        text of each head that they are annotated for.
    RAISES (InputError): It is no DocBin.
    """
    for doc in iterate_docs([source_path(source)]):
        yield doc_to_record(doc, annotated_heads(doc))
