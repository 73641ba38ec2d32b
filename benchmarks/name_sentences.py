"""The names of benchmarks/names/, each in the plain sentences of its type."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import srsly

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import open_source

#: The lists of names, and the sentences.
FOLDER = Path(__file__).parent / "names"
_PLACEHOLDER = re.compile(r"\{([Nn])ame\}")


@dataclass(frozen=True)
class Name:
    """A name of a list.

    text (str): The name.
    phrase (str): What a sentence says: the name, or more with the name in it, such as "KRAS G12C".
    """

    text: str
    phrase: str


@dataclass(frozen=True)
class NameList:
    """Names of one type.

    kind (str): The type, such as "drugs".
    label (str): What they should be found as.
    names (list[Name]): The names.
    templates (list[str]): Sentences with a place for a name.
    """

    kind: str
    label: str
    names: list[Name]
    templates: list[str]

    def sentences(self) -> "Iterator[NameSentence]":
        """Put each name into each sentence.

        YIELDS (NameSentence): The sentences.
        """
        for name in self.names:
            for template in self.templates:
                yield _fill(self, name, template)


@dataclass(frozen=True)
class NameSentence:
    """A sentence with a name.

    kind (str): The type of the name, such as "drugs".
    label (str): What the name should be found as.
    name (str): The name as it is listed.
    text (str): The sentence.
    start (int): First character of the name.
    end (int): First character after it.
    """

    kind: str
    label: str
    name: str
    text: str
    start: int
    end: int


def read_name_lists(folder: Path = FOLDER) -> list[NameList]:
    """Read names and sentences.

    folder (Path): Holds sentences.yml, and KIND.txt for each kind in it.
    RETURNS (list[NameList]): The lists, in the order of sentences.yml.
    RAISES (InputError): A file is missing, a name is not in its phrase, or a sentence has no
        place for a name, or several.
    """
    path = folder / "sentences.yml"
    with open_source(path) as file:
        entries = srsly.yaml_loads(file.read().decode("utf-8"))
    lists = []
    for kind, entry in entries.items():
        for template in entry["sentences"]:
            if len(_PLACEHOLDER.findall(template)) != 1:
                raise InputError(f"{path}: one {{name}} or {{Name}} must stand in: {template}")
        names = list(_read_names(folder / f"{kind}.txt"))
        lists.append(NameList(kind, entry["label"], names, entry["sentences"]))
    return lists


def _read_names(path: Path) -> Iterator[Name]:
    """Read a name a line, "#" before comments, behind a tab what a sentence says if it is more."""
    with open_source(path) as file:
        lines = file.read().decode("utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        text, _, phrase = line.partition("\t")
        if not text or text.startswith("#"):
            continue
        name = Name(text, phrase or text)
        if name.phrase.count(text) != 1:
            raise InputError(f"{path}, line {number}: {text!r} must stand once in {phrase!r}")
        yield name


def _fill(names: NameList, name: Name, template: str) -> NameSentence:
    before, letter, after = _PLACEHOLDER.split(template)
    phrase = name.phrase[0].upper() + name.phrase[1:] if letter == "N" else name.phrase
    start = len(before) + name.phrase.index(name.text)
    end = start + len(name.text)
    return NameSentence(names.kind, names.label, name.text, before + phrase + after, start, end)
