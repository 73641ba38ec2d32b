"""Verification fails loudly: every bad file is named, with its remedy."""

import hashlib
import subprocess

import pytest
import srsly
from conftest import ROOT
from real_data import CORPORA, needs

from spacy_bioner_mtl import cli
from spacy_bioner_mtl.cli.verify import verify
from spacy_bioner_mtl.corpora.listing import read_corpora_list
from spacy_bioner_mtl.corpora.verification import git_blob_id, verify_corpora
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.checksum import hash_file

SHIPPED = ROOT / "configs" / "corpora.yml"
CONTENT = {"one": b"Liver\tO\n", "two": b"Spleen\tO\r\n", "three": b""}


@pytest.fixture
def folder(tmp_path):
    """Two corpora: Glands of two files, Bones of one."""
    for name, content in CONTENT.items():
        (tmp_path / f"{name}.tsv").write_bytes(content)
    entries = [
        {
            "name": "Glands",
            "head": "organ",
            "format": "conll",
            "files": {"train": ["one.tsv", "two.tsv"]},
            "sha256": {"train": [hashlib.sha256(CONTENT[n]).hexdigest() for n in ("one", "two")]},
            "source": "https://example.org/glands/",
        },
        {
            "name": "Bones",
            "head": "organ",
            "format": "conll",
            "files": {"train": "three.tsv"},
            # The id that git gives every empty file.
            "git_blob_ids": {"train": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"},
        },
    ]
    srsly.write_yaml(tmp_path / "corpora.yml", {"corpora": entries})
    return tmp_path


def run(folder, *options):
    """Run the command line; RETURNS its exit status."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(["verify", str(folder / "corpora.yml"), *options])
    return exit_.value.code


def printed(capsys):
    """What was printed, without line breaks that depend on the width."""
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


@pytest.mark.parametrize("content", [b"", b"Liver\tO\n", bytes(range(256)) * 9000])
def test_git_blob_id_agrees_with_git(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    try:
        git = subprocess.run(
            ["git", "hash-object", "--no-filters", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("git is not installed")
    assert git_blob_id(path) == git.stdout.strip()
    assert hash_file(path) == hashlib.sha256(content).hexdigest()


def test_all_right(folder, capsys):
    assert not run(folder)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 2
    assert "Glands: 2 files as they should be" in lines[0]
    assert "Bones: 1 files as they should be" in lines[1]


def test_every_bad_file_is_named(folder, capsys):
    (folder / "one.tsv").unlink()
    (folder / "two.tsv").write_bytes(b"tampered")
    (folder / "three.tsv").write_bytes(b"tampered")
    assert run(folder) == 1
    message = printed(capsys)
    assert "3 file(s)" in message
    for name in CONTENT:
        assert f"{folder / name}.tsv: " in message
    assert "Download it from https://example.org/glands/one.tsv" in message
    assert git_blob_id(folder / "three.tsv") in message
    assert "Glands: 1 missing, 1 wrong of 2 files" in message


def test_data_folder(folder, tmp_path, capsys):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in CONTENT:
        (folder / f"{name}.tsv").rename(elsewhere / f"{name}.tsv")
    assert run(folder) == 1
    assert not run(folder, "--data", str(elsewhere))
    assert run(folder, "--data", str(tmp_path / "nowhere")) == 1
    assert "there is no such folder" in printed(capsys)


def test_skip_missing(folder, capsys):
    (folder / "three.tsv").unlink()
    assert run(folder) == 1
    assert not run(folder, "--skip-missing")
    assert "Bones: 1 missing of 1 files: skipped" in printed(capsys)


def test_partly_present_is_never_skipped(folder, capsys):
    (folder / "two.tsv").unlink()
    assert run(folder, "--skip-missing") == 1
    assert "two.tsv: missing" in printed(capsys)


def test_nothing_present_is_an_error(folder):
    for name in CONTENT:
        (folder / f"{name}.tsv").unlink()
    with pytest.raises(InputError, match="none of the corpora is there"):
        verify(folder / "corpora.yml", skip_missing=True)


def test_a_folder_is_no_file(folder):
    (folder / "three.tsv").unlink()
    (folder / "three.tsv").mkdir()
    with pytest.raises(InputError, match=r"three\.tsv: missing"):
        verify(folder / "corpora.yml")


def test_without_checksum(folder, capsys):
    entries = srsly.read_yaml(folder / "corpora.yml")
    del entries["corpora"][1]["git_blob_ids"]
    srsly.write_yaml(folder / "corpora.yml", entries)
    verify(folder / "corpora.yml")
    assert "Bones: 1 files as they should be (1 without a checksum" in printed(capsys)


@needs(CORPORA)
def test_shipped_checksums():
    corpora_list = read_corpora_list(SHIPPED)
    for check in verify_corpora(corpora_list, CORPORA):
        assert not check.problems or check.absent, check.problems
