"""The list of corpora: strictly read, and converted into a folder that holds what it says."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import srsly
from conftest import ROOT
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_bioner_mtl.cli.convert_corpora import convert_corpora
from spacy_bioner_mtl.corpora import convert as docbin
from spacy_bioner_mtl.corpora.converted_folder import summarize
from spacy_bioner_mtl.corpora.listing import CorpusFile, read_corpora_list
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import Flaw, FlawKind

SHIPPED = ROOT / "configs" / "corpora.yml"


def entry(**changes):
    given = {
        "name": "Glands",
        "head": "organ",
        "format": "conll",
        "files": {"train": "glands/train.tsv", "test": "glands/test.tsv"},
    }
    given.update(changes)
    return {key: value for key, value in given.items() if value is not None}


def write_list(folder, *entries):
    path = folder / "corpora.yml"
    srsly.write_yaml(path, {"corpora": list(entries)})
    return path


def test_read_all_keys(tmp_path):
    path = write_list(
        tmp_path,
        entry(
            files={"train": ["a.tsv", "sub/b.tsv"], "test": "c.tsv"},
            sha256={"train": ["0" * 64, "1" * 64], "test": "2" * 64},
            map={"gland": "Gland", "bone": None},
            source="https://example.org/files/",
            license="CC0",
            label="Gland",
            word_column=2,
        ),
        entry(name="Bones", head=None, by_type=True, source="https://example.org/page"),
    )
    glands, bones = read_corpora_list(path).corpora
    assert glands.splits == {
        "train": (CorpusFile("a.tsv", "0" * 64), CorpusFile("sub/b.tsv", "1" * 64)),
        "test": (CorpusFile("c.tsv", "2" * 64),),
    }
    assert glands.label_map == {"gland": "Gland", "bone": None}
    assert (glands.head, glands.by_type, glands.license) == ("organ", False, "CC0")
    assert (glands.label, glands.word_column) == ("Gland", 2)
    assert (bones.head, bones.by_type) == (None, True)
    assert glands.url(glands.splits["train"][1]) == "https://example.org/files/b.tsv"
    assert bones.url(bones.splits["test"][0]) == "https://example.org/page"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, "`name` is missing"),
        ({"name": "../up"}, "`name` is '../up': it cannot be the name of a file"),
        ({"name": 7}, "`name` is 7: Input should be a valid string"),
        ({"heads": "organ"}, "unknown key 'heads'"),
        ({"head": None}, "there must be a `head`, or `by_type: true`, or both"),
        ({"by_type": "yes"}, "`by_type` is 'yes'"),
        ({"format": None}, "`format` is missing"),
        ({"format": "xlsx"}, "unknown format 'xlsx'"),
        ({"format": "lines"}, "lines holds no mentions"),
        ({"format": "jsonl", "label": "X"}, "`label` belongs to the format conll"),
        ({"format": "jsonl", "word_column": 1}, "`word_column` belongs to the format conll"),
        ({"word_column": 0}, "`word_column` is 0"),
        ({"word_column": True}, "`word_column` is True"),
        ({"label": 3}, "`label` is 3"),
        ({"head": "merged"}, "'merged' cannot name a head"),
        ({"head": "x:unknown"}, "'x:unknown' cannot name a head"),
        ({"head": None, "by_type": True, "types": ["all"]}, "'all' cannot name a head"),
        ({"files": None}, "`files` is missing"),
        ({"files": {}}, "`files` is {}: Dictionary should have at least 1 item"),
        ({"files": "train.tsv"}, "`files` is 'train.tsv': Input should be a valid dictionary"),
        ({"files": {"train": []}}, "`files.train` is []: List should have at least 1 item"),
        ({"files": {"train": 3}}, "`files.train.0` is 3: Input should be a valid string"),
        ({"files": {"train": ["a", ""]}}, "`files.train.1` is ''"),
        ({"files": {"train": ["a", "a"]}}, "names one twice"),
        ({"files": {"a/b": "c"}}, "'a/b': it cannot be the name of a file or folder"),
        ({"files": {"train": "/etc/train.tsv"}}, "not relative to the data folder"),
        ({"files": {"train": "a\\b.tsv"}}, "not relative to the data folder"),
        ({"sha256": {"train": "0" * 40}}, "should match pattern '^[0-9a-f]{64}$'"),
        ({"git_blob_ids": {"train": "0" * 64}}, "should match pattern '^[0-9a-f]{40}$'"),
        ({"git_blob_ids": {"train": "F" * 40}}, "should match pattern '^[0-9a-f]{40}$'"),
        ({"git_blob_ids": {"train": ["0" * 40, "1" * 40]}}, "one checksum for each file"),
        ({"git_blob_ids": {"devel": "0" * 40}}, "one checksum for each file"),
        ({"git_blob_ids": {}, "sha256": {}}, "keep one of them"),
        ({"types": ["Gland"]}, "`types` belongs to `by_type: true`"),
        ({"head": None, "by_type": True, "types": "Gland"}, "`types` is 'Gland'"),
        ({"by_type": True, "types": {"Gland": "gland"}}, "`types.Gland` is 'gland'"),
        ({"by_type": True, "types": {"Gland": []}}, "`types.Gland` is []"),
        ({"unknown": {"organ": []}}, "`unknown.organ` is []"),
        ({"unknown": {"organ": "liver"}}, "`unknown.organ` is 'liver'"),
        ({"unknown": {"Gland": ["liver"]}}, "'Gland', which this corpus is not for"),
        ({"by_type": True, "types": ["organ"]}, "the head 'organ' is one of `types`"),
        ({"documents": "1-4"}, "`documents` is '1-4'"),
        ({"documents": {"train": 4}}, "`documents.train` is 4"),
        ({"documents": {"train": "4-1"}}, "`documents.train` is '4-1': write the first"),
        ({"documents": {"train": "0-1"}}, "`documents.train` is '0-1': write the first"),
        ({"documents": {"devel": "1-4"}}, "the split 'devel', which `files` has not"),
        ({"sentences_per_doc": 0}, "`sentences_per_doc` is 0"),
        ({"sentences_per_doc": "2"}, "`sentences_per_doc` is '2'"),
        ({"format": "pubtator", "sentences_per_doc": 2}, "belongs to the format conll"),
        ({"map": ["a"]}, "`map` is ['a']: Input should be a valid dictionary"),
        ({"map": {"a": 1}}, "`map.a` is 1: Input should be a valid string"),
        ({"map": {1: "a"}}, "`map.1.[key]` is 1: Input should be a valid string"),
        ({"map": {"a": ""}}, "`map.a` is ''"),
        ({"source": "ftp://example.org"}, "should match pattern '^https://'"),
    ],
)
def test_faulty_entry_is_named(tmp_path, changes, message):
    path = write_list(tmp_path, entry(name="First"), entry(**changes))
    with pytest.raises(InputError) as error:
        read_corpora_list(path)
    assert message in str(error.value)
    assert f"{path}, entry 2" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("corpora: [", "not readable as YAML"),
        ("corpora: []", "at least one entry"),
        ("corpora: {a: b}", "at least one entry"),
        ("- name: Glands", "expected `corpora:`"),
        ("corpora: []\nextra: 1", "expected `corpora:`"),
        ("corpora: [Glands]", "is not a mapping"),
        ("", "expected `corpora:`"),
    ],
)
def test_faulty_file(tmp_path, text, message):
    path = tmp_path / "corpora.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=str(path)) as error:
        read_corpora_list(path)
    assert message in str(error.value)


def test_missing_list(tmp_path):
    with pytest.raises(InputError, match=r"none\.yml: there is no such file"):
        read_corpora_list(tmp_path / "none.yml")


def test_duplicate_name(tmp_path):
    with pytest.raises(InputError, match="'glands' is taken"):
        read_corpora_list(write_list(tmp_path, entry(), entry(name="glands")))


def test_shipped_list():
    corpora = {corpus.name: corpus for corpus in read_corpora_list(SHIPPED).corpora}
    assert list(corpora) == ["BC2GM", "BC4CHEMD", "BC5CDR", "NCBI-disease", "JNLPBA"]
    for name, corpus in corpora.items():
        assert corpus.head == name
        assert list(corpus.splits) == ["train", "devel", "test"]
        # Three different files, each with its checksum.
        assert len({file.checksum for file in corpus.files} - {None}) == 3
        for file in corpus.files:
            assert corpus.url(file).endswith(f"/data/{file.path}")
    assert {file.path.split("/")[0] for file in corpora["JNLPBA"].files} == {"JNLPBA"}


@dataclass
class Call:
    sources: list
    out: Path
    options: dict


@pytest.fixture
def calls(monkeypatch):
    """Stands in for the converter: it writes the sources' names into the output."""
    calls = []

    def convert_files(sources, out, **options):
        calls.append(Call(list(sources), out, options))
        out.write_text(" ".join(source.name for source in sources))
        return docbin.ConversionReport(heads=[], documents=len(sources))

    monkeypatch.setattr(docbin, "convert_files", convert_files)
    return calls


@pytest.fixture
def data(tmp_path):
    for name in ("glands", "bones"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for split in ("train", "test"):
            (tmp_path / "data" / name / f"{split}.tsv").write_text(f"{name} {split}\n")
    return tmp_path / "data"


def bones(**changes):
    return entry(
        name="Bones",
        head=None,
        by_type=True,
        types=["Bone", "Joint"],
        files={"train": ["bones/train.tsv", "glands/train.tsv"], "test": "bones/test.tsv"},
        map={"bone": "Bone"},
        unknown={"Joint": ["hip", "knees"]},
        **changes,
    )


def converted(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*.spacy"))


def test_splits_of_one_file_are_merged_to_what_both_have(tmp_path):
    shared = {"train": ["a.tsv", "b.tsv"], "devel": ["b.tsv", "c.tsv"], "test": "d.tsv"}
    path = write_list(
        tmp_path, entry(files=shared, documents={"train": "1-2", "devel": "3-4"}), entry(name="B")
    )
    corpora = read_corpora_list(path).merge(["train", "devel"], "merged").corpora
    assert [(file.path, file.documents) for file in corpora[0].splits["merged"]] == [
        ("a.tsv", (range(2),)),
        ("b.tsv", (range(2), range(2, 4))),
        ("c.tsv", (range(2, 4),)),
    ]
    assert [file.path for file in corpora[0].files] == ["a.tsv", "b.tsv", "c.tsv", "d.tsv"]
    # A file that one of the splits has as a whole is whole.
    path = write_list(tmp_path, entry(files=shared, documents={"train": "1-2"}))
    (corpus,) = read_corpora_list(path).merge(["train", "devel"], "merged").corpora
    assert [file.documents for file in corpus.splits["merged"]] == [(range(2),), (), ()]


def test_convert_passes_what_the_list_says(tmp_path, data, calls):
    out = tmp_path / "out"
    convert_corpora(write_list(tmp_path, entry(), bones()), out, data)
    assert converted(out) == [
        "test/Bones.spacy",
        "test/Glands.spacy",
        "train/Bones.spacy",
        "train/Glands.spacy",
    ]
    by_out = {call.out.relative_to(out).as_posix(): call for call in calls}
    call = by_out["train/Bones.spacy"]
    assert call.sources == [data / "bones/train.tsv", data / "glands/train.tsv"]
    assert call.options == {
        "head": None,
        "by_type": True,
        "types": {"Bone": frozenset({"Bone"}), "Joint": frozenset({"Joint"})},
        "label_map": {"bone": "Bone"},
        "source_format": "conll",
        "sentences_per_doc": None,
        "label": None,
        "word_column": None,
        "strict": False,
        "documents": {},
        "unknown": {"Joint": ("hip", "knees")},
        "is_leak": None,
    }
    assert by_out["test/Glands.spacy"].options["head"] == "organ"
    assert by_out["test/Glands.spacy"].options["by_type"] is False


def test_convert_only_and_split(tmp_path, data, calls):
    out = tmp_path / "out"
    path = write_list(tmp_path, entry(), bones())
    convert_corpora(path, out, data, only=["Bones"], split=["test"])
    assert converted(out) == ["test/Bones.spacy"]
    convert_corpora(path, out, data, only=["Glands"])
    # The list still has Bones: what was converted before stays.
    assert converted(out) == ["test/Bones.spacy", "test/Glands.spacy", "train/Glands.spacy"]


def test_convert_merged(tmp_path, data, calls):
    (data / "glands" / "devel.tsv").write_text("glands devel\n")
    files = {"train": "glands/train.tsv", "devel": "glands/devel.tsv", "test": "glands/test.tsv"}
    path = write_list(tmp_path, entry(files=files), bones())
    out = tmp_path / "out"
    convert_corpora(path, out, data, merged=True, split=["merged"])
    # The test set is no part of it; a corpus without dev data has its training data alone.
    assert {call.out.relative_to(out).as_posix(): call.sources for call in calls} == {
        "merged/Glands.spacy": [data / "glands/train.tsv", data / "glands/devel.tsv"],
        "merged/Bones.spacy": [data / "bones/train.tsv", data / "glands/train.tsv"],
    }


@pytest.mark.parametrize("splits", [["train", "merged"], ["test"]])
def test_convert_merged_refuses(tmp_path, data, calls, splits):
    path = write_list(tmp_path, entry(files={split: "glands/train.tsv" for split in splits}))
    with pytest.raises(InputError, match="Glands must have a split train or devel"):
        convert_corpora(path, tmp_path / "out", data, merged=True)
    assert not calls


@pytest.mark.parametrize("options", [{"only": ["Bonse"]}, {"split": ["trian"]}])
def test_unknown_names_are_refused(tmp_path, data, calls, options):
    with pytest.raises(InputError, match="Choose from"):
        convert_corpora(write_list(tmp_path, entry(), bones()), tmp_path / "out", data, **options)
    assert not calls


def test_stale_files_are_removed_and_named(tmp_path, data, calls, capsys):
    out = tmp_path / "out"
    convert_corpora(write_list(tmp_path, entry(), bones()), out, data)
    capsys.readouterr()
    convert_corpora(write_list(tmp_path, entry()), out, data)
    assert converted(out) == ["test/Glands.spacy", "train/Glands.spacy"]
    assert str(out / "train" / "Bones.spacy") in capsys.readouterr().out
    convert_corpora(write_list(tmp_path, entry(files={"train": "glands/train.tsv"})), out, data)
    assert converted(out) == ["train/Glands.spacy"]


def test_skipped_corpus_leaves_no_file(tmp_path, data, calls):
    out = tmp_path / "out"
    other = entry(name="Bones", files={"train": "bones/train.tsv"})
    path = write_list(tmp_path, entry(), other)
    convert_corpora(path, out, data)
    assert "train/Bones.spacy" in converted(out)
    (data / "bones" / "train.tsv").unlink()
    with pytest.raises(InputError, match="missing"):
        convert_corpora(path, out, data)
    convert_corpora(path, out, data, skip_missing=True)
    assert converted(out) == ["test/Glands.spacy", "train/Glands.spacy"]


def test_files_of_others_are_kept_and_named(tmp_path, data, calls, capsys):
    out = tmp_path / "out"
    (out / "train").mkdir(parents=True)
    mine = out / "train" / "mine.spacy"
    mine.write_text("by hand")
    convert_corpora(write_list(tmp_path, entry()), out, data)
    assert mine.read_text() == "by hand"
    assert str(mine) in capsys.readouterr().out


def test_interrupted_run_leaves_nothing_unknown(tmp_path, data, calls, monkeypatch):
    out = tmp_path / "out"
    working = docbin.convert_files

    def stop_at_test(sources, out, **options):
        if out.parent.name == "test":
            raise KeyboardInterrupt
        return working(sources, out, **options)

    monkeypatch.setattr(docbin, "convert_files", stop_at_test)
    with pytest.raises(KeyboardInterrupt):
        convert_corpora(write_list(tmp_path, entry()), out, data)
    assert converted(out) == ["train/Glands.spacy"]
    monkeypatch.setattr(docbin, "convert_files", working)
    convert_corpora(write_list(tmp_path, bones()), out, data)
    assert converted(out) == ["test/Bones.spacy", "train/Bones.spacy"]


@pytest.mark.parametrize("content", ["{", '["../../x.spacy"]', '["/x/y.spacy"]', "{}", "[3]"])
def test_damaged_record_is_refused(tmp_path, data, calls, content):
    out = tmp_path / "out"
    out.mkdir()
    (out / "converted.json").write_text(content)
    with pytest.raises(InputError, match=r"converted\.json"):
        convert_corpora(write_list(tmp_path, entry()), out, data)
    assert not calls


def test_wrong_checksum_stops_the_conversion(tmp_path, data, calls):
    faulty = entry(name="Bones", files={"train": "bones/train.tsv"}, sha256={"train": "0" * 64})
    with pytest.raises(InputError, match="SHA-256"):
        convert_corpora(write_list(tmp_path, entry(), faulty), tmp_path / "out", data)
    assert not calls
    assert not (tmp_path / "out").exists()


def test_convert_for_real(tmp_path, data):
    """Without a stand-in: heads are the types of the list, also where one never occurs."""
    import spacy
    from spacy.training import Corpus

    (data / "bones" / "train.tsv").write_text("The\tO\nfemur\tS-Bone\n\nNothing\tO\n")
    files = {"train": "bones/train.tsv"}
    listed = entry(name="Bones", head=None, by_type=True, types=["Bone", "Joint"], files=files)
    convert_corpora(write_list(tmp_path, listed), tmp_path / "out", data)
    examples = list(Corpus(tmp_path / "out" / "train")(spacy.blank("en")))
    spans = [
        {head: [span.text for span in group] for head, group in example.reference.spans.items()}
        for example in examples
    ]
    assert spans == [{"Bone": ["femur"], "Joint": []}, {"Bone": [], "Joint": []}]


def test_a_head_beside_types_and_splits_of_one_file_for_real(tmp_path, data):
    rows = ["The\tO\nfemur\tS-bone", "a\tO\nknee\tS-joint", "A\tO\nhip\tS-joint"]
    (data / "bones" / "all.tsv").write_text("\n\n".join(rows) + "\n")
    listed = entry(
        name="Bones",
        by_type=True,
        types={"Joint": ["joint"]},
        files={"train": "bones/all.tsv", "devel": "bones/all.tsv"},
        documents={"train": "1-2", "devel": "3-3"},
    )
    convert_corpora(write_list(tmp_path, listed), tmp_path / "out", data)

    def spans(split):
        docs = DocBin().from_disk(tmp_path / "out" / split / "Bones.spacy").get_docs(Vocab())
        return [
            {
                head: [(span.text, span.label_) for span in group]
                for head, group in doc.spans.items()
            }
            for doc in docs
        ]

    # The corpus' own head keeps its labels, a type names its mentions as itself.
    assert spans("train") == [
        {"organ": [("femur", "bone")], "Joint": []},
        {"organ": [("knee", "joint")], "Joint": [("knee", "Joint")]},
    ]
    assert spans("devel") == [{"organ": [("hip", "joint")], "Joint": [("hip", "Joint")]}]
    listed["documents"]["devel"] = "3-4"
    with pytest.raises(InputError, match="there are 3 gold documents, and `documents` names up to"):
        convert_corpora(write_list(tmp_path, listed), tmp_path / "out", data)


def test_convert_every_format_for_real(tmp_path):
    data = tmp_path / "data"
    (data / "brat").mkdir(parents=True)
    (data / "brat" / "1.txt").write_text("A gland.")
    (data / "brat" / "1.ann").write_text("T1\tGland 2 7\tgland\nT2\tGland 0 1;2 7\tA gland\n")
    (data / "bare.tsv").write_text("1 A DT O\n2 gland NN B\n")
    spans = [{"start": 2, "end": 7, "label": "Gland"}]
    lines = [{"text": "A gland.", "spans": spans}, {"text": "B", "answer": "ignore"}]
    (data / "gold.jsonl").write_text("\n".join(map(json.dumps, lines)))
    entries = [
        entry(name="brat", format="brat", files={"train": "brat"}),
        entry(name="bare", label="Gland", files={"train": "bare.tsv"}),
        entry(name="jsonl", format="jsonl", files={"train": "gold.jsonl"}),
    ]
    path = write_list(tmp_path, *entries)
    convert_corpora(path, tmp_path / "out", data)
    for name in ("brat", "bare", "jsonl"):
        docs = DocBin().from_disk(tmp_path / "out" / "train" / f"{name}.spacy").get_docs(Vocab())
        (doc,) = docs
        assert [(span.text, span.label_) for span in doc.spans["organ"]] == [("gland", "Gland")]
    with pytest.raises(InputError, match="in several pieces"):
        convert_corpora(path, tmp_path / "strict", data, strict=True)


def test_flaws_are_summarised():
    report = docbin.ConversionReport(heads=[])
    report.gold.add(Flaw(FlawKind.EMPTY, "a:1", ""))
    report.gold.add(Flaw(FlawKind.TAG_CASE, "a:2", "", count=3))
    report.gold.left_out["rejected"] = 2
    summary = summarize(report)
    assert "1 empty (count as unknown, the first at a:1)" in summary
    assert "3 tags in lower case (used, the first at a:2)" in summary
    assert "documents left out: 2 rejected" in summary
