"""Ctrl-C, a full disk and a folder that cannot be written, at each step of writing a result.

Commands write through spacy_bioner_mtl.files.writing. Whenever one of the steps of that fails -
making a folder, a file being on the disk, its name - what was there before is as it was, nothing
temporary is left, and the same command succeeds afterwards.
"""

import errno
import os
import shutil

import pytest
from annotating import make_sources, write_lines
from conftest import ROOT

from spacy_bioner_mtl.cli import main

GENES = ROOT / "assets" / "corpora" / "genes" / "devel.tsv"
#: Of commands that write many files, so many steps are tried.
TRIED = 5
STEPS = ["mkdir", "fsync", "replace"]
FAULTS = {
    "Ctrl-C": (KeyboardInterrupt, 130, "Interrupted"),
    "full": (lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 1, "No space left"),
    "read-only": (lambda: OSError(errno.EROFS, os.strerror(errno.EROFS)), 1, "Read-only"),
}
COMMANDS = {
    "convert": ["convert", GENES, "OUT.spacy", "--head", "genes"],
    "convert-corpora": [
        "convert-corpora",
        ROOT / "assets" / "corpora.yml",
        "OUT",
        "--only",
        "genes",
    ],
    "annotate a file": ["annotate", "MODEL", "SOURCE/part00.txt", "OUT.jsonl", "--from", "lines"],
    "annotate to a table": ["annotate", "MODEL", "SOURCE/part00.txt", "OUT.csv", "--from", "lines"],
    "annotate a folder": ["annotate", "MODEL", "SOURCE", "OUT", "--from", "lines"],
    "count": ["count", GENES, "OUT.csv"],
    "card": ["card", "MODEL", "--output", "OUT.md"],
    "init": ["init", "OUT", "--corpus", f"genes={GENES},{GENES}", "--start", "none"],
    "vectors": ["vectors", "file", "VECTORS", "OUT"],
}
COMMANDS["annotate a file"] += ["--to", "jsonl"]
COMMANDS["annotate to a table"] += ["--to", "csv"]
COMMANDS["annotate a folder"] += ["--to", "brat"]


@pytest.fixture(scope="module")
def given_files(trained, tmp_path_factory):
    """What commands read, in a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("given") / "a folder ü"
    folder.mkdir()
    trained.to_disk(folder / "MODEL")
    make_sources(folder / "SOURCE", 2, 2)
    write_lines(folder / "VECTORS", "2 3", "zinc 0.1 0.2 0.3", "gout 0.3 0.2 0.1")
    return folder


class Steps:
    """Counts the steps of writing, and lets one of them fail."""

    def __init__(self, monkeypatch):
        self.count = 0
        self.failing = None
        self.fault = None
        for name in STEPS:
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, step):
        def run(*arguments, **options):
            if step.__name__ == "mkdir" and os.path.isdir(arguments[0]):
                # There is nothing to make, and whoever asks does not mind an error.
                return step(*arguments, **options)
            self.count += 1
            if self.count - 1 == self.failing:
                raise self.fault()
            return step(*arguments, **options)

        return run

    def run(self, arguments, failing=None, fault=None):
        """Run a command, one step of which may fail; returns its exit status."""
        self.count, self.failing, self.fault = 0, failing, fault
        with pytest.raises(SystemExit) as end:
            main([str(each) for each in arguments])
        return end.value.code or 0


def names(folder):
    """The names of what a command left, but for what `annotate` knows of a run to go on with."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return {name for name in found if ".annotate" not in name}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_step(given_files, tmp_path, monkeypatch, capsys, command, fault):
    monkeypatch.chdir(tmp_path)
    arguments = [
        tmp_path / "new" / each
        if str(each).startswith("OUT")
        else given_files / each
        if str(each).split("/")[0] in ("MODEL", "SOURCE", "VECTORS")
        else each
        for each in COMMANDS[command]
    ]
    steps = Steps(monkeypatch)
    for _ in range(2):
        # The first time, imports may take steps of their own.
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        assert steps.run(arguments) == 0, capsys.readouterr().err
    total, whole = steps.count, names(tmp_path)
    assert total and whole
    make, status, message = FAULTS[fault]
    for failing in sorted({number * total // TRIED for number in range(TRIED)} | {total - 1}):
        shutil.rmtree(tmp_path / "new")
        capsys.readouterr()
        assert steps.run(arguments, failing, make) == status, failing
        (line,) = capsys.readouterr().err.splitlines()[-1:]
        assert message in line
        left = names(tmp_path)
        assert left <= whole and not any("partial" in name for name in left), failing
        if left == whole and command == "vectors":
            # All is there, and is not replaced unasked.
            continue
        assert steps.run(arguments) == 0, (failing, capsys.readouterr().err)
        assert names(tmp_path) == whole, failing
