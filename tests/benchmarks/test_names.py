"""benchmarks names: the lists are sound, and what a pipeline finds of them is counted right."""

import gzip
from collections import Counter

import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from benchmarks import name_sentences
from benchmarks.__main__ import main
from benchmarks.name_scores import Outcome, count_outcomes, find_names
from benchmarks.name_sentences import FOLDER, NameSentence, read_name_lists
from benchmarks.seen_names import find_seen
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline import loading
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer

LISTS = {each.kind: each for each in read_name_lists()}
LABELS = {
    "drugs": "Chemical",
    "genes": "Gene",
    "diseases": "Disease",
    "species": "Species",
    "variants": "Variant",
}
SENTENCES = """
drugs:
  label: Chemical
  sentences: ["They got {name} daily.", "{Name} was stopped."]
variants:
  label: Variant
  sentences: ["Nobody had {name} here."]
"""
FILES = {
    "sentences.yml": SENTENCES,
    "drugs.txt": "# new ones\nremdesivir\nobeticholic acid\n\nmAb114\n",
    "variants.txt": "V600E\tBRAF V600E\nrs334\n",
}
#: What the stub finds: strings of tokens, with its own labels.
FOUND = {
    "remdesivir": "DRUG",
    "Remdesivir": "Disease",
    "acid": "DRUG",
    "BRAF V600E": "Variant",
    "got": "Gene",
    "Nobody": "Variant",
    "MAb114": "Noise",
}
MAP = {"DRUG": "Chemical", "Noise": None}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def stub():
    """A pipeline whose entities are those of FOUND."""
    nlp = spacy.blank("en")
    nlp.tokenizer = BioTokenizer(nlp.vocab)
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": text} for text, label in FOUND.items()])
    return nlp


@pytest.fixture
def answers(folder, stub):
    sentences = [sentence for each in read_name_lists(folder) for sentence in each.sentences()]
    return find_names(stub, sentences, MAP)


def test_there_is_a_list_for_each_type():
    assert {kind: each.label for kind, each in LISTS.items()} == LABELS
    assert {path.stem for path in FOLDER.glob("*.txt")} == LABELS.keys()
    templates = [template for each in LISTS.values() for template in each.templates]
    assert len(templates) == len(set(templates)) == 15
    assert {len(each.templates) for each in LISTS.values()} == {3}


@pytest.mark.parametrize("kind", LABELS)
def test_lists_are_sound(kind):
    names, templates = LISTS[kind].names, LISTS[kind].templates
    assert len({name.text for name in names}) >= 100
    phrases = Counter(name.phrase.lower() for name in names)
    assert [phrase for phrase, count in phrases.items() if count > 1] == []
    for name in names:
        assert name.text == " ".join(name.text.split())
        assert name.phrase == " ".join(name.phrase.split())
    for template in templates:
        assert template.endswith(".") and template.count("{") == template.count("}") == 1
        # Only a name at the beginning gets a capital, and it always does.
        assert template.startswith("{Name}") or (template[0].isupper() and "{Name}" not in template)


@pytest.mark.parametrize("kind", LABELS)
def test_names_begin_and_end_with_a_token(kind):
    tokenize = BioTokenizer(Vocab())
    for sentence in LISTS[kind].sentences():
        span = tokenize(sentence.text).char_span(sentence.start, sentence.end)
        assert span is not None and span.text.lower() == sentence.name.lower(), sentence


@pytest.mark.parametrize("kind", ["genes", "species", "variants"])
def test_no_capital_is_put_on_names_in_which_it_would_be_another_name(kind):
    assert not any("{Name}" in template for template in LISTS[kind].templates)


def test_names_are_put_into_sentences(folder):
    drugs, variants = read_name_lists(folder)
    assert list(variants.sentences()) == [
        NameSentence("variants", "Variant", "V600E", "Nobody had BRAF V600E here.", 16, 21),
        NameSentence("variants", "Variant", "rs334", "Nobody had rs334 here.", 11, 16),
    ]
    assert [(s.text, s.text[s.start : s.end]) for s in drugs.sentences()] == [
        ("They got remdesivir daily.", "remdesivir"),
        ("Remdesivir was stopped.", "Remdesivir"),
        ("They got obeticholic acid daily.", "obeticholic acid"),
        ("Obeticholic acid was stopped.", "Obeticholic acid"),
        ("They got mAb114 daily.", "mAb114"),
        ("MAb114 was stopped.", "MAb114"),
    ]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("drugs.txt", "a\nV600E\tBRAF V600K", r"drugs\.txt, line 2: 'V600E' must stand once in"),
        ("drugs.txt", "a\tan a", r"line 1: 'a' must stand once in 'an a'"),
        ("sentences.yml", SENTENCES.replace("{Name}", "Name"), "must stand in: Name was stopped"),
        ("sentences.yml", SENTENCES.replace("got", "{name}"), "must stand in: They {name} {name}"),
        ("drugs.txt", None, r"drugs\.txt: cannot be read"),
    ],
)
def test_malformed_lists_are_refused(folder, file, text, message):
    (folder / file).unlink()
    if text is not None:
        (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_name_lists(folder)


def test_outcomes(answers):
    assert [(answer.sentence.name, answer.outcome.value) for answer in answers] == [
        ("remdesivir", "exact"),
        ("remdesivir", "label"),
        ("obeticholic acid", "overlap"),
        ("obeticholic acid", "overlap"),
        ("mAb114", "missed"),
        ("mAb114", "missed"),
        ("V600E", "overlap"),
        ("rs334", "missed"),
    ]
    assert answers[2].to_json() == {
        "type": "drugs",
        "name": "obeticholic acid",
        "outcome": "overlap",
        "text": "They got obeticholic acid daily.",
        "start": 9,
        "end": 25,
        "label": "Chemical",
        "found": [{"start": 21, "end": 25, "label": "Chemical", "text": "acid"}],
    }


def test_counts(answers):
    scores = count_outcomes(answers)
    assert list(scores) == ["drugs", "variants", "all"]
    assert scores["drugs"].to_json() == {
        "names": 3,
        "sentences": 6,
        "exact": 1,
        "label": 1,
        "overlap": 2,
        "missed": 2,
        "exact_share": 1 / 6,
    }
    assert scores["variants"].row() == ("2", "2", "0", "0", "1", "1", "0.0")
    assert scores["all"].row() == ("5", "8", "1", "1", "3", "3", "12.5")
    assert count_outcomes([])["all"].row() == ("0", "0", "0", "0", "0", "0", "0.0")


def test_names_that_occur_in_training_text(tmp_path):
    vocab = Vocab()
    words = [["An", "OBETICHOLIC", "acid"], ["rs", "334", "F508del", "p", ".", "Gly12Cys"]]
    docs = [Doc(vocab, words=each) for each in words]
    (tmp_path / "docs").mkdir()
    DocBin(docs=docs).to_disk(tmp_path / "docs" / "a.spacy")
    text = tmp_path / "a.txt.gz"
    # What a line ends with does not go on in the next.
    text.write_bytes(gzip.compress(b"COVID-19 and\nmpox (Lassa\nfever) in anti-ACE2 cells\n"))
    docs_hold = {"obeticholic acid", "F508del", "p.Gly12Cys"}
    text_holds = {"COVID-19", "mpox", "ACE2"}
    names = [*docs_hold, *text_holds, "rs334", "Lassa fever", "acid rs", "mpo"]
    assert find_seen(names, [tmp_path / "docs"]) == docs_hold
    assert find_seen(names, [tmp_path / "docs" / "a.spacy", text]) == docs_hold | text_holds
    assert find_seen(names, []) == set()
    with pytest.raises(InputError, match=r"none\.txt: cannot be read"):
        find_seen(names, [tmp_path / "none.txt"])


@pytest.fixture
def run(folder, stub, monkeypatch, capsys):
    """The whole command on the lists and the pipeline of these tests; returns what it prints."""
    monkeypatch.setattr(name_sentences, "read_name_lists", lambda: read_name_lists(folder))
    monkeypatch.setattr(loading, "load_pipeline", lambda name, gpu_id: stub)
    label_map = folder / "map.yml"
    label_map.write_text(srsly.yaml_dumps(MAP), encoding="utf-8")

    def run_command(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["names", "stub", "--map", str(label_map), *map(str, arguments)])
        assert end.value.code == 0
        return capsys.readouterr().out

    return run_command


def rows(printed):
    """The lines of printed tables, as words."""
    return [line.split() for line in printed.splitlines()]


def test_command(run, tmp_path):
    output = tmp_path / "scores.json"
    printed = run("--output", output)
    assert ["drugs", "3", "6", "1", "1", "2", "2", "16.7"] in rows(printed)
    assert ["all", "5", "8", "1", "1", "3", "3", "12.5"] in rows(printed)
    assert "--seen" not in printed
    saved = srsly.read_json(output)
    assert list(saved) == ["all", "failures"]
    assert saved["all"]["variants"]["overlap"] == 1
    assert len(saved["failures"]) == 7
    assert saved["failures"][0]["text"] == "Remdesivir was stopped."


def test_command_with_training_text(run, tmp_path):
    seen, output = tmp_path / "seen.txt", tmp_path / "scores.json"
    seen.write_text("Remdesivir, rs334, V600.\n", encoding="utf-8")
    printed = rows(run("--seen", seen, "--output", output))
    assert ["drugs", "3", "6", "1", "1", "2", "2", "16.7"] in printed
    assert ["drugs", "2", "4", "0", "0", "2", "2", "0.0"] in printed
    assert ["variants", "1", "1", "0", "0", "1", "0", "0.0"] in printed
    saved = srsly.read_json(output)
    assert saved["unseen"]["all"]["names"] == 3
    assert {f["name"]: f["seen"] for f in saved["failures"]} == {
        "remdesivir": True,
        "obeticholic acid": False,
        "mAb114": False,
        "V600E": False,
        "rs334": True,
    }


def test_failures_are_shown(run):
    def shown(number):
        printed = run("--show", number).splitlines()
        return [line for line in printed if line.split(":")[0] in [*Outcome]]

    assert shown(0) == []
    assert shown(1) == [
        "label: remdesivir (Chemical), found: Remdesivir (Disease) | Remdesivir was stopped.",
        "overlap: V600E (Variant), found: BRAF V600E (Variant) | Nobody had BRAF V600E here.",
    ]
    # Of five failures of drugs two: the first, and one of the middle.
    assert shown(2)[1].startswith("overlap: obeticholic acid (Chemical), found: acid (Chemical)")
    assert len(shown(2)) == 4
    assert len(shown(100)) == 7
