"""Traits of a mention that make it easy or hard to find."""

import re
from collections.abc import Callable, Collection

_GREEK = re.compile(
    r"[\u0391-\u03c9]|\b(?:alpha|beta|gamma|delta|epsilon|kappa|lambda|sigma|omega)\b",
    re.IGNORECASE,
)
#: A short form is mostly capitals and digits, and has no blank: TNF, IL-2, p53.
_LONGEST_SHORT_FORM = 8
_LONG = 3
#: Names of the traits of mentions whose text, whatever its case, training has seen, and not.
SEEN, UNSEEN = "seen in training", "not seen in training"

#: Tells of the text of a mention whether it has a trait.
Trait = Callable[[str], bool]


def make_traits(seen: Collection[str] | None) -> dict[str, Trait]:
    """Name traits.

    seen (Collection[str] | None): Texts of the mentions of the training documents, lower-cased;
        None if they are not known.
    RETURNS (dict[str, Trait]): The traits by name.
    """
    traits: dict[str, Trait] = {
        "one word": lambda text: len(text.split()) == 1,
        "two words": lambda text: len(text.split()) == 2,
        "three words and more": lambda text: len(text.split()) >= _LONG,
        "short form": is_short_form,
        "with a Greek letter": lambda text: bool(_GREEK.search(text)),
        "with a digit": lambda text: any(map(str.isdigit, text)),
    }
    if seen is not None:
        known = frozenset(seen)
        traits[SEEN] = lambda text: text.lower() in known
        traits[UNSEEN] = lambda text: text.lower() not in known
    return traits


def is_short_form(text: str) -> bool:
    """Check whether a text looks like a short form: short, half of it capitals or digits.

    text (str): The text.
    RETURNS (bool): Whether it does.
    """
    marks = sum(char.isupper() or char.isdigit() for char in text)
    is_short = 1 < len(text) <= _LONGEST_SHORT_FORM and not any(map(str.isspace, text))
    return is_short and 2 * marks >= len(text)
