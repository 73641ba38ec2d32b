"""One pipeline for all connections: what has arrived meanwhile goes through together."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from spacy_bioner_mtl.annotate.documents import answer_in_zone, divide
from spacy_bioner_mtl.formats.record import BadRecord, ReadRecord, Record
from spacy_bioner_mtl.serve.metrics import BATCHES, CHARACTERS, DOCUMENTS

if TYPE_CHECKING:
    from spacy.language import Language

#: The answers to a piece, or why there are none.
_Outcome = list[ReadRecord] | Exception

#: What messages call a request's texts.
SOURCE = "request"
_NUMBERED = re.compile(rf"^{SOURCE}: document \d+")
#: For as many pieces as there were a moment ago, a batch waits this share of the last one's time,
WAIT = 0.25
#: and so many seconds at most: who asked then may not ask again.
MOST_SECONDS = 0.1
#: When nothing has come for so many seconds, the words of what came before are forgotten.
SECONDS_PER_ZONE = 1.0
#: After so much text as well: some 20,000 different words, at two kilobytes each.
CHARACTERS_PER_ZONE = 2_000_000
#: A batch ends with the piece that reaches this.
CHARACTERS_PER_BATCH = 64_000
#: A request's documents are handed in piece by piece, so that others get their turn in between.
CHARACTERS_PER_PIECE = 16_000
DOCUMENTS_PER_PIECE = 64


@dataclass(frozen=True)
class _Piece:
    """Documents of one request.

    records (list[ReadRecord]): The documents.
    heads (list[str]): The answers that are asked for.
    future (asyncio.Future[list[ReadRecord]]): Gets the answers.
    """

    records: list[ReadRecord]
    heads: list[str]
    future: "asyncio.Future[list[ReadRecord]]"

    @property
    def size(self) -> int:
        return sum(len(each.text) for each in self.records if isinstance(each, Record))


class Batcher:
    """A thread that runs a pipeline.

    spaCy's memory zones are not made for several at a time, and threads of torch wait for each
    other; so there is one, and it is the only one that touches the pipeline.

    nlp (Language): The pipeline.
    """

    def __init__(self, nlp: "Language") -> None:
        """Start nothing yet."""
        self._nlp = nlp
        self._pieces: SimpleQueue[_Piece | None] = SimpleQueue()
        # Pieces that are likely to come soon, and seconds to wait for them
        self._expected, self._patience = 0, 0.0
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what was handed in, and end."""
        self._pieces.put(None)
        self._thread.join()

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    async def annotate(
        self, records: Iterable[ReadRecord], heads: Sequence[str]
    ) -> AsyncIterator[ReadRecord]:
        """Annotate the documents of a request.

        records (Iterable[ReadRecord]): The documents.
        heads (Sequence[str]): The answers that are asked for; see annotate.documents.choose_heads.
        YIELDS (ReadRecord): Each with its answers, in order, as annotate.documents.answer gives it.
        """
        loop = asyncio.get_running_loop()
        number = 0
        for piece in divide(records, DOCUMENTS_PER_PIECE, CHARACTERS_PER_PIECE):
            future: asyncio.Future[list[ReadRecord]] = loop.create_future()
            self._pieces.put(_Piece(piece, list(heads), future))
            for question, record in zip(piece, await future, strict=True):
                number += 1
                yield _renumber(question, record, number)

    def _run(self) -> None:
        while first := self._pieces.get():
            # As long as it lasts, no word has to be looked up and read by the network again.
            with self._nlp.memory_zone():
                self._run_zone(first)

    def _run_zone(self, first: _Piece) -> None:
        """Answer until nothing came for a while, or as much as fits into one zone."""
        size, piece = 0, first
        while True:
            batch = self._collect(piece)
            self._answer([each for each in batch if not each.future.cancelled()])
            size += sum(each.size for each in batch)
            following = self._take(SECONDS_PER_ZONE) if size < CHARACTERS_PER_ZONE else None
            if following is None:
                return
            piece = following

    def _collect(self, first: _Piece) -> list[_Piece]:
        """Wait for the rest of a batch."""
        batch, size, end = [first], first.size, monotonic() + self._patience
        while size < CHARACTERS_PER_BATCH:
            is_waiting = len(batch) < self._expected
            piece = self._take(max(end - monotonic(), 0.0) if is_waiting else 0.0)
            if piece is None:
                break
            batch.append(piece)
            size += piece.size
        return batch

    def _take(self, seconds: float) -> _Piece | None:
        """Wait for a piece; returns None if there is none, or if the end has come."""
        try:
            piece = self._pieces.get(timeout=seconds)
        except Empty:
            return None
        if piece is None:
            # What was begun is answered before.
            self._pieces.put(None)
        return piece

    def _answer(self, batch: list[_Piece]) -> None:
        if not batch:
            return
        start = monotonic()
        outcomes: list[_Outcome]
        try:
            answers = self._annotate(batch)
            outcomes = [[next(answers) for _ in piece.records] for piece in batch]
        except Exception as error:
            outcomes = [error] * len(batch)
        # Whoever gets an answer now is likely to send the next text at once.
        self._expected = len(batch) + self._pieces.qsize()
        self._patience = min(WAIT * (monotonic() - start), MOST_SECONDS)
        # One call for all, since each wakes the thread of the connections.
        batch[0].future.get_loop().call_soon_threadsafe(_tell, batch, outcomes)

    def _annotate(self, batch: list[_Piece]) -> Iterator[ReadRecord]:
        records = [record for piece in batch for record in piece.records]
        heads = list(dict.fromkeys(head for piece in batch for head in piece.heads))
        BATCHES.observe(len(records))
        answers = answer_in_zone(self._nlp, records, heads, source=SOURCE, scores=True)
        DOCUMENTS.inc(len(records))
        CHARACTERS.inc(sum(piece.size for piece in batch))
        return iter(answers)


def _renumber(question: ReadRecord, record: ReadRecord, number: int) -> ReadRecord:
    """Number a document in its request: in the batch it had another number."""
    if isinstance(question, BadRecord):
        return record
    if isinstance(record, BadRecord):
        return BadRecord(record.id, _NUMBERED.sub(f"{SOURCE}: document {number}", record.reason))
    return replace(record, document=number if question.words is None else question.document)


def _tell(batch: list[_Piece], outcomes: list[_Outcome]) -> None:
    """Hand outcomes over, in the thread of the connections."""
    for piece, outcome in zip(batch, outcomes, strict=True):
        if piece.future.done():
            continue
        if isinstance(outcome, Exception):
            piece.future.set_exception(outcome)
        else:
            piece.future.set_result(outcome)
