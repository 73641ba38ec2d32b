"""Are the files of the corpora there, and are they the right ones?"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spacy_bioner_mtl.corpora.listing import CHECKSUMS, CorporaList, Corpus, CorpusFile
from spacy_bioner_mtl.errors import InputError, see
from spacy_bioner_mtl.files.checksum import hash_file


@dataclass(frozen=True)
class Problem:
    """A file that is missing or not what it should be.

    kind (str): What is the matter.
    message (str): The file, what is wrong, and the remedy.
    """

    kind: Literal["missing", "wrong"]
    message: str


@dataclass(frozen=True)
class CorpusCheck:
    """What a look at the files of one corpus found.

    corpus (Corpus): The corpus.
    problems (tuple[Problem, ...]): At most one for each of its files.
    """

    corpus: Corpus
    problems: tuple[Problem, ...]

    @property
    def absent(self) -> bool:
        """Whether none of the files is there."""
        missing = sum(problem.kind == "missing" for problem in self.problems)
        return missing == len(self.corpus.files)

    @property
    def summary(self) -> str:
        """One line about the corpus."""
        files = self.corpus.files
        if self.problems:
            count = {
                kind: sum(problem.kind == kind for problem in self.problems)
                for kind in ("missing", "wrong")
            }
            found = ", ".join(f"{number} {kind}" for kind, number in count.items() if number)
            return f"{self.corpus.name}: {found} of {len(files)} files"
        unchecked = sum(file.checksum is None for file in files)
        remark = f" ({unchecked} without a checksum in the list)" if unchecked else ""
        return f"{self.corpus.name}: {len(files)} files as they should be{remark}"


def git_blob_id(path: Path) -> str:
    """Compute what ``git hash-object`` computes.

    path (Path): A file.
    RETURNS (str): 40 hexadecimal digits.
    """
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest()


def verify_corpora(corpora_list: CorporaList, folder: Path) -> list[CorpusCheck]:
    """Look at every file of every corpus: is it there, is it the right one?

    corpora_list (CorporaList): The corpora.
    folder (Path): The data folder their paths are relative to.
    RETURNS (list[CorpusCheck]): One for each corpus, in order.
    RAISES (InputError): If there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder. Name the folder of the corpora.")
    return [
        CorpusCheck(
            corpus,
            tuple(
                problem
                for file in corpus.files
                if (problem := _check_file(corpora_list.path, corpus, file, folder))
            ),
        )
        for corpus in corpora_list.corpora
    ]


def _check_file(listed_in: Path, corpus: Corpus, file: CorpusFile, folder: Path) -> Problem | None:
    path = folder / file.path
    url = corpus.url(file)
    where = f"from {url}" if url else f"again ({listed_in} does not say from where)"
    if path.is_dir() and file.checksum is None:
        return None
    if not path.is_file():
        return Problem("missing", f"{path}: missing. Download it {where}")
    if file.checksum is None:
        return None
    kind, compute = (
        ("git blob id", git_blob_id)
        if len(file.checksum) == CHECKSUMS["git_blob_ids"]
        else ("SHA-256", hash_file)
    )
    found = compute(path)
    if found == file.checksum:
        return None
    return Problem(
        "wrong",
        f"{path}: the {kind} is {found}, not {file.checksum}. Delete it and download it {where}",
    )


@see("corpora.md#lists-of-corpora")
def present_corpora(
    checks: list[CorpusCheck], corpora_list: CorporaList, *, skip_missing: bool
) -> tuple[Corpus, ...]:
    """Judge the checks: which corpora can be used?

    checks (list[CorpusCheck]): What ``verify_corpora`` returned.
    corpora_list (CorporaList): The corpora.
    skip_missing (bool): Whether a corpus may be absent, with all of its files.
    RETURNS (tuple[Corpus, ...]): The corpora whose files are all right.
    RAISES (InputError): Names every bad file, and if nothing at all is there.
    """
    bad = [check for check in checks if check.problems and not (skip_missing and check.absent)]
    present = tuple(check.corpus for check in checks if not check.problems)
    if present and not bad:
        return present
    problems = [f"- {problem.message}" for check in bad or checks for problem in check.problems]
    what = f"{len(problems)} file(s) are missing or not what they should be"
    what = what if bad else "none of the corpora is there"
    raise InputError("\n".join([f"{corpora_list.path}: {what}.", *problems]))
