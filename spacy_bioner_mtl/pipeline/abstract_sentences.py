"""Sentence boundaries of biomedical abstracts, by rules.

The rules read tokens and the spaces between them, so they serve raw text (``0.05`` has no space
inside) as well as the corpora's tokens, each of which is followed by one (``0 . 05``). They hold
back where they are unsure: a boundary inside an entity costs more than one that is missed.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.strings import get_string_id
from spacy.tokens import Doc
from thinc.types import Ints2d


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A bracket that does not close within so many tokens is taken for a slip, not for a bracket.
MAX_BRACKET_TOKENS = 100
# No heading is longer: `PATIENTS AND OTHER PARTICIPANTS :`
MAX_HEADING_TOKENS = 5

TERMINATORS = frozenset(".!?")
_TERMINATOR_IDS = frozenset(map(get_string_id, TERMINATORS))
OPENING_OF = {")": "(", "]": "[", "}": "{"}
OPENING_BRACKETS = frozenset(OPENING_OF.values())
OPENING_QUOTES = frozenset(["``", "\u2018", "\u201c", "\u00ab"])
CLOSING_QUOTES = frozenset(["''", "\u2019", "\u201d", "\u00bb"])
# These open or close; which of the two shows only in what is around them.
NEUTRAL_QUOTES = frozenset("\"'")
OPENING = OPENING_BRACKETS | OPENING_QUOTES | NEUTRAL_QUOTES
CLOSING = CLOSING_QUOTES | frozenset(OPENING_OF)
# A full stop after one of these begins a number (`P < . 05`) or a radical (`O2 - . and . OH`).
NEVER_LAST = frozenset("=<>~/,([{-\u2264\u2265\u2212\u00b1") | {"and", "of", "or", "than", "the"}

# What a full stop shortens in the middle of a sentence.
ABBREVIATIONS = _words(
    "approx ca cf e.g eq eqs fig figs i.e ref refs resp subsp suppl var viz vol vs "
    "Approx Cf Dr Eq Eqs Fig Figs Mr Mrs Prof Ref Refs St Suppl Vol Vs "
    # Parts of the names of journals
    "Acad Am Biochem Biol Chem Clin Engl Exp Genet Hum Immunol Lett Med Mol Mutat Natl Neurol Opin "
    "Pharmacol Proc Res Sci Surg Surv"
)
# The same before a number only.
NUMBER_ABBREVIATIONS = frozenset(["No", "Nos", "no", "nos", "p", "pp"])
# These may also end a sentence: a boundary only before a word that opens sentences.
ENDING_ABBREVIATIONS = _words("al etc ft pv sp spp ssp Bros Co Corp Inc Jr Ltd Sr")
# A single letter after one of these is its name, not an initial: `hepatitis C .`
LETTERED = _words("\u00b0 NF-kappa class degrees factor group hepatitis kappa phase type vitamin")
# Words that open a sentence so often, and a name so rarely, that they settle a doubt. "A" is not
# one of them: it is an initial, too.
OPENERS = _words(
    "Activation Additionally After All Also Although Among An Analysis As At Based Because Before "
    "Both But By Compared Comparison Consistent Conversely Data Despite During Each Effect Effects "
    "Eight Evidence Expression Finally Five Following For Four From Further Furthermore Given He "
    "Hence Here How However Identification If In Inhibition Interestingly It Its Many Moreover "
    "Most Mutations Neither Nevertheless No None Of On One Only Other Our Overall Previous "
    "Previously Recent Recently Results Seven Several Similar Similarly Since Six Some Studies "
    "Such Surprisingly Taken Ten That The Their Then There Therefore These They This Those Three "
    "Thus To Together Treatment Two Under Unlike Upon Using Was We What When Whereas Whether Which "
    "While With Within"
)
# The words at the end of a structured abstract's headings, which a colon follows.
HEADINGS = _words(
    "AIM AIMS BACKGROUND CASE CONCLUSION CONCLUSIONS CONTEXT CRITERIA DESIGN DISCUSSION FINDINGS "
    "HYPOTHESIS IMPLICATIONS INTERPRETATION INTERVENTION INTERVENTIONS INTRODUCTION MEASUREMENTS "
    "MEASURES METHOD METHODS OBJECTIVE OBJECTIVES OUTCOMES PARTICIPANTS PATIENTS PURPOSE RATIONALE "
    "RELEVANCE REPORT RESULTS SETTING SIGNIFICANCE SUBJECTS SUMMARY"
)


def find_sentence_starts(words: Sequence[str], spaces: Sequence[bool]) -> list[int]:
    """Find where sentences begin.

    words (Sequence[str]): The tokens; white space is a token of its own or none.
    spaces (Sequence[bool]): Whether a space follows each token, of the same length.
    RETURNS (list[int]): The indices of the tokens that begin a sentence, in ascending order. The
        first token always does; elsewhere white space never does.
    """
    starts = [0] if words else []
    # White space at the beginning is part of the first sentence.
    start = next((i for i, word in enumerate(words) if not word.isspace()), len(words))
    for stop in _find_stops(words):
        following = _find_following(words, spaces, stop)
        if following is None or following <= start:
            continue
        if words[stop].isspace():
            is_boundary = _is_blank_line(words[stop]) or _is_heading(words, following)
        else:
            is_boundary = _can_open(words, following) and (
                words[stop] != "." or _is_full_stop(words, spaces, start, stop, following)
            )
        if is_boundary:
            starts.append(following)
            start = following
    return starts


def _find_stops(words: Sequence[str]) -> list[int]:
    """The tokens after which a sentence may end: line breaks, terminators outside brackets."""
    stops: list[int] = []
    brackets: list[int] = []
    for i, word in enumerate(words):
        if word in TERMINATORS:
            stops.append(i)
        elif word in OPENING_BRACKETS:
            brackets.append(i)
        elif word in OPENING_OF:
            opening = _close_bracket(words, brackets, i)
            while opening is not None and stops and stops[-1] > opening:
                stops.pop()
        elif "\n" in word and word.isspace():
            stops.append(i)
            if _is_blank_line(word):
                brackets.clear()
    return stops


def _close_bracket(words: Sequence[str], brackets: list[int], closing: int) -> int | None:
    """Take the bracket that a closing one belongs to, and what was left open inside it."""
    for k in range(len(brackets) - 1, -1, -1):
        opening = brackets[k]
        if closing - opening > MAX_BRACKET_TOKENS:
            break
        if words[opening] == OPENING_OF[words[closing]]:
            del brackets[k:]
            return opening
    return None


def _find_following(words: Sequence[str], spaces: Sequence[bool], stop: int) -> int | None:
    """The token that would begin a sentence after a stop; None where there is none.

    Closing brackets and quotes stay with the sentence before. A terminator that is glued to what
    follows ends nothing.
    """
    i = stop + 1
    while i < len(words) and (
        words[i] in CLOSING or (words[i] in NEUTRAL_QUOTES and not spaces[i - 1])
    ):
        i += 1
    separated = spaces[i - 1] or words[stop].isspace()
    while i < len(words) and words[i].isspace():
        separated = True
        i += 1
    return i if separated and i < len(words) else None


def _is_full_stop(
    words: Sequence[str], spaces: Sequence[bool], start: int, stop: int, following: int
) -> bool:
    """Whether a "." ends the sentence that began at start, so that another begins at following."""
    last, first = words[stop - 1], words[following]
    if stop == start or last in NEVER_LAST or last in ABBREVIATIONS:
        return False
    if stop == start + 1 and last.isdigit():  # the number of an item: `1 . The`
        return False
    if first[:1].isdigit():
        if last in NUMBER_ABBREVIATIONS:
            return False
        # Where spaces tell nothing, `E18 . 5` or `m . 2` may be one name or one number.
        if spaces[stop - 1] and (first[:1] == "0" or not (last in CLOSING or _is_plain_word(last))):
            return False
    elif spaces[stop - 1] and _is_symbol(last) and _is_symbol(first):  # `SU . TM`
        return _is_heading(words, following)
    if last in ENDING_ABBREVIATIONS or _is_initial(words, stop - 1):
        return first in OPENERS or _is_heading(words, following)
    return True


def _is_initial(words: Sequence[str], i: int) -> bool:
    """Whether a token is an initial (`E . coli`) or a dotted abbreviation's last (`i . v .`)."""
    word = words[i]
    if len(word) > 1 or not word.isalpha() or i == 0:
        return False
    return words[i - 1] == "." or (word.isupper() and words[i - 1] not in LETTERED)


def _is_symbol(word: str) -> bool:
    """Whether a token looks like a name in signs: a digit, or a capital after its first letter."""
    return word.isalnum() and not (word.isalpha() and word[1:] == word[1:].lower())


def _is_plain_word(word: str) -> bool:
    return len(word) > 3 and word.isalpha() and word.islower()


def _can_open(words: Sequence[str], i: int) -> bool:
    """Whether a token looks like a sentence's first."""
    word = words[i]
    if word == "(" and i + 1 < len(words) and words[i + 1] == "ABSTRACT":
        return False  # PubMed's note that it cut the abstract off
    return word[:1].isupper() or word[:1].isdigit() or word in OPENING or _is_symbol(word)


def _is_heading(words: Sequence[str], i: int) -> bool:
    """Whether a heading of a structured abstract begins at a token."""
    for end in range(i + 1, min(i + MAX_HEADING_TOKENS, len(words) - 1) + 1):
        if words[end] == ":":
            return words[end - 1] in HEADINGS
        if not words[end - 1].isupper():
            break
    return False


def _is_blank_line(space: str) -> bool:
    return space.count("\n") > 1


class AbstractSentences(Pipe):
    """Mark the beginnings of sentences by rules that suit biomedical abstracts.

    name (str): The component's name in the pipeline.
    overwrite (bool): Whether to replace sentence boundaries that a document already has.
    """

    def __init__(self, name: str = "abstract_sentences", *, overwrite: bool = False) -> None:
        """Create the component."""
        self.name = name
        self.overwrite = overwrite

    def __call__(self, doc: Doc) -> Doc:
        """Mark every token of a document as beginning a sentence or not.

        doc (Doc): The document.
        RETURNS (Doc): The same document.
        """
        error_handler = self.get_error_handler()
        try:
            self.set_annotations([doc], self.predict([doc]))
        except Exception as error:
            error_handler(self.name, self, [doc], error)
        return doc

    def predict(self, docs: Iterable[Doc]) -> list[list[int]]:
        """Find the boundaries without changing the documents.

        docs (Iterable[Doc]): The documents.
        RETURNS (list[list[int]]): Per document, the indices of the tokens that begin a sentence.
        """
        starts: list[list[int]] = []
        for doc in docs:
            if not self.overwrite and doc.to_array("SENT_START").all():
                starts.append([])
                continue
            # Several times as fast as going through the tokens
            words = doc.to_array("ORTH").tolist()
            if _TERMINATOR_IDS.isdisjoint(words[:-1]) and not doc.to_array("IS_SPACE").any():
                # Nothing that a sentence could end with: most documents of single sentences.
                starts.append([0] if words else [])
                continue
            strings = doc.vocab.strings
            texts = [strings[word] for word in words]
            starts.append(find_sentence_starts(texts, doc.to_array("SPACY").tolist()))
        return starts

    def set_annotations(self, docs: Iterable[Doc], starts: Iterable[list[int]]) -> None:
        """Write the boundaries into the documents.

        docs (Iterable[Doc]): The documents.
        starts (Iterable[list[int]]): What ``predict`` returned for them.
        """
        for doc, doc_starts in zip(docs, starts, strict=True):
            values = np.full(len(doc), -1, dtype=np.int64)
            values[doc_starts] = 1
            if not self.overwrite:
                present = doc.to_array("SENT_START").astype(np.int64)
                values = np.where(present == 0, values, present)
            if len(doc):
                column = values.astype(np.uint64).reshape(-1, 1)
                doc.from_array(["SENT_START"], cast(Ints2d, column))


@Language.factory(
    "abstract_sentences",
    assigns=["token.is_sent_start", "doc.sents"],
    default_config={"overwrite": False},
    default_score_weights={},
)
def make_abstract_sentences(nlp: Language, name: str, overwrite: bool) -> AbstractSentences:
    """Create the component from a config.

    nlp (Language): The pipeline.
    name (str): The component's name in the pipeline.
    overwrite (bool): Whether to replace sentence boundaries that a document already has.
    RETURNS (AbstractSentences): The component.
    """
    return AbstractSentences(name, overwrite=overwrite)
