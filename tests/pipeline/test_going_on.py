"""Going on from a trained pipeline: with spaCy's own commands and calls, in every order."""

import random
import re
import subprocess
import sys
import warnings

import pytest
import spacy
from conftest import (
    GOLD,
    ROOT,
    SAMPLE_CONFIG,
    TRAINING,
    fresh,
    make_example,
    make_examples,
    make_pipeline,
    same_weights,
    weights,
)
from spacy.cli import setup_cli  # noqa: F401 (registers the commands)
from spacy.cli._util import app
from spacy.tokens import DocBin
from spacy.training import Example
from thinc.api import SGD, Adam, RAdam
from typer.testing import CliRunner

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.optimizers import FusedAdam, MomentumSGD

SPECIES = [
    ("Mice eat maize .", {"species": [(0, 1, "Species"), (2, 3, "Species")]}),
    ("The rat sleeps .", {"species": [(1, 2, "Species")]}),
    ("Nothing lives here .", {"species": []}),
]


def pipe_of(nlp):
    return nlp.get_pipe("bioner_mtl")


def found(nlp, head):
    return [
        (number, span.start, span.end, span.label_)
        for number, doc in enumerate(nlp.pipe(words for words, _ in GOLD + SPECIES))
        for span in doc.spans[head]
    ]


# What is not annotated


@pytest.mark.parametrize(
    "annotation",
    [{"entities": [(0, 4, "Species")]}, {"spans": {"speceis": [(0, 4, "Species")]}}, {}],
)
def test_a_loaded_pipeline_refuses_documents_that_teach_nothing(annotation, copy_of_trained):
    nlp = copy_of_trained
    example = Example.from_dict(nlp.make_doc("Mice eat maize ."), annotation)
    before, losses = weights(nlp), {}
    with pytest.raises(InputError, match="genes, medicine") as error:
        nlp.update([example, example], sgd=Adam(0.1), losses=losses)
    assert "doc.spans[HEAD]" in str(error.value)
    assert ("speceis" in str(error.value)) == ("spans" in annotation)
    assert same_weights(before, weights(nlp))


def test_some_documents_that_teach_nothing_are_a_warning(copy_of_trained):
    nlp = copy_of_trained
    stranger = make_example(nlp, "Mice eat maize .", {"speceis": [(0, 1, "Species")]})
    losses = {}
    with pytest.warns(UserWarning, match="no head of the component 'bioner_mtl'.*speceis"):
        nlp.update([*make_examples(nlp), stranger], sgd=Adam(0.01), losses=losses)
    assert losses["bioner_mtl"] > 0


def test_other_groups_beside_known_ones_are_no_matter(copy_of_trained):
    nlp = copy_of_trained
    words, heads = GOLD[0]
    example = make_example(nlp, words, {**heads, "sc": [(0, 1, "X")]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp.update([example], sgd=Adam(0.01))


# New heads


def teach(nlp, steps=60, rehearse=True):
    """Learn species, and rehearse on the other texts."""
    optimizer = FusedAdam(0.01)
    texts = [words for words, _ in GOLD]
    for _ in range(steps):
        nlp.update(make_examples(nlp, SPECIES), sgd=optimizer)
        if rehearse:
            docs = [nlp.make_doc(text) for text in texts]
            nlp.rehearse([Example(doc, doc.copy()) for doc in docs], sgd=optimizer)


ORDERS = {
    "head first": ["add_head", "resume"],
    "resume first": ["resume", "add_head"],
    "resume twice": ["resume", "add_head", "resume"],
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_new_head_learns_and_the_others_stay_in_every_order(order, copy_of_trained):
    nlp = copy_of_trained
    before = {head: found(nlp, head) for head in ("genes", "medicine")}
    for step in ORDERS[order]:
        if step == "add_head":
            pipe_of(nlp).add_head("species", ["Species"])
        else:
            nlp.resume_training(sgd=Adam(0.01))
    teach(nlp)
    n = len(GOLD)
    expected = [(n, 0, 1, "Species"), (n, 2, 3, "Species"), (n + 1, 1, 2, "Species")]
    assert [span for span in found(nlp, "species") if span[0] >= n] == expected
    for head, spans in before.items():
        old = [span for span in spans if span[0] < n]
        assert [span for span in found(nlp, head) if span[0] < n] == old


def test_a_loaded_pipeline_knows_which_heads_it_has_learned(copy_of_trained):
    nlp = copy_of_trained
    pipe_of(nlp).add_head("species", ["Species"])
    loaded = make_pipeline().from_bytes(nlp.to_bytes())
    assert pipe_of(loaded).network.learned == {"genes": 1, "medicine": 2}
    loaded.resume_training(sgd=Adam(0.01))
    before = weights(loaded)
    loaded.rehearse(fresh(loaded, make_examples(loaded)), sgd=SGD(0.5, L2=0.0))
    after = weights(loaded)
    for name, values in before.items():
        assert values.equal(after[name]) or not name.startswith("head_layers.2")


def test_rehearsal_leaves_new_labels_alone(copy_of_trained):
    """A label added after, or before, training was resumed may grow, and the others stay."""
    for order in (["label", "resume"], ["resume", "label"]):
        nlp = make_pipeline().from_bytes(copy_of_trained.to_bytes())
        for step in order:
            if step == "label":
                pipe_of(nlp).add_label("Isoform", head="genes")
            else:
                nlp.resume_training(sgd=Adam(0.01))
        network = pipe_of(nlp).network
        isoform = [("Some X9 was seen .", {"genes": [(1, 2, "Isoform")]}), GOLD[2]]
        before = found(nlp, "genes")
        optimizer = FusedAdam(0.01)
        for _ in range(40):
            nlp.update(make_examples(nlp, isoform), sgd=optimizer)
            nlp.rehearse(fresh(nlp, make_examples(nlp)), sgd=optimizer)
        doc = nlp("Some X9 was seen .")
        assert [span.label_ for span in doc.spans["genes"]] == ["Isoform"]
        old = [span for span in found(nlp, "genes") if span[3] == "GENE"]
        assert old == before and len(old) > 3
        assert network.learned["genes"] == 2


def test_rehearsing_nothing_is_said(copy_of_trained):
    nlp = copy_of_trained
    with pytest.warns(UserWarning, match=r"call nlp.resume_training\(\) before"):
        nlp.rehearse(make_examples(nlp), sgd=Adam(0.01))
    untrained = make_pipeline()
    untrained.initialize(lambda: make_examples(untrained))
    untrained.resume_training(sgd=Adam(0.01))
    with pytest.warns(UserWarning, match="none of its heads was trained"):
        untrained.rehearse(make_examples(untrained), sgd=Adam(0.01))


# Memory: whatever is done in whatever order, with whatever optimizer

OPTIMIZERS = {
    "FusedAdam": lambda: FusedAdam(0.01),
    "FusedAdam without averages": lambda: FusedAdam(0.01, use_averages=False, grad_clip=1.0),
    "Adam": lambda: Adam(0.01),
    "RAdam": lambda: RAdam(0.01),
    "SGD": lambda: SGD(0.01),
    "MomentumSGD": lambda: MomentumSGD(0.01, 0.9),
}


def do_anything(seed, optimizer_name, nlp):
    """A random sequence of what changes a component; all weights stay numbers."""
    chosen = random.Random(seed)
    pipe, optimizer = pipe_of(nlp), OPTIMIZERS[optimizer_name]()
    nlp.resume_training(sgd=optimizer)
    for number in range(25):
        step = chosen.choice(
            ["update", "update", "rehearse", "rehearse", "label", "head", "resume"]
        )
        if step == "update":
            nlp.update(make_examples(nlp), sgd=optimizer, drop=0.1)
        elif step == "rehearse":
            nlp.rehearse(fresh(nlp, make_examples(nlp)), sgd=optimizer)
        elif step == "label":
            pipe.add_label(f"L{number}", head=chosen.choice([head.name for head in pipe.heads]))
        elif step == "head":
            pipe.add_head(f"H{number}", ["A", "B"][: chosen.randrange(3)])
        else:
            nlp.resume_training()
    assert all(values.isfinite().all() for values in weights(nlp).values())
    return nlp


@pytest.mark.filterwarnings("ignore:.*nothing to rehearse")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("seed", range(3))
def test_any_sequence_of_calls(seed, optimizer, copy_of_trained):
    nlp = do_anything(seed, optimizer, copy_of_trained)
    assert make_pipeline().from_bytes(nlp.to_bytes())(GOLD[0][0]).spans


def test_another_components_rehearsal_in_turns():
    """In a process of its own: the fault that this looks for is a segmentation fault."""
    program = """
from conftest import GOLD, fresh, make_examples, make_pipeline
nlp = make_pipeline(table_width=64)
examples = make_examples(nlp)
nlp.initialize(lambda: examples)
from spacy_bioner_mtl.models.optimizers import FusedAdam
optimizer = FusedAdam(0.01)
nlp.update(examples, sgd=optimizer)
nlp.resume_training(sgd=optimizer)
for _ in range(5):
    nlp.update(examples, sgd=optimizer)
    nlp.rehearse(fresh(nlp, examples), sgd=optimizer)
print("right")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT / "tests",
    )
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr


# spaCy's commands


@pytest.fixture(scope="module")
def trained_folder(sample_run):
    return sample_run / "model" / "model-best"


def spacy_command(*arguments):
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, result.output or result.exception
    return result.output


@pytest.fixture(scope="module")
def paths(sample_docbins):
    return ["--paths.train", sample_docbins / "train", "--paths.dev", sample_docbins / "dev"]


#: So that the large ones are quick.
SMALL = [
    *(f"--{name}={value}" for name, value in TRAINING.items() if ".model." in name),
]


@pytest.mark.parametrize("name", ["mtl", "sample", "original", "trained"])
def test_debugging(name, paths, trained_folder):
    config = ROOT / "configs" / f"{name}.cfg"
    config, more = (trained_folder / "config.cfg", []) if name == "trained" else (config, SMALL)
    assert "Config is valid" in spacy_command("debug", "config", config, *paths)
    assert "checks passed" in spacy_command("debug", "data", config, *paths)
    printed = spacy_command("debug", "model", config, "bioner_mtl", "-P3", *paths, *more)
    assert "model looks good" in printed


@pytest.mark.parametrize("name", ["mtl", "sample", "original"])
def test_filling_a_config_changes_nothing(name, tmp_path):
    config = ROOT / "configs" / f"{name}.cfg"
    spacy_command("init", "fill-config", config, tmp_path / "filled.cfg")
    ours = spacy.util.load_config(config).interpolate()
    filled = spacy.util.load_config(tmp_path / "filled.cfg").interpolate()
    for section, values in ours["training"].items():
        assert filled["training"][section] == values
    assert filled["initialize"].items() >= ours["initialize"].items()


def test_a_config_and_its_schedule_are_equally_long():
    for name in ("mtl", "sample"):
        config = spacy.util.load_config(
            ROOT / "configs" / f"{name}.cfg",
            overrides={"training.optimizer.learn_rate.total_steps": 77},
        )
        assert config.interpolate()["training"]["max_steps"] == 77


def test_a_schedule_of_another_length_is_said(sample_docbins):
    overrides = {**TRAINING, "training.max_steps": 5, "paths.train": str(sample_docbins / "train")}
    config = spacy.util.load_config(SAMPLE_CONFIG, overrides=overrides)
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    examples = make_examples(nlp)
    with pytest.warns(UserWarning, match="max_steps is 5, but .* 60 steps"):
        nlp.initialize(lambda: examples)


@pytest.mark.parametrize(
    ("every", "message"),
    [
        (100, "last 60 steps are never scored, and model-best is untrained. .* to 60 or"),
        (40, r"last 20 steps are never scored\. .* to 60 or"),
        (30, None),
    ],
)
def test_steps_that_are_never_scored_are_said(sample_docbins, every, message):
    overrides = {**TRAINING, "training.eval_frequency": every}
    overrides["paths.train"] = str(sample_docbins / "train")
    nlp = spacy.util.load_model_from_config(
        spacy.util.load_config(SAMPLE_CONFIG, overrides=overrides), auto_fill=True
    )
    examples = make_examples(nlp)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nlp.initialize(lambda: examples)
    said = " ".join(str(each.message) for each in caught if "scored" in str(each.message))
    assert re.search(message, said) if message else not said


def test_a_head_without_a_mention_is_said():
    nlp = make_pipeline()
    doc = nlp.make_doc("No organ was lost.")
    doc.spans["organs"] = []
    with pytest.warns(UserWarning, match="No training document has a mention for organs"):
        nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc)])


def test_resuming_on_what_was_trained(trained_folder):
    nlp = spacy.load(trained_folder)
    assert type(nlp.create_optimizer()).__name__ == "Optimizer"
    optimizer = nlp.resume_training()
    doc = nlp.make_doc("TKR2 was found .")
    losses = {}
    nlp.rehearse([Example(doc, doc.copy())], sgd=optimizer, losses=losses)
    assert losses["bioner_mtl"] == pytest.approx(0.0, abs=1e-3)


def test_resuming_with_the_config_of_an_earlier_version(trained, tmp_path):
    """There, [training.optimizer] refers to another section, which spaCy resolves without it."""
    trained.to_disk(tmp_path / "model")
    path = tmp_path / "model" / "config.cfg"
    config = spacy.util.load_config(path)
    config["training"]["optimizer"] = {
        "@optimizers": "spacy_bioner_mtl.FusedAdam.v1",
        "learn_rate": {
            "@schedules": "warmup_linear.v1",
            "warmup_steps": 2,
            "total_steps": "${training.max_steps}",
            "initial_rate": 0.002,
        },
    }
    config.to_disk(path)
    nlp = spacy.load(tmp_path / "model")
    assert isinstance(nlp.resume_training(), FusedAdam)
    nlp.to_disk(tmp_path / "again")
    assert isinstance(spacy.load(tmp_path / "again").create_optimizer(), FusedAdam)


def test_finding_a_threshold(trained_folder, sample_docbins):
    printed = spacy_command(
        "find-threshold",
        trained_folder,
        sample_docbins / "dev" / "genes.spacy",
        "bioner_mtl",
        "thresholds.genes",
        "spans_genes_f",
        "--n_trials",
        3,
    )
    assert "Best threshold" in printed


def test_assembling(trained_folder, tmp_path):
    config = tmp_path / "assemble.cfg"
    config.write_text(
        f"""
[nlp]
lang = "en"
pipeline = ["bioner_mtl"]
[nlp.tokenizer]
@tokenizers = "spacy_bioner_mtl.BioTokenizer.v1"
[components]
[components.bioner_mtl]
source = "{trained_folder}"
"""
    )
    spacy_command("assemble", config, tmp_path / "assembled")
    expected = spacy.load(trained_folder)("TKR2 was found in K562 cells .")
    assembled = spacy.load(tmp_path / "assembled")
    doc = assembled("TKR2 was found in K562 cells .")
    assert {k: [s.text for s in v] for k, v in doc.spans.items()} == {
        k: [s.text for s in v] for k, v in expected.spans.items()
    }
    with pytest.warns(UserWarning, match="stays without heads and weights"):
        spacy_command("assemble", SAMPLE_CONFIG, tmp_path / "empty")


NEW_HEAD = """
[paths]
train = null
dev = null
[nlp]
lang = "en"
pipeline = ["bioner_mtl"]
[nlp.tokenizer]
@tokenizers = "spacy_bioner_mtl.BioTokenizer.v1"
[components]
[components.bioner_mtl]
source = "{source}"
[training]
max_steps = 40
eval_frequency = 20
[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.01
[training.score_weights]
spans_species_f = 1.0
[corpora]
[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${{paths.train}}
[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${{paths.dev}}
"""
ADD_HEADS = """
[initialize]
[initialize.after_init]
@callbacks = "spacy_bioner_mtl.add_heads.v1"
[initialize.after_init.heads]
species = ["Species"]
"""


@pytest.mark.parametrize("added", [True, False])
def test_spacy_train_with_a_head_of_ones_own(added, trained_folder, tmp_path, capfd):
    nlp = spacy.blank("en")
    docs = [example.reference for example in make_examples(nlp, SPECIES)]
    DocBin(docs=docs).to_disk(tmp_path / "species.spacy")
    text = NEW_HEAD.format(source=trained_folder) + (ADD_HEADS if added else "")
    (tmp_path / "config.cfg").write_text(text)
    spacy_command("init", "fill-config", tmp_path / "config.cfg", tmp_path / "filled.cfg")
    data = ["--paths.train", tmp_path / "species.spacy", "--paths.dev", tmp_path / "species.spacy"]
    arguments = ["train", tmp_path / "filled.cfg", "--output", tmp_path / "out", *data]
    result = CliRunner().invoke(app, [*map(str, arguments)])
    if not added:
        assert result.exit_code == 1
        assert re.search("no head of the component 'bioner_mtl'.*species", str(result.exception))
        return
    assert result.exit_code == 0, result.exception
    assert "Added the head 'species'" in result.output + capfd.readouterr().out
    assert re.search(r"\b40\b.*1\.00", result.output + capfd.readouterr().out)
    loaded = spacy.load(tmp_path / "out" / "model-best")
    doc = loaded("The rat sleeps .")
    assert [span.text for span in doc.spans["species"]] == ["rat"]


def test_labels_are_explained():
    for label in ("GENE", "Chemical", "Disease", "protein", "cell_type", "cell_line", "DNA", "RNA"):
        assert spacy.explain(label)
