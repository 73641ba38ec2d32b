"""What a trained pipeline says of documents, written down before it learns something else.

To learn the new and rehearse the old together is what keeps the old (learning without forgetting:
Li and Hoiem 2016, https://arxiv.org/abs/1606.09282).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.util import minibatch

from spacy_bioner_mtl.console.progress import track
from spacy_bioner_mtl.corpora.codecs import remembered_codecs
from spacy_bioner_mtl.corpora.gold_files import iterate_docs
from spacy_bioner_mtl.corpora.text_files import read_paragraphs
from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL
from spacy_bioner_mtl.pipeline.consensus import Consensus

#: All that it says is to stay, sure of it or not: tokens that are left open drift.
_SURE = 0.0
_AT_ONCE = 256


def write_rehearsal(
    nlp: Language, pipe: BioNERMTL, gold: Path, texts: Sequence[Path], out: Path
) -> int:
    """Write documents with what the pipeline finds in them, beside what they are annotated for.

    nlp (Language): The trained pipeline.
    pipe (BioNERMTL): Its component.
    gold (Path): Documents annotated for something new, a .spacy file or a folder of them.
    texts (Sequence[Path]): Text in UTF-8, a paragraph on each line.
    out (Path): The DocBin to write.
    RETURNS (int): How many documents of text there are.
    RAISES (InputError): A file is missing or damaged.
    """
    consensus = Consensus([pipe], _SURE)
    before = [nlp.get_pipe(name) for name in nlp.pipe_names[: nlp.pipe_names.index(pipe.name)]]

    def annotate(docs: list[Doc]) -> list[Doc]:
        own = [{name: list(group) for name, group in doc.spans.items()} for doc in docs]
        for doc, groups in zip(consensus.annotate(docs), own, strict=True):
            for name, spans in groups.items():
                doc.spans[name] = spans
        return docs

    def of_text() -> Iterator[Doc]:
        for text in filter(None, map(str.strip, read_paragraphs(texts))):
            doc = nlp.make_doc(text)
            for component in before:
                doc = component(doc)
            yield doc

    doc_bin = DocBin(store_user_data=False)
    counts = []
    with remembered_codecs():
        for docs in (iterate_docs([gold], nlp.vocab), of_text()):
            number = 0
            batches = minibatch(track(docs, "documents to rehearse"), _AT_ONCE)  # type: ignore[no-untyped-call]
            for batch in batches:
                for doc in annotate(batch):
                    doc_bin.add(doc)
                    number += 1
            counts.append(number)
    doc_bin.to_disk(out)
    return counts[1]
