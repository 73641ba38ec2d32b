"""Annotate one source file after the other with one pipeline."""

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from spacy_bioner_mtl.annotate.documents import Finish, answer, choose_heads
from spacy_bioner_mtl.annotate.output import Output
from spacy_bioner_mtl.annotate.request import ALL, UNCERTAIN, Request, find_source, find_target
from spacy_bioner_mtl.annotate.shards import Shard, ShardFault
from spacy_bioner_mtl.annotate.silver import SilverOutput, Teachers, load_teachers
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.record import MERGED_HEAD, BadRecord, ReadRecord, Record
from spacy_bioner_mtl.pipeline.certainty import CERTAINTY, note_certainty
from spacy_bioner_mtl.pipeline.loading import bioner_pipes, load_pipeline

if TYPE_CHECKING:
    from spacy.language import Language

#: Is told how many documents were answered since the last call.
Advance = Callable[[int], object]
#: Is told the identifier of a document that was not answered, and why.
ListError = Callable[[str, str], object]


@dataclass
class ShardReport:
    """What became of a source file.

    source (str): The shard's name.
    documents (int): Documents answered.
    words (int): Words in them.
    mentions (int): Mentions in them, of all heads together.
    errors (int): Documents that were not answered.
    failure (str): Why nothing of it was answered; empty if it was.
    bytes (int): The size of the file, where runs can be resumed.
    sha256 (str): The checksum of its content, where runs can be resumed.
    output_bytes (int): The size of its answers, where runs can be resumed.
    output_sha256 (str): The checksum of its answers, where runs can be resumed.
    errors_sha256 (str): The checksum of the list of its errors, where runs can be resumed and there
        are any.
    """

    source: str
    documents: int = 0
    words: int = 0
    mentions: int = 0
    errors: int = 0
    failure: str = ""
    bytes: int = 0
    sha256: str = ""
    output_bytes: int = 0
    output_sha256: str = ""
    errors_sha256: str = ""


def report_death(name: str, how: str = "") -> ShardReport:
    """Report that a shard's processes died over it.

    name (str): The shard's name.
    how (str): How the last one died, if that is known.
    RETURNS (ShardReport): What became of the shard.
    """
    how = f" ({how})" if how else ""
    return ShardReport(
        name,
        failure=f"{name}: the process that annotated it died{how}. If memory ran out, take fewer "
        "--processes; run again to go on",
    )


class _Fatal(Exception):
    """Carries an InputError that is not the source's fault past what catches those that are."""


class Annotator:
    """A pipeline with a reader and a writer.

    nlp (Language): The pipeline.
    heads (list[str]): What is taken of each document.
    teachers (list[Language]): The pipelines that annotate together, if several do.
    """

    def __init__(
        self, nlp: "Language", request: Request, teachers: "Teachers | None" = None
    ) -> None:
        """Import reader and writer.

        teachers (Teachers | None): What annotates the documents that the pipeline returns, if it
            does not do that itself.
        RAISES (InputError): If there is no such head or format, or a library is missing.
        """
        source_format = find_source(request)
        assert source_format, "check_request recognises it"
        self.nlp = nlp
        self.teachers = [] if teachers is None else teachers.pipelines
        self._scores = request.scores
        self._sort = request.sort
        self._read = source_format.load_reader(word_column=request.word_column)
        self._finish: Finish | None = None
        self._output: Output | SilverOutput
        if teachers is None:
            self.heads = choose_heads(nlp, request.head)
            self._output = Output(find_target(request))
            if request.sort == UNCERTAIN:
                self._finish = partial(note_certainty, bioner_pipes(nlp))
        else:
            self.heads = [head.name for head in teachers.consensus.heads]
            self._finish = teachers.consensus.annotate
            self._output = SilverOutput()

    def annotate(
        self,
        shard: Shard,
        advance: Advance,
        list_error: ListError = lambda name, reason: None,
        source: Source | None = None,
    ) -> ShardReport:
        """Annotate a source file; its answers appear whole or not at all.

        shard (Shard): The file, and where its answers go.
        advance (Advance): Is told of every document.
        list_error (ListError): Is told of every document that is not answered.
        source (Source | None): The file, if its first bytes have been looked at already.
        RETURNS (ShardReport): What became of it.
        RAISES (InputError): The pipeline does not fit, or the disk is full: others would fail, too.
        """
        report = ShardReport(shard.name)
        try:
            answers = self._answers(shard, source, report, advance, list_error)
            self._output.write(shard.output, answers)
        except ShardFault as fault:
            return ShardReport(shard.name, failure=_portable(str(fault), shard))
        except _Fatal as fatal:
            raise InputError(str(fatal)) from fatal
        return report

    def _answers(
        self,
        shard: Shard,
        source: Source | None,
        report: ShardReport,
        advance: Advance,
        list_error: ListError,
    ) -> Iterator[Record]:
        """The records to write; those that cannot be written are listed."""
        answers = answer(
            self.nlp,
            self._records(shard, source),
            self.heads,
            source=shard.name,
            scores=self._scores,
            finish=self._finish,
        )
        try:
            for record in _uncertain_first(answers) if self._sort == UNCERTAIN else answers:
                advance(1)
                if isinstance(record, Record):
                    record = self._output.check(record, shard.name)
                if isinstance(record, BadRecord):
                    list_error(record.id, _portable(record.reason, shard))
                    report.errors += 1
                    continue
                report.documents += 1
                report.words += len(record.words or ())
                report.mentions += sum(map(len, record.mentions.values()))
                yield record
        except InputError as error:
            raise _Fatal(str(error)) from error

    def _records(self, shard: Shard, source: Source | None) -> Iterator[ReadRecord]:
        try:
            yield from self._read(source or shard.source, gold=False)
        except InputError as error:
            raise ShardFault(str(error)) from error
        except Exception as error:
            # Readers use libraries of others, and the next file may be sound.
            raise ShardFault(
                f"{shard.name}: cannot be read ({type(error).__name__}: {error}); check the file "
                "and its format"
            ) from error


def load_annotator(request: Request) -> Annotator:
    """Load the pipeline of a request, set as the request wants it.

    It is set aside from Python's search for garbage in cycles, which would find none in it, and
    take a twentieth of the time (gc.freeze).

    request (Request): The request.
    RETURNS (Annotator): What annotates with it.
    RAISES (InputError): There is no such pipeline, head or GPU, or a library is missing.
    """
    annotator = _load_annotator(request)
    gc.freeze()
    return annotator


def _load_annotator(request: Request) -> Annotator:
    import torch

    if request.threads is not None:
        torch.set_num_threads(request.threads)
    if request.teachers:
        teachers = load_teachers(request)
        return Annotator(teachers.pipelines[0], request, teachers)
    nlp = load_pipeline(request.model, request.gpu_id)
    annotator = Annotator(nlp, request)
    for pipe in bioner_pipes(nlp):
        if request.scores:
            pipe.cfg["scores"] = True
        elif request.head != MERGED_HEAD:
            # Of the merged answer, scores decide what is in it.
            pipe.cfg["scores"] = False
        if request.head not in (ALL, MERGED_HEAD):
            # The other heads need not be asked.
            own = [head.name for head in pipe.heads if head.name == request.head]
            pipe.cfg["active_heads"] = own
    return annotator


def _uncertain_first(answers: Iterable[ReadRecord]) -> list[ReadRecord]:
    """Sort the documents of a file, which are all in memory then."""

    def certainty(answer: ReadRecord) -> float:
        # Nothing can be wrong with the answer to a text without words.
        return float(answer.meta.get(CERTAINTY, 1.0)) if isinstance(answer, Record) else 0.0

    return sorted(answers, key=certainty)


def _portable(reason: str, shard: Shard) -> str:
    """Name files as seen from SOURCE, so that a moved folder gives the same messages."""
    root = str(shard.source).removesuffix(shard.name)
    return reason.replace(root, "") if len(root) > 1 else reason
