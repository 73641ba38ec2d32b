"""Sentences with their entities marked inline: ``<Disease> acute pancreatitis </Disease> .``"""

from collections.abc import Iterable, Iterator

from spacy_bioner_mtl.formats.tokens import AnsweredSentence


def write_inline(sentences: Iterable[AnsweredSentence]) -> Iterator[str]:
    """Write one sentence a line, tokens and tags separated by single spaces.

    sentences (Iterable[AnsweredSentence]): The sentences, with one answer each: entities that nest
        or cross could not be told apart.
    YIELDS (str): The lines, line ends included; a blank line stands between documents.
    RAISES (ValueError): If a sentence has any other number of answers.
    """
    document: int | None = None
    for sentence in sentences:
        if document not in (None, sentence.document):
            yield "\n"
        document = sentence.document
        (spans,) = sentence.columns
        before = {start: f"<{label}>" for start, _, label in spans}
        after = {end - 1: f"</{label}>" for _, end, label in spans}
        pieces = []
        for index, word in enumerate(sentence.words):
            pieces += [before[index], word] if index in before else [word]
            if index in after:
                pieces.append(after[index])
        yield " ".join(pieces) + "\n"
