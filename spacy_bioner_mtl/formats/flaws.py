"""Flaws of annotations: what of a text nobody knows because of them.

An annotation that cannot be used still says something: that where it was meant to be, the text is
not outside of all entities. Where that may be, the text is unknown.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property

from spacy_bioner_mtl.formats.lines import BREAKS
from spacy_bioner_mtl.formats.record import Flaw, FlawKind, Word

#: Texts of fewer letters and digits are looked for as words only, lest they be found everywhere.
_SHORT = 3
#: How many times longer the same text may be written.
_MOST = 20
#: How much of a text messages show.
_SHOWN = 80


class MentionCheck:
    """Compares mentions with the text of their document.

    text (str): The text.
    flaws (list[Flaw]): What was found to be wrong.
    """

    def __init__(self, text: str) -> None:
        """Compute nothing yet."""
        self.text = text
        self.flaws: list[Flaw] = []
        self._everything = Word(0, len(text))
        # Which texts, of which type, were looked for, and whether they were found.
        self._looked_for: dict[tuple[str, str], bool] = {}

    def add_malformed(
        self, place: str, reason: str, label: str = "", unknown: Sequence[Word] | None = None
    ) -> None:
        """Add an annotation that cannot be read to the flaws.

        place (str): Where it stands in the source.
        reason (str): One message that names the place, what is wrong, and the remedy.
        label (str): Its type; empty if that is not known.
        unknown (Sequence[Word] | None): What is unknown because of it; None for all of the text.
        """
        pieces = [self._everything] if unknown is None else unknown
        self.flaws.append(Flaw(FlawKind.MALFORMED, place, reason, label, tuple(pieces)))

    def accept(
        self,
        pieces: Sequence[tuple[int, int]],
        label: str,
        said: str | None,
        *,
        place: str,
        what: str,
    ) -> bool:
        """Check a mention, and add what is wrong with it to the flaws.

        pieces (Sequence[tuple[int, int]]): Start and end of each piece, in the order of the text.
        label (str): Its type.
        said (str | None): The text that the source says it has, pieces joined by spaces; None if
            the source says nothing.
        place (str): Where it stands in the source, as "file:line".
        what (str): What to call it in messages.
        RETURNS (bool): Whether it can be used.
        """
        first, last = min(start for start, _ in pieces), max(end for _, end in pieces)
        label = label if label.strip() else ""

        def add(kind: FlawKind, reason: str) -> bool:
            unknown = () if kind.is_used else tuple(self.find_unknown(first, last, said, label))
            self.flaws.append(Flaw(kind, place, f"{place}: {what} {reason}", label, unknown))
            return kind.is_used

        if not label:
            return add(FlawKind.NO_TYPE, "has no type; add it")
        for start, end in pieces:
            if start >= end:
                return add(
                    FlawKind.EMPTY, f"is empty: offsets {start}-{end}; correct them or leave it out"
                )
            if start < 0 or end > len(self.text):
                return add(
                    FlawKind.OUTSIDE,
                    f"lies outside of the text of {len(self.text)} characters: offsets "
                    f"{start}-{end}; count characters (code points) from 0, not bytes or units of "
                    "UTF-16",
                )
        if said is None:
            return True
        covered = list(self._cover(pieces, len(said)))
        if any(each.translate(BREAKS) == said.translate(BREAKS) for each in covered):
            return True
        here = f"is {_shorten(said)!r}, but the text at its place is {_shorten(covered[0])!r}"
        if any(is_written_otherwise(each, said) for each in covered):
            return add(FlawKind.WRITTEN_OTHERWISE, f"{here}; write it as in the text")
        return add(
            FlawKind.OTHER_TEXT,
            f"{here}; correct the offsets, which count characters (code points)",
        )

    def find_unknown(self, start: int, end: int, said: str | None, label: str = "") -> list[Word]:
        """Find what is unknown because of a mention that cannot be used.

        start (int): Where it is said to begin.
        end (int): Where it is said to end.
        said (str | None): The text that it is said to have.
        label (str): Its type.
        RETURNS (list[Word]): What the offsets touch, and all places where its text occurs, as
            offsets may be wrong; all of the text if there is neither. Places that were found before
            for a mention of the same text and type are not given again.
        """
        if start >= end:
            start, end = end - 1, start + 1
        wanted, _ = _fold(said or "")
        places = set() if (wanted, label) in self._looked_for else set(self._find(wanted))
        self._looked_for[wanted, label] = self._looked_for.get((wanted, label)) or bool(places)
        if max(start, 0) < min(end, len(self.text)):
            places.add(Word(max(start, 0), min(end, len(self.text))))
        if not places and not self._looked_for[wanted, label]:
            return [self._everything]
        return sorted(places, key=lambda place: (place.start, place.end))

    def find_anywhere(self, said: str | None, label: str = "") -> list[Word]:
        """Find what is unknown because of a mention whose offsets cannot be read.

        said (str | None): The text that it is said to have.
        label (str): Its type.
        RETURNS (list[Word]): As find_unknown.
        """
        return self.find_unknown(-1, 0, said, label.strip())

    @cached_property
    def _folded(self) -> tuple[str, list[int]]:
        return _fold(self.text)

    def _cover(self, pieces: Sequence[tuple[int, int]], length: int) -> Iterator[str]:
        """Give what stands at the places of a mention, no more than its text can be written with.

        Of a mention in several pieces sources give the pieces, or all from its first to its last.
        """
        longest = _MOST * (length + 1)
        yield " ".join(self.text[start : min(end, start + longest)] for start, end in pieces)
        first, last = min(start for start, _ in pieces), max(end for _, end in pieces)
        if len(pieces) > 1 and last - first <= longest:
            yield self.text[first:last]

    def _find(self, wanted: str) -> Iterator[Word]:
        folded, origins = self._folded
        found = folded.find(wanted) if wanted else -1
        while found >= 0:
            word = Word(origins[found], origins[found + len(wanted) - 1] + 1)
            if len(wanted) >= _SHORT or self._stands_alone(word):
                yield word
            found = folded.find(wanted, found + 1)

    def _stands_alone(self, word: Word) -> bool:
        around = self.text[word.start - 1 : word.start] + self.text[word.end : word.end + 1]
        return not any(map(str.isalnum, around))


def is_written_otherwise(text: str, said: str) -> bool:
    """Check whether two texts differ in nothing but how they are written.

    text (str): A text.
    said (str): Another one.
    RETURNS (bool): Whether they have the same letters and digits, in upper or lower case and in any
        form of Unicode. White space and signs are not compared, as programs replace some or leave
        them out; at the ends none may be missing, lest the offsets be wrong.
    """
    if text.split() == said.split() or _have_the_same_places(text, said):
        return True
    if text == text.strip():
        said = said.strip()
    text, said = map(_without_case, (text, said))
    if not text or not said:
        return False
    ends = all(text[index].isalnum() == said[index].isalnum() for index in (0, -1))
    letters, other = ("".join(filter(str.isalnum, each)) for each in (text, said))
    return ends and letters == other and bool(letters or len(text) == len(said))


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _have_the_same_places(text: str, said: str) -> bool:
    return len(text) == len(said) and all(
        here.casefold() == there.casefold() or not (here.isalnum() or there.isalnum())
        for here, there in zip(text, said, strict=True)
    )


def _without_case(text: str) -> str:
    # Decomposed before case is folded, as Unicode says: upper case makes "SŚ" of "ß" with an
    # accent, and composed the accent would stand on another letter.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).casefold())


def _fold(text: str) -> tuple[str, list[int]]:
    """Reduce a text to letters and digits in lower case, each with its index in the text."""
    folded: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text):
        for each in unicodedata.normalize("NFKD", character).casefold():
            if each.isalnum():
                folded.append(each)
                origins.append(index)
    return "".join(folded), origins
