"""Records to documents, through a pipeline, and back: one answer for each, with exact offsets."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.annotate.request import ALL
from spacy_bioner_mtl.corpora.docs import record_to_doc
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import (
    MERGED_HEAD,
    BadRecord,
    Mention,
    Passage,
    ReadRecord,
    Record,
    Word,
    check_offsets,
)
from spacy_bioner_mtl.pipeline.certainty import CERTAINTY
from spacy_bioner_mtl.pipeline.confidence import SCORES, entity_scores
from spacy_bioner_mtl.pipeline.loading import active_head_names, head_names
from spacy_bioner_mtl.pipeline.spans import UNKNOWN_SUFFIX

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span

Finish = Callable[["list[Doc]"], "list[Doc]"]

#: What is annotated in one memory zone of spaCy's, which drops new words at its end.
DOCUMENTS_PER_CHUNK = 1_024
#: A chunk ends with the document that reaches this.
CHARACTERS_PER_CHUNK = 500_000
#: Digits of probabilities: the last ones of a float differ from machine to machine.
SCORE_DIGITS = 4
#: What a document's text consists of.
_TOKENS: list[int | str] = ["ORTH", "SPACY"]


def choose_heads(nlp: "Language", head: str) -> list[str]:
    """Name the answers that are asked for.

    nlp (Language): The pipeline.
    head (str): A head's name; "all" for all that are not switched off; or "merged".
    RETURNS (list[str]): Names of heads in the pipeline's order, or "merged" alone.
    RAISES (InputError): If there is no such head.
    """
    if head == ALL:
        return active_head_names(nlp)
    heads = head_names(nlp)
    if head != MERGED_HEAD and head not in heads:
        raise InputError(
            f"there is no head {head!r} in the pipeline; choose from: {', '.join(heads)}, or "
            f"{ALL}, or {MERGED_HEAD}"
        )
    return [head]


def answer(
    nlp: "Language",
    records: Iterable[ReadRecord],
    heads: list[str],
    *,
    source: str = "",
    scores: bool = False,
    finish: Finish | None = None,
) -> Iterator[ReadRecord]:
    """Run a pipeline over records, each a document of its own.

    A record that comes tokenised keeps its tokens and sentences. Raw text goes through the
    pipeline's tokenizer, and every passage of it begins a sentence, so that no mention runs from
    one into the next; its answer tells the tokens, white space left out, and sentences that the
    pipeline found.

    nlp (Language): The pipeline.
    records (Iterable[ReadRecord]): The records.
    heads (list[str]): What to take from each document; see choose_heads.
    source (str): The name of the source, for messages.
    scores (bool): Whether mentions get their probabilities.
    finish (Callable[[list[Doc]], list[Doc]] | None): What annotates the documents that the pipeline
        returns, if it does not do that itself.
    YIELDS (ReadRecord): Every record once, in order, with the answers for its mentions. What was a
        BadRecord stays one, and what the pipeline cannot answer becomes one.
    RAISES (InputError): If a component of the pipeline changes the tokens.
    """
    answerer = _Answerer(nlp, heads, source, scores, finish)
    first = 1
    for chunk in divide(records, DOCUMENTS_PER_CHUNK, CHARACTERS_PER_CHUNK):
        # Without a zone the vocab keeps every word of the source.
        with nlp.memory_zone():
            answers = answerer.answer(chunk, first)
        first += len(chunk)
        # The next chunk is read while this frame waits.
        del chunk
        yield from answers
        del answers


def answer_in_zone(
    nlp: "Language", records: list[ReadRecord], heads: list[str], *, source: str, scores: bool
) -> list[ReadRecord]:
    """Run a pipeline over records inside a memory zone of the caller's, which others may share.

    nlp (Language): The pipeline.
    records (list[ReadRecord]): The records; all of them are in memory at once.
    heads (list[str]): What to take from each document; see choose_heads.
    source (str): The name of the source, for messages.
    scores (bool): Whether mentions get their probabilities.
    RETURNS (list[ReadRecord]): As answer. Nothing in them is the zone's.
    RAISES (InputError): If a component of the pipeline changes the tokens.
    """
    return _Answerer(nlp, heads, source, scores, None).answer(records, 1)


def divide(
    records: Iterable[ReadRecord], n_documents: int, n_characters: int
) -> Iterator[list[ReadRecord]]:
    """Divide records into chunks, which are read one after the other.

    records (Iterable[ReadRecord]): The records.
    n_documents (int): A chunk ends with this many records,
    n_characters (int): or with the record that reaches this.
    YIELDS (list[ReadRecord]): The chunks, in order.
    """
    chunk: list[ReadRecord] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.text) if isinstance(record, Record) else 0
        if len(chunk) >= n_documents or size >= n_characters:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


@dataclass(frozen=True)
class _Question:
    """A document on its way through the pipeline.

    number (int): Its number in the source, from 1.
    record (Record): What was read.
    doc (Doc): Its document, to be annotated.
    tokens (NDArray): Its tokens before that, and whether a space follows each.
    """

    number: int
    record: Record
    doc: "Doc"
    tokens: NDArray[Any]


@dataclass(frozen=True)
class _Answerer:
    """What is the same for all documents of a source; see answer."""

    nlp: "Language"
    heads: list[str]
    source: str
    scores: bool
    finish: Finish | None

    def answer(self, chunk: list[ReadRecord], first: int) -> list[ReadRecord]:
        """Answer records, numbered from first on, in order. No document outlives the call."""
        answers: dict[int, ReadRecord] = {}
        questions: list[_Question] = []
        for number, record in enumerate(chunk, first):
            if isinstance(record, BadRecord):
                answers[number] = record
                continue
            try:
                if record.text.strip():
                    questions.append(self._ask(number, record))
                else:
                    # Not every component copes with a document without words.
                    nothing: dict[str, list[Mention]] = {head: [] for head in self.heads}
                    answers[number] = _answered(record, nothing, record.words or [], [], number)
            except Exception as error:
                answers[number] = self._reject(number, record, "cannot be tokenised", error)
        for question, outcome in self._annotate(questions):
            if isinstance(outcome, Exception):
                answers[question.number] = self._reject(
                    question.number, question.record, "fails in the pipeline", outcome
                )
            else:
                answers[question.number] = self._take_answer(question, outcome)
        return [answers[number] for number in range(first, first + len(chunk))]

    def _ask(self, number: int, record: Record) -> _Question:
        bare = replace(record, mentions={}, unknown={}, rejected={})
        check_offsets(bare)
        # As for gold: a score counted on the answers equals that of `evaluate`.
        doc, _ = record_to_doc(bare, self.nlp.vocab, self.nlp.tokenizer)
        if record.words is None:
            if doc.text != record.text:
                raise ValueError(
                    "the tokenizer changes the text, so that offsets would not fit it; it may hold "
                    "halves of surrogate pairs, which are no characters"
                )
            _mark_passages(doc, record.passages)
        return _Question(number, record, doc, doc.to_array(_TOKENS))

    def _annotate(
        self, questions: list[_Question]
    ) -> "Iterator[tuple[_Question, Doc | Exception]]":
        """Run the pipeline; a document that it fails on does not lose those beside it."""
        try:
            docs = self._pipe([question.doc for question in questions])
            together = list(zip(questions, docs, strict=True))
        except InputError:
            # The pipeline's settings are wrong, not the documents.
            raise
        except Exception:
            for question in questions:
                yield question, self._annotate_alone(question)
        else:
            yield from together

    def _pipe(self, docs: "list[Doc]") -> "list[Doc]":
        docs = list(self.nlp.pipe(docs))
        return self.finish(docs) if self.finish else docs

    def _annotate_alone(self, question: _Question) -> "Doc | Exception":
        try:
            # What is left of the first attempt must not show in the second.
            again = self._ask(question.number, question.record)
            (doc,) = self._pipe([again.doc])
        except Exception as error:
            return error
        return doc

    def _take_answer(self, question: _Question, doc: "Doc") -> ReadRecord:
        number, record = question.number, question.record
        if not np.array_equal(doc.to_array(_TOKENS), question.tokens):
            raise InputError(
                "a component of the pipeline merges or splits tokens, so that the source's cannot "
                f"be answered; remove it. There are: {', '.join(self.nlp.pipe_names)}"
            )
        words, sentence_starts = record.words, record.sentence_starts
        if words is None:
            words, sentence_starts = _find_words(doc)
        try:
            mentions = {head: self._take_mentions(record, doc, head) for head in self.heads}
            unknown = {
                head: [Word(*_place(record, span)) for span in doc.spans[head + UNKNOWN_SUFFIX]]
                for head in self.heads
                if head + UNKNOWN_SUFFIX in doc.spans
            }
            if self.finish:
                # Teachers do not change what somebody has annotated.
                unknown = {head: unknown[head] for head in unknown.keys() - record.mentions.keys()}
                mentions, unknown = mentions | record.mentions, unknown | record.unknown
            answered = _answered(record, mentions, words, sentence_starts, number)
            if CERTAINTY in doc.user_data:
                certainty = round(doc.user_data[CERTAINTY], SCORE_DIGITS)
                answered = replace(answered, meta={**record.meta, CERTAINTY: certainty})
            rejected = record.rejected if self.finish else {}
            return replace(answered, unknown=unknown, rejected=rejected)
        except ValueError as error:
            return self._reject(number, record, "got an answer that does not fit its text", error)

    def _take_mentions(self, record: Record, doc: "Doc", head: str) -> list[Mention]:
        if head == MERGED_HEAD:
            spans = list(doc.ents)
            scores = entity_scores(doc)
        else:
            spans = list(doc.spans[head])
            scores = doc.spans[head].attrs.get(SCORES) or [None] * len(spans)
        mentions = []
        for span, score in zip(spans, scores, strict=True):
            start, end = _place(record, span)
            rounded = round(score, SCORE_DIGITS) if self.scores and score is not None else None
            mentions.append(Mention(start, end, span.label_, rounded))
        return mentions

    def _reject(self, number: int, record: Record, fault: str, error: Exception) -> BadRecord:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = (
            lines[0] if isinstance(error, ValueError) else f"{type(error).__name__}: {lines[0]}"
        )
        name = f"document {number}" + (f" ({record.id})" if record.id else "")
        return BadRecord(
            record.id,
            f"{self.source}: {name} {fault} ({reason.rstrip('.')}); correct it or leave it out",
        )


def _place(record: Record, span: "Span") -> tuple[int, int]:
    """Where a span of a record's document stands in its text."""
    if record.words is not None:
        return record.words[span.start].start, record.words[span.end - 1].end
    if record.text[span.start_char : span.end_char] != span.text:
        raise ValueError(f"{span.text!r} does not stand at {span.start_char}-{span.end_char}")
    return span.start_char, span.end_char


def _mark_passages(doc: "Doc", passages: list[Passage]) -> None:
    """Let the first word of each passage begin a sentence."""
    if not passages:
        return
    offsets, spaces = doc.to_array(["IDX", "IS_SPACE"]).T
    words = np.flatnonzero(spaces == 0)
    firsts = np.searchsorted(offsets[words], [passage.start for passage in passages])
    for passage, first in zip(passages, firsts, strict=True):
        if first < len(words) and offsets[words[first]] < passage.end:
            doc[int(words[first])].is_sent_start = True


def _find_words(doc: "Doc") -> tuple[list[Word], list[int]]:
    """The tokens that are not white space, and the indices of those that begin sentences."""
    values = doc.to_array(["IDX", "LENGTH", "IS_SPACE", "SENT_START"])
    kept = np.flatnonzero(values[:, 2] == 0)
    starts = np.searchsorted(kept, np.flatnonzero(values[:, 3] == 1))
    ends = values[kept, 0] + values[kept, 1]
    words = [Word(*pair) for pair in zip(values[kept, 0].tolist(), ends.tolist(), strict=True)]
    return words, sorted({0, *starts.tolist()} - {len(words)})


def _answered(
    record: Record,
    mentions: dict[str, list[Mention]],
    words: list[Word],
    sentence_starts: list[int],
    number: int,
) -> Record:
    answered = replace(
        record,
        mentions=mentions,
        unknown={},
        rejected={},
        words=words,
        sentence_starts=sentence_starts,
        document=number if record.words is None else record.document,
    )
    check_offsets(answered)
    return answered
