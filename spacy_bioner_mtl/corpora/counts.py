"""How often strings are mentioned, and in how many documents."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from spacy_bioner_mtl.formats.record import Record
from spacy_bioner_mtl.formats.table import one_line
from spacy_bioner_mtl.pipeline.consistency import CASELESS_FROM


class Count(NamedTuple):
    """A row of the table.

    text (str): The string, on one line, as it is written most often.
    label (str): The entity type.
    documents (int): Documents in which it is mentioned.
    mentions (int): Its mentions.
    """

    text: str
    label: str
    documents: int
    mentions: int


@dataclass
class _Strings:
    """What is one string: its forms, and where it is mentioned."""

    forms: Counter[str] = field(default_factory=Counter)
    documents: int = 0


def count_mentions(records: Iterable[Record]) -> list[Count]:
    """Count strings.

    Words of CASELESS_FROM characters and more are the same in capitals and without, shorter ones
    are not. What several heads say of the same place is one mention of each label.

    records (Iterable[Record]): Annotated documents.
    RETURNS (list[Count]): The strings of each label, those of the most documents first.
    """
    strings: dict[tuple[str, str], _Strings] = {}
    for record in records:
        of_document = set()
        places = {(one.start, one.end, one_line(one.label)) for one in record.all_mentions}
        for start, end, label in places:
            words = record.text[start:end].split()
            key = (
                label,
                " ".join(each.lower() if len(each) >= CASELESS_FROM else each for each in words),
            )
            strings.setdefault(key, _Strings()).forms[" ".join(words)] += 1
            of_document.add(key)
        for key in of_document:
            strings[key].documents += 1
    counts = [
        Count(_most_common(found.forms), label, found.documents, found.forms.total())
        for (label, _), found in strings.items()
    ]
    return sorted(counts, key=lambda one: (-one.documents, -one.mentions, one.text, one.label))


def _most_common(forms: Counter[str]) -> str:
    return min(forms, key=lambda form: (-forms[form], form))
