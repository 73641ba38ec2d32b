"""Annotate files of tokens: stream, keep the file's tokens and sentences, answer each one once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import write_whole
from spacy_bioner_mtl.formats.inline import write_inline
from spacy_bioner_mtl.formats.tokens import (
    AnsweredSentence,
    TokenSentence,
    read_tokens,
    write_label_columns,
)
from spacy_bioner_mtl.loading import head_names

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span

#: What to write instead of one head's spans: doc.ents, or all heads side by side.
MERGED, ALL = "merged", "all"
#: Sentences after which spaCy forgets the words that it had not known before.
SENTENCES_PER_ZONE = 4_096


@dataclass(frozen=True)
class OutputFormat:
    """A format to write.

    write (Callable): Turns sentences into pieces of text.
    several_columns (bool): Whether it can hold more than one answer for a sentence.
    """

    write: Callable[[Iterable[AnsweredSentence]], Iterator[str]]
    several_columns: bool


READERS: dict[str, Callable[[Path], Iterator[TokenSentence]]] = {"conll": read_tokens}
WRITERS = {
    "conll": OutputFormat(write_label_columns, several_columns=True),
    "inline": OutputFormat(write_inline, several_columns=False),
}


@dataclass
class AnnotationReport:
    """What was annotated.

    columns (list[str]): The heads written, or "merged".
    sentences (int): Sentences written.
    tokens (int): Tokens written.
    mentions (int): Mentions written, in all columns together.
    """

    columns: list[str]
    sentences: int = 0
    tokens: int = 0
    mentions: int = 0


def check_request(
    source: Path, out: Path, *, source_format: str, target_format: str, head: str
) -> None:
    """Refuse what cannot work, before a model is loaded.

    source (Path): The file to annotate.
    out (Path): The file to write.
    source_format (str): A key of READERS.
    target_format (str): A key of WRITERS.
    head (str): A head's name, "all" or "merged".
    RAISES (InputError): If the formats are unknown or do not fit, or the paths are wrong.
    """
    for option, name, known in (
        ("--from", source_format, READERS),
        ("--to", target_format, WRITERS),
    ):
        if name not in known:
            raise InputError(f"unknown format {name!r}; {option} takes {' or '.join(known)}")
    if head == ALL and not WRITERS[target_format].several_columns:
        raise InputError(
            f"--head {ALL} does not fit --to {target_format}, where entities of several heads "
            f"would nest and cross: name one head, or take --head {MERGED} or --to conll"
        )
    if not source.is_file():
        raise InputError(f"{source}: there is no such file; name the file to annotate")
    if out.is_dir():
        raise InputError(f"{out}: this is a folder; name the file to write")
    if out.exists() and out.samefile(source):
        raise InputError(f"{out}: this is the file to annotate itself; write to another one")


def annotate_file(
    nlp: "Language",
    source: Path,
    out: Path,
    *,
    source_format: str = "conll",
    target_format: str = "conll",
    head: str = MERGED,
) -> AnnotationReport:
    """Annotate a file; the result appears whole or not at all.

    nlp (Language): The pipeline.
    source (Path): The file to annotate.
    out (Path): The file to write.
    source_format (str): A key of READERS.
    target_format (str): A key of WRITERS.
    head (str): A head's name; "all" for a column for each head; "merged" for doc.ents.
    RETURNS (AnnotationReport): What was written.
    RAISES (InputError): If an argument or the file is wrong.
    """
    from tqdm import tqdm

    check_request(source, out, source_format=source_format, target_format=target_format, head=head)
    report = AnnotationReport(choose_columns(nlp, head))
    with tqdm(unit=" tokens", unit_scale=True, disable=None) as progress:

        def counted() -> Iterator[AnsweredSentence]:
            for sentence in answer(nlp, READERS[source_format](source), report.columns):
                report.sentences += 1
                report.tokens += len(sentence.words)
                report.mentions += sum(map(len, sentence.columns))
                progress.update(len(sentence.words))
                yield sentence

        with write_whole(out) as file:
            file.writelines(WRITERS[target_format].write(counted()))
    return report


def choose_columns(nlp: "Language", head: str) -> list[str]:
    """Tell which answers are asked for.

    nlp (Language): The pipeline.
    head (str): A head's name, "all" or "merged".
    RETURNS (list[str]): Names of heads in the pipeline's order, or "merged" alone.
    RAISES (InputError): If there is no such head.
    """
    heads = head_names(nlp)
    if head == ALL:
        return heads
    if head != MERGED and head not in heads:
        raise InputError(
            f"there is no head {head!r} in the pipeline; choose from: {', '.join(heads)}, or "
            f"{ALL}, or {MERGED}"
        )
    return [head]


def answer(
    nlp: "Language", sentences: Iterable[TokenSentence], columns: list[str]
) -> Iterator[AnsweredSentence]:
    """Run a pipeline over sentences, each a document of its own with just its tokens.

    nlp (Language): The pipeline.
    sentences (Iterable[TokenSentence]): The sentences.
    columns (list[str]): What to take from each document; see choose_columns.
    YIELDS (AnsweredSentence): Every sentence once, in order.
    RAISES (InputError): If a component of the pipeline changes the tokens.
    """
    sentences = iter(sentences)
    while chunk := list(islice(sentences, SENTENCES_PER_ZONE)):
        # Without a zone the vocab keeps every word of the file.
        with nlp.memory_zone():
            docs = ((_make_doc(nlp, sentence.words), sentence) for sentence in chunk)
            for doc, sentence in nlp.pipe(docs, as_tuples=True):
                if [token.text for token in doc] != sentence.words:
                    raise InputError(
                        "a component of the pipeline merges or splits tokens, so that the file's "
                        f"cannot be answered; remove it. There are: {', '.join(nlp.pipe_names)}"
                    )
                spans = [_spans(doc, column) for column in columns]
                yield AnsweredSentence(
                    sentence.words,
                    sentence.document,
                    [[(span.start, span.end, span.label_) for span in each] for each in spans],
                )


def _make_doc(nlp: "Language", words: list[str]) -> "Doc":
    from spacy.tokens import Doc

    # Sentences are not marked: a score counted on the file then equals that of `evaluate`, whose
    # documents carry no marks either.
    return Doc(nlp.vocab, words=words)


def _spans(doc: "Doc", column: str) -> "Iterable[Span]":
    spans: Iterable[Span] = doc.ents if column == MERGED else doc.spans[column]
    return spans
