"""Augmentation: training examples with names that nobody has seen.

A network that meets the same names again and again learns those names, and little of what a new
one looks like. Names are replaced by others of their label for tasks with few examples (mention
replacement: Dai and Adel 2020, https://aclanthology.org/2020.coling-main.343); here they are made
of halves of two, so that neither the table of words nor the vectors know them.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_bioner_mtl.pipeline.spans import REJECTED_SUFFIX
from spacy_bioner_mtl.training.sentence_corpus import make_example

#: Shorter words are left: a half of "TNF" says nothing.
LETTERS = 5
#: A half is at least this share of its word.
LEAST = 0.35


class InventedNames:
    """Adds examples in which names are others, made of those that it has met.

    A name is a mention of one word of letters, or of two of which the first is capitalised
    ("Escherichia coli"). Its new words each begin as it does and end as those of another name of
    the same label, number of words and case: "haloperidol" and "ribavirin" make "halovirin". The
    new words take the place of the old ones wherever those stand in the example. The first name of
    its kind is left.
    """

    def __init__(self, level: float) -> None:
        """Meet no names yet.

        level (float): The share of the examples with names that come twice, 0 to 1.
        """
        self.level = level
        # By label and by which words are capitalised; dicts, since sets have no order of their own.
        self._met: dict[tuple[str, tuple[bool, ...]], dict[tuple[str, ...], None]]
        self._met = defaultdict(dict)

    def __call__(self, nlp: Language, example: Example) -> Iterator[Example]:
        """Augment an example.

        Which ones are, and which names are put together, is drawn from Python's random numbers,
        which ``spacy train`` seeds.

        nlp (Language): The pipeline whose tokenizer the example's text is for.
        example (Example): The example.
        YIELDS (Example): The example, and some a second time, with other names.
        """
        names = _find_names(example.reference)
        is_chosen = bool(names) and random.random() < self.level
        new: dict[str, str] = {}
        for label, words in names:
            met = self._met[label, tuple(word[0].isupper() for word in words)]
            met[words] = None
            if is_chosen and len(met) > 1:
                other = random.choice([name for name in met if name != words])
                for word, end in zip(words, other, strict=True):
                    new.setdefault(word, _cross(word, end))
        yield example
        if new:
            yield make_example(nlp, _replace_words(example.reference, new))


def configure_invented_names(level: float) -> Callable[[Language, Example], Iterator[Example]]:
    """Create an augmenter that adds examples with names that nobody has seen.

    A name is a mention of one word of letters, or of two of which the first is capitalised. Its new
    words begin as it does and end as another name of its label: "haloperidol" and "ribavirin" make
    "halovirin".

    level (float): The share of the examples with names that come twice, the second time with
        invented ones, 0 to 1.
    RETURNS (Callable[[Language, Example], Iterator[Example]]): The augmenter.
    """
    return InventedNames(level)


def _find_names(doc: Doc) -> list[tuple[str, tuple[str, ...]]]:
    """Find the labels and words of names, each place once."""
    spans = {
        (span.start, span.end): span
        for key, group in doc.spans.items()
        if not key.endswith(REJECTED_SUFFIX)
        for span in group
    }
    names: list[tuple[str, tuple[str, ...]]] = []
    for start, end in sorted(spans):
        words = tuple(token.text for token in doc[start:end])
        if all(word.isalpha() and len(word) >= LETTERS for word in words) and (
            len(words) == 1
            or (len(words) == 2 and start and words[0].istitle() and words[1].islower())
        ):
            names.append((spans[start, end].label_, words))
    return names


def _cross(word: str, other: str) -> str:
    """Put the first part of a word before the last part of another."""
    first = round(len(word) * random.uniform(LEAST, 1 - LEAST))
    last = round(len(other) * random.uniform(LEAST, 1 - LEAST))
    return word[:first] + other[-last:]


def _replace_words(doc: Doc, new: dict[str, str]) -> Doc:
    """Make the same gold document with other words."""
    replaced = Doc(
        doc.vocab,
        words=[new.get(token.text, token.text) for token in doc],
        spaces=None if doc.has_unknown_spaces else [bool(token.whitespace_) for token in doc],
        sent_starts=[token.is_sent_start for token in doc],
    )
    for name, group in doc.spans.items():
        replaced.spans[name] = [
            Span(replaced, span.start, span.end, label=span.label) for span in group
        ]
    return replaced
