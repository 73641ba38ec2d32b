"""The model card of a pipeline."""

import pytest
import spacy
from conftest import SAMPLE_HEADS

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.evaluate.card import write_card


def rows_of(card):
    """The cells of the table of heads, by head."""
    lines = [line for line in card.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_it_tells_heads_scores_settings_data_and_notes(copy_of_trained):
    nlp = copy_of_trained
    nlp.meta.update(
        description="Two heads.",
        license="MIT",
        sources=[{"name": "Mine", "url": "https://example.org", "author": "Me"}, "Yours"],
        notes="### Limits\n\nMany.",
        performance={"spans_genes_p": 0.5, "spans_genes_r": 1.0, "spans_genes_f": 2 / 3},
    )
    pipe = nlp.get_pipe("bioner_mtl")
    pipe.cfg["temperatures"] = {"genes": 1.25}
    pipe.cfg["thresholds"] = {"medicine": 0.5}
    pipe.cfg["active_heads"] = ["genes"]
    card = write_card(nlp)
    assert card.startswith(f"# en_{nlp.meta['name']} {nlp.meta['version']}\n\nTwo heads.\n")
    rows = rows_of(card)
    assert rows["`genes`"] == ["`GENE`", "50.00", "100.00", "66.67", "1.250", "0", "no"]
    assert rows["`medicine` (switched off)"] == [
        "`Chemical`, `Disease`",
        *["-"] * 3,
        "1.000",
        "0.5",
        "no",
    ]
    parameters = sum(each.numel() for each in pipe.network.parameters())
    assert f"{parameters:,} parameters" in card
    assert "- Licence: MIT" in card
    assert "- [Mine](https://example.org), Me\n- Yours" in card
    assert card.endswith("### Limits\n\nMany.\n")


def test_what_is_not_known_is_left_out(copy_of_trained):
    card = write_card(copy_of_trained)
    assert "## Data" not in card
    assert "None" not in card
    assert "\n\n\n" not in card


def test_a_trained_pipeline_tells_how_it_was_trained(sample_run):
    card = write_card(spacy.load(sample_run / "model" / "model-best"))
    assert "- seed: 0" in card
    assert "- dropout: 0.1" in card
    assert "total_steps 60" in card
    assert set(rows_of(card)) == {f"`{head}`" for head in SAMPLE_HEADS}


def test_the_command_shows_or_saves_it(trained, tmp_path, capsys):
    trained.to_disk(tmp_path / "model")
    for arguments in ([], ["--output", str(tmp_path / "card.md")]):
        with pytest.raises(SystemExit) as exit_info:
            main(["card", str(tmp_path / "model"), *arguments])
        assert not exit_info.value.code
    shown = capsys.readouterr().out
    saved = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert saved in shown
    assert shown.endswith(f"Card saved to {tmp_path / 'card.md'}\n")


@pytest.mark.parametrize(
    "odd", [{"performance": 5}, {"notes": 5}, {"sources": [{"name": None}, 5]}, {"sources": 5}]
)
def test_odd_entries_of_a_meta_do_no_harm(copy_of_trained, odd):
    copy_of_trained.meta.update(odd)
    assert set(rows_of(write_card(copy_of_trained))) == {"`genes`", "`medicine`"}
