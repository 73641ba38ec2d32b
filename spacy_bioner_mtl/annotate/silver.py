"""Silver documents: annotated by the consensus of pipelines, to train another one on."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from spacy_bioner_mtl.annotate.request import Request
from spacy_bioner_mtl.corpora.docs import record_to_doc
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import write_whole
from spacy_bioner_mtl.formats.record import ReadRecord, Record
from spacy_bioner_mtl.pipeline.loading import bioner_pipes, load_pipeline

if TYPE_CHECKING:
    from spacy.language import Language

    from spacy_bioner_mtl.pipeline.consensus import Consensus


class SilverOutput:
    """Writes DocBins; see annotate.output.Output."""

    def check(self, record: Record, source: str) -> ReadRecord:
        """Take any record: what is in it has been a document."""
        return record

    def write(self, path: Path, records: Iterable[Record]) -> None:
        """Write records as gold documents; all of them appear, or nothing does.

        path (Path): The DocBin.
        records (Iterable[Record]): The records, with words, answers, rejected and unknown text.
        RAISES (InputError): The disk is full or the like.
        """
        from spacy.tokens import DocBin
        from spacy.vocab import Vocab

        from spacy_bioner_mtl.corpora.codecs import remembered_codecs

        vocab = Vocab()
        doc_bin = DocBin(store_user_data=False)
        with remembered_codecs():
            for record in records:
                doc_bin.add(record_to_doc(record, vocab)[0])
        with write_whole(path, "wb") as file:
            cast(IO[bytes], file).write(doc_bin.to_bytes())


@dataclass(frozen=True)
class Teachers:
    """Pipelines that annotate together.

    pipelines (list[Language]): The pipelines. The first one tokenises and finds sentences; its own
        component of this package is switched off, and part of the consensus.
    consensus (Consensus): What they say together.
    """

    pipelines: "list[Language]"
    consensus: "Consensus"


def load_teachers(request: Request) -> Teachers:
    """Load the pipelines of a request.

    request (Request): The request, with teachers.
    RETURNS (Teachers): The pipelines.
    RAISES (InputError): There is no such pipeline or GPU, they do not fit each other, or one of
        them has another tokenizer.
    """
    from spacy_bioner_mtl.pipeline.consensus import Consensus

    pipelines = [load_pipeline(name, request.gpu_id) for name in request.teachers]
    first = pipelines[0]
    for name, nlp in zip(request.teachers, pipelines, strict=True):
        if nlp.config["nlp"]["tokenizer"] != first.config["nlp"]["tokenizer"]:
            raise InputError(
                f"{name}: its tokenizer is not that of {request.teachers[0]}, so that they have no "
                "tokens in common; take pipelines with the same [nlp.tokenizer]"
            )
    pipes = [pipe for nlp in pipelines for pipe in bioner_pipes(nlp)]
    for pipe in bioner_pipes(first):
        first.disable_pipe(pipe.name)
    return Teachers(pipelines, Consensus(pipes, request.sure))
