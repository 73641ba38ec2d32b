"""What the tests of bulk annotation share."""

import json
import random

import pytest
from conftest import GOLD

from spacy_bioner_mtl.annotate import Request, check_request
from spacy_bioner_mtl.annotate.annotator import Annotator
from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.errors import InputError


def run(*arguments):
    """The exit status of ``bioner-mtl annotate``."""
    with pytest.raises(SystemExit) as exit_info:
        main(["annotate", *map(str, arguments)])
    return exit_info.value.code or 0


def annotate_file(nlp, source, out, source_format="conll", **options):
    """Annotate one file with a pipeline that is in memory."""
    request = Request("in memory", source, out, source_format=source_format, **options)
    plan = check_request(request)
    (shard,) = plan.shards
    errors = []
    report = Annotator(nlp, request).annotate(
        shard,
        lambda count: None,
        lambda name, reason: errors.append({"id": name, "reason": reason}),
        plan.source,
    )
    assert report.errors == len(errors)
    report.errors = errors
    if report.failure:
        raise InputError(report.failure)
    return report


def tree(folder):
    """The content of every file of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def rows_of(path):
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def make_sources(folder, n_files, n_documents, seed=0):
    """Write files of a document a line."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = random.Random(seed)
    for number in range(n_files):
        lines = [chosen.choice(GOLD)[0] + f" No {line} ." for line in range(n_documents)]
        (folder / f"part{number:02}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_lines(path, *lines):
    """Write a file, and the folders it is in; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
