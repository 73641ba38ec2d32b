"""The list of corpora: the one place that says which corpora take part.

A list is a YAML file; adding a corpus is adding an entry::

    corpora:
      - name: BC5CDR              # unique; also the name of the converted file
        head: BC5CDR              # key of the span group; several corpora may feed one head.
                                  # `by_type: true` instead: one head for each entity type;
                                  # `types: [Chemical, Disease]` then names them, lest a split
                                  # without any mention of a type pass for not annotated for it
        format: conll             # or pubtator, bioc-xml, bioc-json, brat, jsonl, doccano, inline
        files:                    # relative to the data folder; a split may be a list of files
          train: BC5CDR-IOBES/train.tsv
          test: BC5CDR-IOBES/test.tsv
        git_blob_ids:             # optional, or sha256; shaped like `files`
          train: 4792e5cf8fe9ccd6f3932035c00fdcb1bf1d435c
          test: 725872142f5f721ea503e282b452af779377deb6
        sentences_per_doc: 1      # optional, CoNLL: cut documents at -DOCSTART- lines smaller
        label: Disease            # optional, CoNLL: the type of tags that have none (B, I, O)
        word_column: 2            # optional, CoNLL: the column of the token, counted from 1
        map: {chemical: Chemical, gene: null}   # optional: rename labels, null leaves one out
        source: https://…         # optional: where the files are; a URL that ends in "/" is
                                  # their folder, and names of missing files are appended to it
        license: CC BY 4.0        # optional
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

import srsly

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.registry import Format, find_gold_format
from spacy_bioner_mtl.pipeline.spans import check_head_name

#: The key in the list, and the number of hexadecimal digits, of each kind of checksum.
CHECKSUMS = {"git_blob_ids": 40, "sha256": 64}

_KEYS = {
    "name",
    "head",
    "by_type",
    "types",
    "format",
    "files",
    "sentences_per_doc",
    "label",
    "word_column",
    "map",
    "source",
    "license",
    *CHECKSUMS,
}
# Names become names of files and folders, on every system.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class CorpusFile:
    """One file of a corpus.

    path (str): Where it is, relative to the data folder, with forward slashes.
    checksum (str | None): What it should hash to, in lower-case hexadecimal digits: a git blob
        id (40 digits) or a SHA-256 (64 digits).
    """

    path: str
    checksum: str | None = None


@dataclass(frozen=True)
class Corpus:
    """One entry of the list.

    name (str): Unique name.
    head (str | None): The head it is annotated for; None if every entity type is a head.
    format (str): The name of a format that can have mentions.
    splits (dict[str, tuple[CorpusFile, ...]]): The files of each split.
    types (tuple[str, ...]): The entity types if each is a head; empty takes those that occur.
    sentences_per_doc (int | None): Sentences in a document; None takes the -DOCSTART- lines of
        the file, where it has some, else single sentences.
    label (str | None): The entity type of tags that have none.
    word_column (int | None): The column of the token, from 1; None recognises it.
    label_map (dict[str, str | None]): New names of labels; None leaves a label out.
    source (str | None): URL of the files, or of their folder if it ends in "/".
    license (str | None): The terms of use.
    """

    name: str
    head: str | None
    format: str
    splits: dict[str, tuple[CorpusFile, ...]]
    types: tuple[str, ...] = ()
    sentences_per_doc: int | None = None
    label: str | None = None
    word_column: int | None = None
    label_map: dict[str, str | None] = field(default_factory=dict)
    source: str | None = None
    license: str | None = None

    @property
    def by_type(self) -> bool:
        """Whether every entity type is a head of its own."""
        return self.head is None

    @property
    def files(self) -> tuple[CorpusFile, ...]:
        """Every file once: a file may belong to two splits."""
        return tuple(dict.fromkeys(file for files in self.splits.values() for file in files))

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
            merged = {**corpus.splits, name: tuple(dict.fromkeys(files))}
            corpora.append(replace(corpus, splits=merged))
        return CorporaList(self.path, tuple(corpora))


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
        raise InputError(f"{path}: this is not readable as YAML. {error}") from error
    if not isinstance(content, dict) or set(content) != {"corpora"}:
        raise InputError(f"{path}: expected `corpora:` and nothing else at the top level.")
    entries = content["corpora"]
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: `corpora` must be a list with at least one entry.")
    corpora: list[Corpus] = []
    for number, entry in enumerate(entries, start=1):
        corpus = _Entry(path, number, entry).read()
        # Two names that differ in case alone are one file on some systems.
        if corpus.name.lower() in (other.name.lower() for other in corpora):
            raise InputError(
                f"{path}, entry {number}: the name {corpus.name!r} is taken by an earlier entry. "
                "Give each corpus a name of its own."
            )
        corpora.append(corpus)
    return CorporaList(path, tuple(corpora))


class _Entry:
    """Checks one entry of the list; every message names the file and the entry."""

    def __init__(self, path: Path, number: int, entry: Any) -> None:
        self.where = f"{path}, entry {number}"
        if not isinstance(entry, dict):
            self.fail("is not a mapping", "start it with `- name: …`")
        self.entry: dict[Any, Any] = entry
        name = entry.get("name")
        if isinstance(name, str):
            self.where += f" ({name})"

    def fail(self, what: str, remedy: str) -> Any:
        raise InputError(f"{self.where}: {what}; {remedy}.")

    def read(self) -> Corpus:
        for key in self.entry:
            if key not in _KEYS:
                self.fail(f"unknown key {key!r}", f"known are: {', '.join(sorted(_KEYS))}")
        name = self.text("name", required=True)
        if not _NAME.fullmatch(name or ""):
            self.fail(
                f"the name {name!r} cannot be a file's name everywhere",
                "use letters, digits, '.', '_' and '-', and begin with a letter or digit",
            )
        by_type = self.entry.get("by_type", False)
        if not isinstance(by_type, bool):
            self.fail(f"`by_type` is {by_type!r}", "write true, or leave it out")
        head = self.text("head")
        if (head is not None) == by_type:
            self.fail(
                "there must be either a `head` or `by_type: true`",
                "`head` for one head, `by_type` for a head for each entity type",
            )
        if head is not None:
            self.check_head(head)
        source_format = self.format()
        source = self.text("source")
        if source is not None and not source.startswith("https://"):
            self.fail(f"the source {source!r} is no https:// URL", "correct it or leave it out")
        return Corpus(
            name=str(name),
            head=head,
            format=source_format.name,
            splits=self.splits(),
            types=self.types(by_type),
            sentences_per_doc=self.number("sentences_per_doc", source_format),
            label=self.label(source_format),
            word_column=self.number("word_column", source_format),
            label_map=self.label_map(),
            source=source,
            license=self.text("license"),
        )

    def text(self, key: str, *, required: bool = False) -> str | None:
        value = self.entry.get(key)
        if value is None:
            if required:
                self.fail(f"`{key}` is missing", "add it")
            return None
        if not isinstance(value, str) or not value.strip():
            self.fail(f"`{key}` is {value!r}, which is no text", "put the text in quotes")
        return str(value)

    def types(self, by_type: bool) -> tuple[str, ...]:
        types = self.entry.get("types", [])
        if not isinstance(types, list) or not all(isinstance(text, str) and text for text in types):
            self.fail(f"`types` is {types!r}", "write a list of entity types")
        if types and not by_type:
            self.fail("`types` belongs to `by_type: true`", "leave one of them out")
        for name in types:
            self.check_head(name)
        return tuple(dict.fromkeys(types))

    def check_head(self, name: str) -> None:
        try:
            check_head_name(name)
        except InputError as error:
            what, _, remedy = str(error).partition("; ")
            self.fail(what, remedy)

    def format(self) -> Format:
        try:
            return find_gold_format(str(self.text("format", required=True)))
        except InputError as error:
            what, _, known = str(error).partition("; --from takes ")
            return cast(Format, self.fail(what, f"known are: {known}"))

    def number(self, key: str, source_format: Format) -> int | None:
        number = self.entry.get(key)
        if number is None:
            return None
        if type(number) is not int or number < 1:
            self.fail(f"`{key}` is {number!r}", "write a whole number, 1 or more")
        self.check_columns(key, source_format)
        return int(number)

    def label(self, source_format: Format) -> str | None:
        label = self.text("label")
        if label is not None:
            self.check_columns("label", source_format)
        return label

    def check_columns(self, key: str, source_format: Format) -> None:
        if not source_format.sentences:
            self.fail(f"`{key}` belongs to the format conll", "leave it out")

    def splits(self) -> dict[str, tuple[CorpusFile, ...]]:
        splits = self.lists_by_split("files")
        if not splits:
            self.fail("`files` is missing", "name the file or files of each split")
        kinds = [kind for kind in CHECKSUMS if kind in self.entry]
        if len(kinds) > 1:
            self.fail(f"both {' and '.join(kinds)} are given", "keep one of them")
        checksums = self.checksums(kinds[0], splits) if kinds else {}
        return {
            split: tuple(
                CorpusFile(path, checksum)
                for path, checksum in zip(
                    paths, checksums.get(split, [None] * len(paths)), strict=True
                )
            )
            for split, paths in splits.items()
        }

    def lists_by_split(self, key: str) -> dict[str, list[str]]:
        """Read a mapping from splits to a text or a list of texts."""
        value = self.entry.get(key, {})
        if not isinstance(value, dict):
            self.fail(f"`{key}` is no mapping", f"write it as `{key}: {{train: …, test: …}}`")
        splits: dict[str, list[str]] = {}
        for split, given in value.items():
            if not isinstance(split, str) or not _NAME.fullmatch(split):
                self.fail(
                    f"the split {split!r} cannot be a folder's name everywhere",
                    "call it train, devel or test",
                )
            texts = given if isinstance(given, list) else [given]
            if not texts or not all(isinstance(text, str) and text for text in texts):
                self.fail(
                    f"`{key}` of the split {split!r} is {given!r}",
                    "write one text or a list of texts, in quotes if they look like numbers",
                )
            if len(set(texts)) < len(texts):
                self.fail(f"`{key}` of the split {split!r} names one twice", "name each once")
            if key == "files":
                self.check_paths(split, texts)
            splits[split] = texts
        return splits

    def check_paths(self, split: str, paths: list[str]) -> None:
        for path in paths:
            if PurePosixPath(path).is_absolute() or "\\" in path:
                self.fail(
                    f"the path {path!r} of the split {split!r} is not relative to the data folder",
                    "write it as folder/file, with forward slashes",
                )

    def checksums(self, kind: str, files: Mapping[str, list[str]]) -> dict[str, list[str]]:
        checksums = self.lists_by_split(kind)
        digits = CHECKSUMS[kind]
        for split, values in checksums.items():
            if len(values) != len(files.get(split, [])):
                self.fail(
                    f"`{kind}` of the split {split!r} does not fit `files`",
                    "give one checksum for each file",
                )
            for value in values:
                if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
                    self.fail(
                        f"{value!r} of the split {split!r} is not in the form of `{kind}`",
                        f"write {digits} lower-case hexadecimal digits",
                    )
        return checksums

    def label_map(self) -> dict[str, str | None]:
        given = self.entry.get("map", {})
        if not isinstance(given, dict):
            self.fail("`map` is no mapping", "write it as `map: {old: new}`")
        for old, new in given.items():
            if not isinstance(old, str) or not (new is None or (isinstance(new, str) and new)):
                self.fail(
                    f"`map` turns {old!r} into {new!r}",
                    "both must be texts, in quotes if need be; null leaves a label out",
                )
        return dict(given)
