"""Short forms that a text explains: "tumour necrosis factor (TNF)".

The method is that of Schwartz and Hearst (2003), A simple algorithm for identifying abbreviation
definitions in biomedical text, Pacific Symposium on Biocomputing 8, 451-462. The short form stands
in brackets behind its long form, or in front of the brackets that hold the long form. Its letters
occur in the long form in the same order, read from the end; the first of them begins a word.

Additions, each for errors seen in abstracts: words that begin with the letters are tried first, so
that MM is "multiple myeloma", not "myeloma"; as a last resort, initials may be in another order, as
in "myotonic dystrophy (DM)"; few words of a long form may lack a letter; Greek letters are read as
their names; the s of a plural is not looked for.
"""

from collections.abc import Sequence
from typing import NamedTuple

_BRACKETS = {"(": ")", "[": "]"}
_CLOSING = frozenset(_BRACKETS.values())
_HYPHENS = frozenset("-\u2010\u2011\u2212")
_SHORT_LENGTHS = range(2, 11)
# Longer ones without a capital are mostly plain words
_LOWERCASE_LENGTHS = range(2, 8)
# How many tokens are looked at around a bracket: the time is linear
_REACH = 60
# Up to this length, words such as "of" may lack a letter
_MINOR = 3
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
    "sigma tau upsilon phi chi psi omega"
)
_GREEK = str.maketrans(dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _GREEK_NAMES.split(), strict=True)))


class Abbreviation(NamedTuple):
    """A long form and a short form beside each other, as ranges of tokens.

    long_start (int): The long form's first token.
    long_end (int): The token after its last.
    short_start (int): The short form's first token.
    short_end (int): The token after its last.
    """

    long_start: int
    long_end: int
    short_start: int
    short_end: int


def find_abbreviations(words: Sequence[str], spaces: Sequence[bool]) -> list[Abbreviation]:
    """Find the places where a text explains a short form.

    A long form ends where the short form's bracket stands; where it starts is guessed from the
    letters, and now and then is a word too late.

    words (Sequence[str]): The tokens of the text, as BioTokenizer makes them: every sign is one.
    spaces (Sequence[bool]): Whether a space follows each token. If one follows all of them, as in
        corpora that do not tell, hyphens are taken to join their neighbours.
    RETURNS (list[Abbreviation]): The places, in the order of their brackets.
    """
    if _BRACKETS.keys().isdisjoint(words):
        return []
    text = _Text(words, spaces)
    found = []
    for opening, word in enumerate(words):
        # A bracket inside a word is part of a name, such as beta(2)-microglobulin.
        if word in _BRACKETS and opening and not text.joined[opening]:
            end = text.remark_end(opening)
            pair = text.long_before(opening, end) or text.long_inside(opening, end)
            if pair:
                found.append(pair)
    return found


class _Text:
    """The tokens of a text, prepared for comparison."""

    def __init__(self, words: Sequence[str], spaces: Sequence[bool]) -> None:
        self.words = words
        self.folded = [word.casefold().translate(_GREEK) for word in words]
        joining = _HYPHENS if all(spaces[:-1]) else frozenset[str]()
        #: Whether each token continues the word that the token before it belongs to
        self.joined = [False] * len(words)
        for i in range(1, len(words)):
            pair = words[i - 1], words[i]
            self.joined[i] = (
                (not spaces[i - 1] or not joining.isdisjoint(pair))
                and "/" not in pair
                and not any(map(str.isspace, pair))
            )

    def remark_end(self, opening: int) -> int:
        """The end of what a bracket says first: at a comma, a semicolon, or its closing bracket.

        It says nothing if that is out of reach.
        """
        depth = 0
        for i in range(opening + 1, min(len(self.words), opening + _REACH)):
            word = self.words[i]
            if word in _BRACKETS:
                depth += 1
            elif word in _CLOSING:
                depth -= 1
                if depth < 0:
                    return i
            elif word in ",;" and not depth and not self.joins_next(i):
                return i
        return opening + 1

    def long_before(self, opening: int, end: int) -> Abbreviation | None:
        """Find the long form in front of a bracket that begins with a short form."""
        letters = self.short_letters(opening + 1, end)
        if not letters:
            return None
        start = self.match(letters, self.window_start(letters, opening), opening)
        if start is None or self.starts_in_remark(start, opening):
            return None
        return self.checked(Abbreviation(start, opening, opening + 1, end))

    def long_inside(self, opening: int, end: int) -> Abbreviation | None:
        """Compare what a bracket says first with the word in front of it, a short form perhaps."""
        start, first = opening - 1, opening + 1
        while self.joined[start]:
            start -= 1
        letters = self.short_letters(start, opening)
        # Plain words stand in front of most brackets.
        if not letters or (letters.isalpha() and "".join(self.words[start:opening]).islower()):
            return None
        if self.count_words(first, end) > _most_words(letters):
            return None
        if self.match(letters, first, end) != first:
            return None
        return self.checked(Abbreviation(first, end, start, opening))

    def short_letters(self, start: int, end: int) -> str:
        """The letters and digits that a long form must have; none if this is no short form."""
        words = self.words[start:end]
        if not words or not words[0][0].isalnum():
            return ""
        spelled, count = "".join(words), self.count_words(start, end)
        lowercase = not any(map(str.isupper, spelled))
        lengths, most = (_LOWERCASE_LENGTHS, 1) if lowercase else (_SHORT_LENGTHS, 2)
        if len(spelled) + count - 1 not in lengths or count > most:
            return ""
        letters = "".join(filter(str.isalnum, "".join(self.folded[start:end])))
        if letters.isdecimal():
            return ""
        plural = len(letters) > 2 and spelled[-1] == "s" and spelled[:-1].isupper()
        return letters[:-1] if plural else letters

    def window_start(self, letters: str, end: int) -> int:
        """The first token that a long form in front of a bracket may have."""
        depth = count = 0
        last = max(0, end - _REACH)
        for i in range(end - 1, last - 1, -1):
            word = self.words[i]
            depth += (word in _CLOSING) - (word in _BRACKETS)
            stops = word in ";?!" or (word == "." and len(self.words[i - 1]) > 1)  # not "E. coli"
            in_sentence = depth > 0 or self.joins_next(i) or not stops
            if depth < 0 or not in_sentence or word.count("\n") > 1:
                return i + 1
            count += not self.joined[i] and not word.isspace()
            if count == _most_words(letters):
                return i
        return last

    def match(self, letters: str, first: int, end: int) -> int | None:
        """Find the start of the long form that ends at a token; None if there is none."""
        some = max(1, len(letters) // 2)
        for initials, silent in ((True, 0), (False, some), (True, some)):
            start = self.align(letters, first, end, initials, silent)
            if start is not None:
                break
        else:
            start = self.permute(letters, first, end)
        while start is not None and start > first and self.joined[start]:
            start -= 1
        return start

    def align(self, letters: str, first: int, end: int, initials: bool, silent: int) -> int | None:
        """Find letters in their order, from the end, and return the token that has the first.

        initials (bool): Whether each letter must begin a token, or the first only.
        silent (int): How many words may lack a letter.
        """
        left, longest, spoken = len(letters), 0, False
        for token in range(end - 1, first - 1, -1):
            word = self.folded[token]
            for i in (0,) if initials else reversed(range(len(word))):
                if word[i] == letters[left - 1] and (left > 1 or i == 0):
                    left -= 1
                    spoken = True
                    if not left:
                        return token
            longest = max(longest, len(word))
            if initials or not self.joined[token]:
                silent -= not spoken and longest > _MINOR
                longest, spoken = 0, False
                if silent < 0:
                    return None
        return None

    def permute(self, letters: str, first: int, end: int) -> int | None:
        """Find letters as the initials of the last tokens, in any order; return the first token."""
        tokens = [i for i in range(first, end) if self.words[i][0].isalnum()][-len(letters) :]
        initials = sorted(self.folded[i][0] for i in tokens)
        return tokens[0] if initials == sorted(letters) else None

    def starts_in_remark(self, start: int, end: int) -> bool:
        """Whether a long form starts in a bracket of its own, unlike that of (R)-warfarin."""
        depth = 0
        for i in range(start, end):
            depth += (self.words[i] in _BRACKETS) - (self.words[i] in _CLOSING)
            if depth < 0:
                return True
            if not depth and self.words[start] in _BRACKETS:
                return not self.joins_next(i) or self.words[i + 1] in ",;.:"
        return depth > 0

    def checked(self, pair: Abbreviation) -> Abbreviation | None:
        """Return the pair if its long form is longer, whole, and does not hold the short form."""
        short = "".join(self.folded[pair.short_start : pair.short_end])
        long = self.folded[pair.long_start : pair.long_end]
        right = sum(map(len, long)) > len(short) and short not in long and long[-1] not in ".,;:"
        return pair if right else None

    def joins_next(self, token: int) -> bool:
        return token + 1 < len(self.words) and self.joined[token + 1]

    def count_words(self, start: int, end: int) -> int:
        return sum(not joined for joined in self.joined[start + 1 : end]) + 1


def _most_words(letters: str) -> int:
    """How many words a long form may have, by Schwartz and Hearst."""
    return min(len(letters) + 5, 2 * len(letters))
