"""The list of corpora: the one place that says which corpora take part.

A list is a YAML file; adding a corpus is adding an entry::

    corpora:
      - name: BC5CDR              # unique; also the name of the converted file
        head: BC5CDR              # key of the span group; several corpora may feed one head
        by_type: true             # instead, or as well: one head for each entity type
        types: [Chemical, Disease]  # optional, with `by_type`: names them, lest a split without
                                  # any mention of a type pass for not annotated for it. With the
                                  # labels that become each, `{Gene: [protein, DNA], RNA: [RNA]}`,
                                  # others are left to `head`
        format: conll             # or pubtator, bioc-xml, bioc-json, brat, jsonl, doccano, inline
        files:                    # relative to the data folder; a split may be a list of files
          train: BC5CDR-IOBES/train.tsv
          test: BC5CDR-IOBES/test.tsv
        git_blob_ids:             # optional, or sha256; shaped like `files`
          train: 4792e5cf8fe9ccd6f3932035c00fdcb1bf1d435c
          test: 725872142f5f721ea503e282b452af779377deb6
        documents: {train: 1-400, devel: 401-500}   # optional: which documents of each file of the
                                  # split belong to it, for splits that share a file
        sentences_per_doc: 1      # optional, CoNLL: cut documents at -DOCSTART- lines smaller
        label: Disease            # optional, CoNLL: the type of tags that have none (B, I, O)
        word_column: 2            # optional, CoNLL: the column of the token, counted from 1
        map: {chemical: Chemical, gene: null}   # optional: rename labels, null leaves one out
        unknown: {Species: [patient, patients]}   # optional: words that other corpora of a head
                                  # annotate and this one never: where they are not annotated here,
                                  # they are unknown, not outside of all entities
        source: https://…         # optional: where the files are; a URL that ends in "/" is
                                  # their folder, and names of missing files are appended to it
        license: CC BY 4.0        # optional
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self, TypeVar

import srsly
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from spacy_bioner_mtl.errors import InputError, see
from spacy_bioner_mtl.formats.registry import find_gold_format
from spacy_bioner_mtl.pipeline.spans import check_head_name

#: The key in the list, and the number of hexadecimal digits, of each kind of checksum.
CHECKSUMS = {"git_blob_ids": 40, "sha256": 64}

# Names become names of files and folders, on every system.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RANGE = re.compile(r"([1-9][0-9]*)-([1-9][0-9]*)")


@dataclass(frozen=True)
class CorpusFile:
    """One file of a corpus.

    path (str): Where it is, relative to the data folder, with forward slashes.
    checksum (str | None): What it should hash to, in lower-case hexadecimal digits: a git blob
        id (40 digits) or a SHA-256 (64 digits).
    documents (tuple[range, ...]): Which of its documents take part, counted from 0; empty for all.
    """

    path: str
    checksum: str | None = None
    documents: tuple[range, ...] = ()


@dataclass(frozen=True)
class Corpus:
    """One entry of the list.

    name (str): Unique name.
    head (str | None): The head that gets all mentions; None if only types are heads.
    by_type (bool): Whether every entity type is a head.
    format (str): The name of a format that can have mentions.
    splits (dict[str, tuple[CorpusFile, ...]]): The files of each split.
    types (dict[str, frozenset[str]]): The labels that become each type, if types are heads; empty
        takes the labels that occur.
    sentences_per_doc (int | None): Sentences in a document; None takes the -DOCSTART- lines of
        the file, where it has some, else single sentences.
    label (str | None): The entity type of tags that have none.
    word_column (int | None): The column of the token, from 1; None recognises it.
    label_map (dict[str, str | None]): New names of labels; None leaves a label out.
    unknown (dict[str, tuple[str, ...]]): For some heads, the words that are unknown where no
        mention covers them.
    source (str | None): URL of the files, or of their folder if it ends in "/".
    license (str | None): The terms of use.
    """

    name: str
    head: str | None
    format: str
    splits: dict[str, tuple[CorpusFile, ...]]
    by_type: bool = False
    types: dict[str, frozenset[str]] = field(default_factory=dict)
    sentences_per_doc: int | None = None
    label: str | None = None
    word_column: int | None = None
    label_map: dict[str, str | None] = field(default_factory=dict)
    unknown: dict[str, tuple[str, ...]] = field(default_factory=dict)
    source: str | None = None
    license: str | None = None

    @property
    def files(self) -> tuple[CorpusFile, ...]:
        """Every file once, as a whole: a file may belong to two splits."""
        all_files = (file for files in self.splits.values() for file in files)
        return tuple(dict.fromkeys(replace(file, documents=()) for file in all_files))

    def url(self, file: CorpusFile) -> str | None:
        """Describe where a file can be found.

        file (CorpusFile): One of the files.
        RETURNS (str | None): A URL, or None if the list does not say.
        """
        if self.source and self.source.endswith("/"):
            return self.source + PurePosixPath(file.path).name
        return self.source


@dataclass(frozen=True)
class CorporaList:
    """All corpora that take part.

    path (Path): The file they were read from.
    corpora (tuple[Corpus, ...]): In the file's order.
    """

    path: Path
    corpora: tuple[Corpus, ...]

    def choose_splits(self, names: Collection[str]) -> tuple[str, ...]:
        """Choose splits.

        names (Collection[str]): Names of splits; none at all chooses every split.
        RETURNS (tuple[str, ...]): The names chosen, each once.
        RAISES (InputError): For a name that no corpus has.
        """
        known = tuple(dict.fromkeys(split for corpus in self.corpora for split in corpus.splits))
        for name in names:
            if name not in known:
                raise InputError(
                    f"{self.path}: no corpus has a split {name!r}. Choose from: {', '.join(known)}."
                )
        return tuple(split for split in known if not names or split in names)

    def only(self, names: Collection[str]) -> "CorporaList":
        """Keep some corpora.

        names (Collection[str]): Names of corpora; none at all keeps every corpus.
        RETURNS (CorporaList): The corpora of those names.
        RAISES (InputError): For a name that is not in the list.
        """
        known = [corpus.name for corpus in self.corpora]
        for name in names:
            if name not in known:
                raise InputError(
                    f"{self.path}: there is no corpus {name!r}. Choose from: {', '.join(known)}."
                )
        kept = tuple(corpus for corpus in self.corpora if not names or corpus.name in names)
        return CorporaList(self.path, kept)

    def merge(self, splits: Collection[str], name: str) -> "CorporaList":
        """Add a split that holds all files of others.

        splits (Collection[str]): Names of splits, in the order of the files; a corpus need not have
            them all.
        name (str): Name of the new split.
        RETURNS (CorporaList): The same corpora, with one more split each.
        RAISES (InputError): If a corpus has a split of that name, or none of the others.
        """
        corpora = []
        for corpus in self.corpora:
            files = [file for split in splits for file in corpus.splits.get(split, ())]
            if name in corpus.splits or not files:
                raise InputError(
                    f"{self.path}: {corpus.name} must have a split {' or '.join(splits)}, and none "
                    f"called {name!r}, to merge them under that name. Rename its splits."
                )
            merged = {**corpus.splits, name: _merge_files(files)}
            corpora.append(replace(corpus, splits=merged))
        return CorporaList(self.path, tuple(corpora))


def _merge_files(files: list[CorpusFile]) -> tuple[CorpusFile, ...]:
    """Name every file once, with all documents that any of its entries has."""
    merged: dict[str, CorpusFile] = {}
    for file in files:
        other = merged.get(file.path, file)
        whole = not (file.documents and other.documents)
        documents = () if whole else tuple(dict.fromkeys(other.documents + file.documents))
        merged[file.path] = replace(other, documents=documents)
    return tuple(merged.values())


@see("corpora.md#lists-of-corpora")
def read_corpora_list(path: Path) -> CorporaList:
    """Read and check a list of corpora.

    path (Path): A YAML file as the description of this module shows.
    RETURNS (CorporaList): The corpora.
    RAISES (InputError): For anything that is not as described there.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Give the path of a list of corpora.")
    try:
        content = srsly.read_yaml(path)
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path}: this is not readable as YAML. {' '.join(str(error).split())}"
        ) from error
    if not isinstance(content, dict) or set(content) != {"corpora"}:
        raise InputError(f"{path}: expected `corpora:` and nothing else at the top level.")
    entries = content["corpora"]
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: `corpora` must be a list with at least one entry.")
    corpora: list[Corpus] = []
    for number, entry in enumerate(entries, start=1):
        corpus = _read_entry(f"{path}, entry {number}", entry)
        # Two names that differ in case alone are one file on some systems.
        if corpus.name.lower() in (other.name.lower() for other in corpora):
            raise InputError(
                f"{path}, entry {number}: the name {corpus.name!r} is taken by an earlier entry. "
                "Give each corpus a name of its own."
            )
        corpora.append(corpus)
    return CorporaList(path, tuple(corpora))


def _read_entry(where: str, entry: Any) -> Corpus:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: is not a mapping; start it with `- name: …`.")
    if isinstance(entry.get("name"), str):
        where += f" ({entry['name']})"
    try:
        return _Entry.model_validate(entry).to_corpus()
    except ValidationError as error:
        raise InputError(f"{where}: {_describe(error)}.") from error


def _describe(error: ValidationError) -> str:
    """Say what is wrong first, and what to do."""
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"`{key}` is missing; add it"
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}; known are: {', '.join(sorted(_Entry.model_fields))}"
    message = first["msg"].removeprefix("Value error, ").replace("--from takes", "known are")
    return f"`{key}` is {first['input']!r}: {message}" if key else message


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            "it cannot be the name of a file or folder everywhere; use letters, digits, '.', '_' "
            "and '-', and begin with a letter or digit"
        )
    return name


def _check_head(name: str) -> str:
    check_head_name(name)
    return name


def _check_format(name: str) -> str:
    return find_gold_format(name).name


def _check_path(path: str) -> str:
    if PurePosixPath(path).is_absolute() or "\\" in path:
        raise ValueError(
            "it is not relative to the data folder; write it as folder/file, with forward slashes"
        )
    return path


def _read_range(text: str) -> range:
    numbers = _RANGE.fullmatch(text)
    first, last = map(int, numbers.groups()) if numbers else (1, 0)
    if first > last:
        raise ValueError("write the first and the last document of each file, as in 1-400")
    return range(first - 1, last)


def _name_themselves(types: Any) -> Any:
    """A type that is listed alone takes the label of its own name."""
    named = isinstance(types, list) and all(isinstance(name, str) for name in types)
    return {name: [name] for name in types} if named else types


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _check_distinct(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("it names one twice; name each once")
    return values


_Text = Annotated[str, Field(min_length=1)]
_Name = Annotated[str, AfterValidator(_check_name)]
_Head = Annotated[str, AfterValidator(_check_head)]
_Path = Annotated[_Text, AfterValidator(_check_path)]
_Value = TypeVar("_Value")
#: For each split, one value or a list of them.
_BySplit = dict[
    _Name,
    Annotated[
        list[_Value],
        Field(min_length=1),
        AfterValidator(_check_distinct),
        BeforeValidator(_as_list),
    ],
]


class _Entry(BaseModel, extra="forbid", strict=True):
    """An entry of the list, as the description of this module shows it."""

    name: _Name
    head: _Head | None = None
    by_type: bool = False
    types: Annotated[
        dict[_Head, Annotated[list[_Text], Field(min_length=1)]], BeforeValidator(_name_themselves)
    ] = {}
    format: Annotated[str, AfterValidator(_check_format)]
    files: Annotated[_BySplit[_Path], Field(min_length=1)]
    documents: dict[str, Annotated[str, AfterValidator(_read_range)]] = {}
    git_blob_ids: _BySplit[Annotated[str, Field(pattern="^[0-9a-f]{40}$")]] | None = None
    sha256: _BySplit[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] | None = None
    sentences_per_doc: PositiveInt | None = None
    label: _Text | None = None
    word_column: PositiveInt | None = None
    map: dict[str, _Text | None] = {}
    unknown: dict[str, Annotated[list[_Text], Field(min_length=1)]] = {}
    source: Annotated[str, Field(pattern="^https://")] | None = None
    license: _Text | None = None

    @model_validator(mode="after")
    def check_together(self) -> Self:
        """Refuse what excludes each other."""
        if self.head is None and not self.by_type:
            raise ValueError(
                "there must be a `head`, or `by_type: true`, or both; `head` for one head, "
                "`by_type` for a head for each entity type"
            )
        if self.types and not self.by_type:
            raise ValueError("`types` belongs to `by_type: true`; leave one of them out")
        if self.head in self.types:
            raise ValueError(f"the head {self.head!r} is one of `types`, too; rename one of them")
        if foreign := [split for split in self.documents if split not in self.files]:
            raise ValueError(f"`documents` has the split {foreign[0]!r}, which `files` has not")
        # Without `types`, the heads of `by_type` show only when the files are read.
        if self.types or not self.by_type:
            heads = [*self.types, *([self.head] if self.head else [])]
            if foreign := [head for head in self.unknown if head not in heads]:
                raise ValueError(
                    f"`unknown` has the head {foreign[0]!r}, which this corpus is not for; its "
                    f"heads are: {', '.join(heads)}"
                )
        for key in ("sentences_per_doc", "label", "word_column"):
            if getattr(self, key) is not None and not find_gold_format(self.format).sentences:
                raise ValueError(f"`{key}` belongs to the format conll; leave it out")
        if self.git_blob_ids is not None and self.sha256 is not None:
            raise ValueError("both git_blob_ids and sha256 are given; keep one of them")
        for split, checksums in (self.git_blob_ids or self.sha256 or {}).items():
            if len(checksums) != len(self.files.get(split, ())):
                raise ValueError(
                    f"the checksums of the split {split!r} do not fit `files`; give one checksum "
                    "for each file"
                )
        return self

    def to_corpus(self) -> Corpus:
        """Put files and checksums together."""
        checksums: dict[str, list[str]] = self.git_blob_ids or self.sha256 or {}
        # Validated to ranges, whatever the annotation says
        ranges: dict[str, Any] = {split: (chosen,) for split, chosen in self.documents.items()}
        splits = {
            split: tuple(
                CorpusFile(path, checksum, ranges.get(split, ()))
                for path, checksum in zip(paths, checksums.get(split, repeat(None)), strict=False)
            )
            for split, paths in self.files.items()
        }
        same = ("name", "head", "by_type", "format", "sentences_per_doc", "label", "word_column")
        return Corpus(
            **{key: getattr(self, key) for key in (*same, "source", "license")},
            splits=splits,
            types={name: frozenset(labels) for name, labels in self.types.items()},
            label_map=self.map,
            unknown={head: tuple(words) for head, words in self.unknown.items()},
        )
