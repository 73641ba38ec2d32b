"""bioner-mtl evaluate-text: a head's spans on raw text against gold mentions with offsets."""

import io

import pytest
import srsly
from conftest import GOLD
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.corpora.convert import convert_files
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate import raw_text
from spacy_bioner_mtl.evaluate.gold_docs import evaluate_pipeline
from spacy_bioner_mtl.evaluate.raw_text import GoldTexts
from spacy_bioner_mtl.formats.brat import write_brat
from spacy_bioner_mtl.formats.gold_records import GoldOptions
from spacy_bioner_mtl.formats.pubtator import write_pubtator
from spacy_bioner_mtl.formats.record import Mention, Record
from spacy_bioner_mtl.pipeline.loading import load_pipeline

TEXTS = [words for words, _ in GOLD]
MEDICINE = "Mice with renal failure got aspirin ."


def save(path, gold):
    """A PubTator file: per text, its mentions as (piece of the text, label)."""
    lines = []
    for number, (text, mentions) in enumerate(gold, start=1):
        lines.append(f"{number}|t|{text}")
        for piece, label in mentions:
            start = text.index(piece)
            lines.append(f"{number}\t{start}\t{start + len(piece)}\t{piece}\t{label}")
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def evaluate_raw_text(nlp, path, head, *, label_map=None, **options):
    texts = GoldTexts(path, GoldOptions(**options))
    return raw_text.evaluate_raw_text(nlp, texts, head, label_map=label_map)


def counts(evaluation):
    return {
        label: (each.tp, each.tp + each.fp, each.tp + each.fn)
        for label, each in evaluation.labels.items()
    }


def test_start_end_and_label_must_be_the_same(tmp_path, trained):
    doc = trained(MEDICINE)
    assert [(span.text, span.label_) for span in doc.spans["medicine"]] == [
        ("renal failure", "Disease"),
        ("aspirin", "Chemical"),
    ]
    gold = [
        (MEDICINE, [("renal failure", "Disease"), ("aspirin", "Chemical")]),
        (MEDICINE, [("failure", "Disease"), ("aspirin", "Disease")]),
        (MEDICINE, []),
    ]
    evaluation = evaluate_raw_text(trained, save(tmp_path / "gold.txt", gold), "medicine")
    assert counts(evaluation) == {"Disease": (1, 3, 3), "Chemical": (1, 3, 1)}
    assert (evaluation.documents, evaluation.tokens) == (3, 3 * 7)
    total = evaluation.labels.total()
    assert (total.precision, total.recall) == (2 / 6, 2 / 4)
    assert total.fscore == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert evaluation.rows() == [
        ("medicine", "33.33", "50.00", "40.00", "4"),
        ("  Chemical", "33.33", "100.00", "50.00", "1"),
        ("  Disease", "33.33", "33.33", "33.33", "3"),
    ]


MENTIONS = st.lists(
    st.tuples(st.sampled_from(TEXTS), st.integers(0, 5), st.integers(1, 3), st.booleans()),
    max_size=12,
)


@settings(deadline=None, max_examples=25)
@given(drawn=MENTIONS)
def test_scores_are_those_of_evaluate_where_tokens_are_given(tmp_path_factory, trained, drawn):
    """The same gold as a DocBin, whose tokens are those of the pipeline."""
    folder = tmp_path_factory.mktemp("same")
    records = []
    for text in TEXTS:
        words = text.split()
        starts = [sum(len(word) + 1 for word in words[:index]) for index in range(len(words))]
        free = set(range(len(words)))
        mentions = []
        for wanted, first, length, flag in drawn:
            tokens = set(range(first, min(first + length, len(words))))
            # evaluate reads documents whose gold spans do not overlap.
            if wanted == text and tokens and tokens <= free:
                free -= tokens
                last = max(tokens)
                label = "Disease" if flag else "Chemical"
                mentions.append(Mention(starts[first], starts[last] + len(words[last]), label))
        records.append(Record(id=str(len(records)), text=text, mentions={"medicine": mentions}))
    path = folder / "gold.txt"
    path.write_text("".join(write_pubtator(records)), encoding="utf-8")
    convert_files([path], folder / "gold.spacy", head="medicine", tokenizer="english")
    expected = evaluate_pipeline(trained, [folder / "gold.spacy"])
    evaluation = evaluate_raw_text(trained, path, "medicine")
    total = evaluation.labels.total()
    assert evaluation.unreachable == evaluation.overlapping == evaluation.cut == 0
    assert evaluation.tokens == expected.tokens
    assert total.tp + total.fn == sum(expected.gold["medicine"].values())
    for part, ours in (("p", total.precision), ("r", total.recall), ("f", total.fscore)):
        assert ours == pytest.approx(expected.scores[f"spans_medicine_{part}"])
    for label, scores in expected.scores["spans_medicine_per_type"].items():
        each = evaluation.labels[label]
        assert each.precision == pytest.approx(scores["p"])
        assert each.recall == pytest.approx(scores["r"])
        assert each.fscore == pytest.approx(scores["f"])


def test_the_merged_answer_can_be_scored(tmp_path, trained):
    doc = trained(MEDICINE)
    gold = [(ent.text, ent.label_) for ent in doc.ents]
    path = save(tmp_path / "gold.txt", [(MEDICINE, [*gold, ("got", "Drug")])])
    evaluation = evaluate_raw_text(trained, path, "merged")
    assert sum(each.tp for each in evaluation.labels.values()) == len(gold)
    assert evaluation.labels.total().to_dict()["p"] == 1.0
    assert evaluation.unknown_labels == ["Drug"]
    left_out = evaluate_raw_text(
        trained, path, "merged", label_map={gold[0][1]: None, "Drug": None}
    )
    assert gold[0][1] not in left_out.labels


def test_gold_that_cannot_be_found_is_counted(tmp_path, copy_of_trained):
    nlp = copy_of_trained
    nlp.add_pipe("sentencizer", first=True)
    text = "Old Dr . Smith has renal failure . He got aspirin ."
    gold = [
        ("Old Dr . Smith", "Disease"),  # across the full stop
        ("renal failure", "Disease"),
        ("failure", "Disease"),  # within another
        ("renal fail", "Disease"),  # half a token; and it overlaps
        ("aspirin", "Chemical"),
        ("aspirin", "Chemical"),
        ("He", "Person"),
    ]
    path = save(tmp_path / "gold.txt", [(text, gold)])
    evaluation = evaluate_raw_text(
        nlp, path, "medicine", label_map={"Person": None, "Town": "Place"}
    )
    assert evaluation.cut == 1
    assert evaluation.unreachable == 1
    assert evaluation.overlapping == 2
    assert evaluation.duplicates == 1
    assert evaluation.left_out == 1
    assert evaluation.unused_labels == ["Town"]
    assert evaluation.unknown_labels == []
    assert sum(gold for *_, gold in counts(evaluation).values()) == 5


def test_mentions_in_pieces_are_neither_found_nor_missed(tmp_path, trained):
    """Even if the head's span begins and ends where they do."""
    start, end = MEDICINE.index("renal"), MEDICINE.index(" got")
    whole = Mention(start, end, "Disease")
    pieces = ((start, start + 2), (end - 3, end))
    in_pieces = Mention(start, end, "Disease", fragments=pieces)
    for mention, counted in ((whole, (1, 1, 1)), (in_pieces, None)):
        # Gold of which nothing can be used would be refused.
        mentions = {"source": [mention, Mention(0, 1, "Other")]}
        for name, content in write_brat([Record("1", MEDICINE, mentions)]):
            (tmp_path / name).write_text(content)
        evaluation = evaluate_raw_text(trained, tmp_path / "1.txt", "medicine")
        assert counts(evaluation).get("Disease") == counted
        assert evaluation.unjudged == (counted is None)


def test_gold_of_which_nothing_can_be_used_is_no_score(tmp_path, model, capsys):
    path = tmp_path / "gold.txt"
    path.write_text("1|t|Zinc cough.\n1\t1\t5\tZinc\tChemical\n1\t6\t11\tcough\tDisease\n")
    scores = tmp_path / "scores.json"
    arguments = [str(model), str(path), "--head", "medicine", "--output", str(scores)]
    with pytest.raises(SystemExit) as caught:
        main(["evaluate-text", *arguments])
    assert caught.value.code == 1 and not scores.exists()
    error = " ".join(capsys.readouterr().err.split())
    assert "none of the annotations can be used (2 another text at the offsets" in error
    assert "are all offsets shifted, or do they count bytes or units of UTF-16" in error


def test_what_touches_unknown_text_is_not_judged(tmp_path, trained):
    path = save(tmp_path / "gold.txt", [(MEDICINE, [("aspirin", "Chemical")])])
    start = MEDICINE.index("failure")
    path.write_text(path.read_text() + f"1\t{start}\t{start + 7}\tfaillure\tDisease\n")
    evaluation = evaluate_raw_text(trained, path, "medicine")
    assert counts(evaluation) == {"Chemical": (1, 1, 1)}
    assert evaluation.unjudged == 1
    assert evaluation.to_json()["flaws"] == {"another text at the offsets": 1}
    # A map that leaves the type out leaves nothing unknown.
    labels = {"Disease": None}
    evaluation = evaluate_raw_text(trained, path, "medicine", label_map=labels)
    assert (counts(evaluation), evaluation.unjudged) == ({"Chemical": (1, 1, 1)}, 0)


def test_gold_that_touches_unknown_text_counts(tmp_path, trained):
    """A line that cannot be read leaves all unknown but what the others say."""
    path = save(tmp_path / "gold.txt", [(MEDICINE, [("aspirin", "Chemical")])])
    path.write_text(path.read_text() + "1\tno mention\n1\t1\n")
    evaluation = evaluate_raw_text(trained, path, "medicine")
    assert counts(evaluation) == {"Chemical": (1, 1, 1)}
    assert evaluation.unjudged == 1


def test_texts_of_any_length(tmp_path, trained, monkeypatch):
    monkeypatch.setattr(trained, "max_length", 10)
    path = save(tmp_path / "gold.txt", [(MEDICINE, [("aspirin", "Chemical")])])
    assert counts(evaluate_raw_text(trained, path, "medicine"))["Chemical"] == (1, 1, 1)


def test_a_map_renames_gold_and_predicted_labels(tmp_path, trained):
    gold = [(MEDICINE, [("renal failure", "SpecificDisease"), ("aspirin", "Chemical")])]
    path = save(tmp_path / "gold.txt", gold)
    unmapped = evaluate_raw_text(trained, path, "medicine")
    assert unmapped.unknown_labels == ["SpecificDisease"]
    assert counts(unmapped)["SpecificDisease"] == (0, 0, 1)
    mapped = evaluate_raw_text(
        trained, path, "medicine", label_map={"SpecificDisease": "Disease", "Chemical": ""}
    )
    # The file's chemical is left out, and so is that of the head.
    assert counts(mapped) == {"Disease": (1, 1, 1)}
    assert mapped.left_out == 1
    assert not mapped.unknown_labels and not mapped.unused_labels
    merged = evaluate_raw_text(
        trained,
        path,
        "medicine",
        label_map={"SpecificDisease": "any", "Disease": "any", "Chemical": "any"},
    )
    assert counts(merged) == {"any": (2, 2, 2)}


def test_documents_beyond_a_memory_zone_count(tmp_path, trained, monkeypatch):
    monkeypatch.setattr(raw_text, "DOCUMENTS_PER_ZONE", 2)
    gold = [(MEDICINE, [("aspirin", "Chemical")])] * 5
    evaluation = evaluate_raw_text(trained, save(tmp_path / "gold.txt", gold), "medicine")
    assert evaluation.documents == 5
    assert counts(evaluation)["Chemical"] == (5, 5, 5)


def test_a_head_that_is_switched_off(tmp_path, copy_of_trained):
    copy_of_trained.get_pipe("bioner_mtl").cfg["active_heads"] = ["medicine"]
    path = save(tmp_path / "gold.txt", [(MEDICINE, [("aspirin", "Chemical")])])
    assert evaluate_raw_text(copy_of_trained, path, "medicine").labels["Chemical"].tp == 1
    with pytest.raises(InputError, match="or it is switched off; choose from: medicine"):
        evaluate_raw_text(copy_of_trained, path, "genes")


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    trained.to_disk(path)
    return path


def run(*arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["evaluate-text", *map(str, arguments)])
    return exit_info.value.code or 0


def test_command_prints_and_saves(tmp_path, model, capsys):
    gold = [(MEDICINE, [("renal failure", "SpecificDisease"), ("renal", "Modifier")])]
    path = save(tmp_path / "gold.txt", gold)
    labels = tmp_path / "map.yml"
    labels.write_text("SpecificDisease: Disease\nModifier: Disease\nOther:\n")
    output = tmp_path / "scores" / "raw.json"
    options = ["--head", "medicine", "--map", labels, "--output", output]
    assert run(model, path, *options) == 0
    out = capsys.readouterr().out
    saved = srsly.read_json(output)
    expected = evaluate_raw_text(
        load_pipeline(str(model)), path, "medicine", label_map=srsly.read_yaml(labels)
    )
    assert saved == srsly.json_loads(srsly.json_dumps(expected.to_json()))
    assert saved["per_type"]["Disease"]["found"] == 1
    assert saved["f"] == pytest.approx(2 * 1 / (2 + 2))
    assert ["medicine", "50.00", "50.00", "50.00", "2"] in [row.split() for row in out.splitlines()]
    assert "1 gold mentions (50.00%) share text with a longer one" in " ".join(out.split())
    assert "Labels of the map that do not occur: Other" in out


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (
            "1|t|Fine\n1\t0\t9\tFine\tDisease\n",
            ["--head", "medicine", "--strict"],
            "gold.txt:2: mention lies outside of the text of 4 characters: offsets 0-9",
        ),
        ("", ["--head", "medicine"], "gold.txt: nothing in this file"),
        ("", ["--head", "medicine", "--from", "pubtator"], "gold.txt: no document in this file"),
        ("1|t|A\n1|a|B\n1|a|C\n", ["--head", "medicine"], "gold.txt:3: a second abstract"),
        (None, ["--head", "medicine"], "gold.txt: cannot be read"),
        ("1|t|Fine\n", ["--head", "animals"], "no head 'animals' in the pipeline, or it is"),
        (
            "1|t|Fine\n",
            ["--head", "genes", "--from", "xls"],
            "unknown format 'xls'; --from takes",
        ),
        ("1|t|Fine\n", ["--head", "genes", "--map", "no.yml"], "no.yml: cannot be read"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, model, capsys, content, options, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "gold.txt").write_text(content)
    assert run(model, "gold.txt", *options, "--output", "out.json") == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.json").exists()


def test_a_malformed_document_later_in_the_file(tmp_path, trained):
    path = save(tmp_path / "gold.txt", [(MEDICINE, [("aspirin", "Chemical")])] * 2)
    path.write_text(path.read_text() + "3|t|Short\n3\t0\t5\tOther\tDisease\n")
    line = len(path.read_text().splitlines())
    with pytest.raises(InputError, match=rf"gold.txt:{line}: mention is 'Other'"):
        evaluate_raw_text(trained, path, "medicine", strict=True)


def test_standard_input_is_read_once(tmp_path, model, monkeypatch, capsys):
    path = save(tmp_path / "gold.txt", [(MEDICINE, [("aspirin", "Chemical")])])
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(path.read_bytes())))
    monkeypatch.setattr("sys.stdin", stream)
    assert run(model, "-", "--head", "medicine") == 0
    assert "1 documents, 7 tokens" in " ".join(capsys.readouterr().out.split())
