"""Sentences with mistakes, chosen so that each kind of mistake is seen."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacy.tokens import Doc

from spacy_bioner_mtl.formats.record import Mention, Record
from spacy_bioner_mtl.pipeline.abstract_sentences import find_sentence_starts
from spacy_bioner_mtl.pipeline.judge import Key
from spacy_bioner_mtl.report.mistakes import Kind, Pair

if TYPE_CHECKING:
    from spacy.training import Example

#: How many sentences are shown of a head and kind.
SHOWN = 4


@dataclass(frozen=True)
class Sentence:
    """A sentence with a mistake.

    kind (Kind): What is wrong.
    wanted (str): The mention of the gold; empty for INVENTED.
    instead (str): What was found; empty for MISSED.
    gold (Record): The sentence with the gold mentions.
    found (Record): With those of the answer.
    """

    kind: Kind
    wanted: str
    instead: str
    gold: Record
    found: Record


def choose_sentences(pairs: "Sequence[tuple[Example, Pair]]") -> list[Sentence]:
    """Choose some sentences of each kind of mistake: from the beginning, middle and end alike.

    pairs (Sequence[tuple[Example, Pair]]): All pairs of a head with their documents, in order.
    RETURNS (list[Sentence]): They, kind by kind; each sentence once.
    """
    pairs_of: dict[int, list[Pair]] = {}
    for example, pair in pairs:
        pairs_of.setdefault(id(example), []).append(pair)
    shown: set[tuple[int, int]] = set()
    sentences = []
    for kind in Kind:
        wrong = [each for each in pairs if each[1].kind is kind is not Kind.RIGHT]
        chosen = 0
        for example, pair in wrong[:: max(len(wrong) // (2 * SHOWN), 1)]:
            doc = example.reference
            start, end = _around(doc, [key for key in (pair.gold, pair.found) if key])
            if chosen < SHOWN and (id(example), start) not in shown:
                chosen += 1
                shown.add((id(example), start))
                sentences.append(_make_sentence(doc, start, end, pair, pairs_of[id(example)]))
    return sentences


def text_of(doc: Doc, key: Key | None) -> str:
    """Return the text of a mention.

    doc (Doc): The gold document.
    key (tuple[int, int, str] | None): The mention.
    RETURNS (str): Its text; empty if there is none.
    """
    return "" if key is None else doc[key[0] : key[1]].text


def _around(doc: Doc, keys: list[Key]) -> tuple[int, int]:
    """Bounds of the sentence of mentions: of the source, or that the rules for abstracts find."""
    if doc.has_annotation("SENT_START"):
        starts = [sentence.start for sentence in doc.sents]
    else:
        spaces = [bool(token.whitespace_) for token in doc]
        starts = find_sentence_starts([token.text for token in doc], spaces)
    first = bisect_right(starts, min(key[0] for key in keys)) - 1
    last = max(key[1] for key in keys)
    return starts[first], min((each for each in starts if each >= last), default=len(doc))


def _make_sentence(doc: Doc, start: int, end: int, pair: Pair, pairs: list[Pair]) -> Sentence:
    text, offset = doc[start:end].text, doc[start].idx

    def make_record(keys: Iterable[Key | None]) -> Record:
        mentions = [
            Mention(doc[first].idx - offset, doc[last - 1].idx + len(doc[last - 1]) - offset, label)
            for first, last, label in filter(None, keys)
            if start <= first and last <= end
        ]
        return Record("", text, {"": mentions})

    return Sentence(
        pair.kind,
        text_of(doc, pair.gold),
        text_of(doc, pair.found),
        make_record(each.gold for each in pairs),
        make_record(each.found for each in pairs),
    )
