"""The one type between readers, writers and spaCy documents."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mention:
    """A piece of text that names an entity.

    start (int): Offset of its first character in the record's text, in code points.
    end (int): Offset after its last character.
    label (str): The entity type.
    """

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Word:
    """A token of a source that comes tokenised.

    start (int): Offset of its first character in the record's text, in code points.
    end (int): Offset after its last character.
    """

    start: int
    end: int


@dataclass
class Record:
    """One annotated text, as a file gives it or as a model answers it.

    id (str): The source's own identifier; empty where it has none.
    text (str): The text; words of a source without spacing are joined by single spaces.
    mentions (dict[str, list[Mention]]): Per head, what was annotated. A head with an empty list
        means "annotated, nothing found"; a head that is absent means "not annotated".
    unknown (dict[str, list[Word]]): Per head, words whose annotation is unknown (label "-").
    words (list[Word] | None): The source's tokens, or None for raw text.
    sentence_starts (list[int]): Indices into words at which sentences begin.
    """

    id: str
    text: str
    mentions: dict[str, list[Mention]] = field(default_factory=dict)
    unknown: dict[str, list[Word]] = field(default_factory=dict)
    words: list[Word] | None = None
    sentence_starts: list[int] = field(default_factory=list)
