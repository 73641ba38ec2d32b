"""Make the folder of a spaCy project for corpora of one's own."""

import json
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.names import safe_name
from spacy_bioner_mtl.files.writing import remove, write_whole
from spacy_bioner_mtl.pipeline.spans import check_head_name

#: What stands before the files of a corpus that are train, dev and test.
_SPLITS = ("train", "dev", "test")
_FEWEST_FILES = 2
#: Dropout for encoders of a trained pipeline, and for random ones.
_DROPOUTS = ("0.3", "0.5")
_NOTHING = "null"
_VARIABLE = "${"


@dataclass(frozen=True)
class OwnCorpus:
    """A corpus of the project.

    head (str): The head that learns it.
    files (tuple[Path, ...]): Files or folders: train, dev, and test if there is one.
    """

    head: str
    files: tuple[Path, ...]

    @property
    def has_test(self) -> bool:
        """Whether there is a test file."""
        return len(self.files) == len(_SPLITS)


def parse_corpus(argument: str) -> OwnCorpus:
    """Read HEAD=TRAIN,DEV[,TEST].

    argument (str): What was given on the command line.
    RETURNS (OwnCorpus): The corpus.
    RAISES (InputError): It is written otherwise, cannot name a head, or a file is not there.
    """
    head, sign, paths = argument.partition("=")
    found = tuple(Path(part) for part in paths.split(",") if part)
    if not sign or not _FEWEST_FILES <= len(found) <= len(_SPLITS):
        raise InputError(
            f"--corpus {argument}: write HEAD=TRAIN,DEV or HEAD=TRAIN,DEV,TEST, without blanks "
            "around the commas"
        )
    check_head_name(head)
    for path in found:
        if not path.exists():
            raise InputError(
                f"{path}: this file of the corpus {head!r} does not exist; names of files hold no "
                "commas here"
            )
    if _VARIABLE in argument:
        raise InputError(
            f"--corpus {argument}: in spaCy's projects {_VARIABLE} begins a variable; rename the "
            "file or the head"
        )
    return OwnCorpus(head, found)


def make_project(out: Path, corpora: Sequence[OwnCorpus], start: str | None) -> None:
    """Write project.yml and config.cfg.

    out (Path): The folder of the project; it must be new or empty.
    corpora (Sequence[OwnCorpus]): Its corpora.
    start (str | None): The trained pipeline to start from, by folder or name; None for none.
    RAISES (InputError): Something is in the folder, it cannot be written, or corpora do not fit
        together.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out}: there is something already; name a new folder")
    heads = [corpus.head for corpus in corpora]
    if not heads or len(set(heads)) < len(heads):
        raise InputError("Give --corpus once for each head, and at least once.")
    gold = {
        (corpus, split): f"gold/{split}/{safe_name(corpus.head)}.spacy"
        for corpus in corpora
        for split, _ in zip(_SPLITS, corpus.files, strict=False)
    }
    sources = {
        (corpus, split): _seen_from(out, path)
        for corpus in corpora
        for split, path in zip(_SPLITS, corpus.files, strict=False)
    }
    commands = [
        f"python -m spacy_bioner_mtl convert {shlex.quote(sources[key])} {gold[key]} --head "
        f"{shlex.quote(key[0].head)}"
        for key in gold
    ]
    has_test = any(split == _SPLITS[2] for _, split in gold)
    where = _seen_from(out, Path(start)) if start and Path(start).is_dir() else start
    replaced = {
        '"@NAME@"': json.dumps(out.resolve().name, ensure_ascii=False),
        "@PACKAGE@": re.sub(r"\W+", "_", out.resolve().name).strip("_").lower() or "pipeline",
        '"@START@"': json.dumps(where or _NOTHING, ensure_ascii=False),
        "@DROPOUT@": _DROPOUTS[start is None],
        "@CONVERT@": _list(commands),
        "@SOURCES@": _list(sources.values()),
        "@GOLD@": _list(gold.values()),
        "@SCORED@": _SPLITS[2] if has_test else _SPLITS[1],
    }
    templates = files(__package__)
    project = templates.joinpath("project.yml").read_text(encoding="utf-8")
    for mark, value in replaced.items():
        project = project.replace(mark, value)
    contents = {
        "project.yml": project,
        "config.cfg": templates.joinpath("config.cfg").read_text(encoding="utf-8"),
    }
    try:
        for name, content in contents.items():
            with write_whole(out / name) as file:
                file.write(content)
    except BaseException:
        # Half a project would be in the way of the next try.
        for name in contents:
            remove(out / name)
        raise


def _seen_from(out: Path, path: Path) -> str:
    """A path as commands in the project's folder take it; an absolute one stays so."""
    return str(path) if path.is_absolute() else os.path.relpath(path, out)


def _list(entries: Iterable[str]) -> str:
    """Entries of a list in YAML, each on a line of its own."""
    return "\n".join(f"      - {json.dumps(each, ensure_ascii=False)}" for each in entries)
