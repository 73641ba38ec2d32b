"""The paper's variants: an equal budget, results that are kept, and the table made of them."""

import random
import re
import sys
import time
from statistics import mean, stdev

import numpy as np
import pytest
import srsly
from conftest import ROOT, SAMPLE_CONFIG, TRAINING
from spacy.cli._util import parse_config_overrides
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from benchmarks import variants as module
from benchmarks.__main__ import main
from benchmarks.variant_scores import collect_scores
from benchmarks.variants import VARIANTS, Run, execute_runs, plan_runs
from spacy_bioner_mtl.corpora.convert import convert_files
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.gold_docs import evaluate_pipeline
from spacy_bioner_mtl.evaluate.significance import p_value
from spacy_bioner_mtl.files.writing import write_whole
from spacy_bioner_mtl.pipeline.loading import head_names, load_pipeline

CORPORA = ["chemicals", "genes"]
#: What is small in the sample training of other tests, as far as it is not the budget.
SMALL = {
    key: value
    for key, value in TRAINING.items()
    if key not in ("training.optimizer.learn_rate.total_steps", "training.eval_frequency")
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two corpora, as convert-corpora lays them out."""
    folder = tmp_path_factory.mktemp("data")
    for name in CORPORA:
        for split in ("train", "devel", "test"):
            (folder / split).mkdir(exist_ok=True)
            source = ROOT / "assets" / "corpora" / name / f"{split}.tsv"
            convert_files([source], folder / split / f"{name}.spacy", head=name)
    return folder


def plan(data, out, variants=tuple(VARIANTS), seeds=1, passes=3, config=SAMPLE_CONFIG, **overrides):
    return plan_runs(
        config,
        data,
        out,
        variants=variants,
        seeds=seeds,
        passes=passes,
        overrides={f"training.batcher.{key}": value for key, value in overrides.items()},
    )


def n_documents(path):
    return len(list(DocBin().from_disk(path).get_docs(Vocab())))


def test_runs_of_the_plan(tmp_path, data):
    runs = plan(data, tmp_path, seeds=2)
    names = ["STM-chemicals", "STM-genes", "MTM-C", "MTM-W", "MTM-CW"]
    expected = [f"{name}-seed{seed}" for seed in range(2) for name in names]
    assert [run.folder.name for run in runs] == expected
    for run in runs:
        assert run.overrides["components.bioner_mtl.model.share"] == VARIANTS[run.variant]
        assert run.overrides["training.seed"] == run.seed
        single = run.variant == "STM"
        files = [f"{name}.spacy" for name in CORPORA if not single or name in run.folder.name]
        assert [path.name for path in run.tests] == files
        for key, split in (("train", "train"), ("dev", "devel")):
            wanted = data / split / files[0] if single else data / split
            assert run.overrides[f"paths.{key}"] == str(wanted)


def test_every_variant_passes_over_each_corpus_equally_often(tmp_path, data):
    # In batches of one document, and of all of them, passes can be counted without a batcher.
    documents = {name: n_documents(data / "train" / f"{name}.spacy") for name in CORPORA}
    for run in plan(data, tmp_path, passes=3, size=1):
        single = [name for name in CORPORA if run.folder.name == f"STM-{name}-seed0"]
        assert run.steps == 3 * sum(documents[name] for name in single or CORPORA)
    assert [run.steps for run in plan(data, tmp_path, passes=3, size=10**9)] == [3] * 5


def test_the_same_command_plans_the_same_runs(tmp_path, data):
    """How many batches a pass has is a matter of chance: of the order of the documents."""
    plans = []
    for seed in range(4):
        random.seed(seed)
        plans.append(plan(data, tmp_path, size=50))
        drawn = random.random()
        random.seed(seed)
        assert drawn == random.random()
    assert plans == [plans[0]] * 4


def test_a_temperature_of_the_config_does_not_change_the_budget(tmp_path, data):
    config = tmp_path / "hot.cfg"
    text = SAMPLE_CONFIG.read_text()
    config.write_text(text.replace("temperature = 1.0", "temperature = 4.0"))
    assert config.read_text() != text
    budgets = [
        [run.steps for run in plan(data, tmp_path, config=each, size=50)]
        for each in (config, SAMPLE_CONFIG)
    ]
    assert budgets[0] == budgets[1]


def test_the_command_line_says_what_was_planned(tmp_path, data):
    overrides = {"paths.vectors": "1", "training.dropout": 0.25, "nlp.batch_size": 7}
    (run,) = plan_runs(
        ROOT / "configs" / "mtl.cfg",
        data,
        tmp_path,
        variants=["MTM-C"],
        seeds=1,
        passes=1,
        overrides=overrides,
    )
    command = run.command()
    expected = ["-m", "spacy", "train", run.config, "--output", run.folder, "--gpu-id", -1]
    assert command[1:9] == list(map(str, expected))
    parsed = parse_config_overrides(command[9:], env_var=None)
    assert parsed == run.overrides
    assert parsed.items() >= overrides.items()


def test_what_cannot_be_planned(tmp_path, data):
    cases = (
        (r"No such variant: MTM\. There are STM, MTM-C", {"variants": ["STM", "MTM"]}),
        ("at least one seed", {"seeds": 0}),
        ("at least one seed and one pass", {"passes": 0}),
        (r"--training.batcher.temperature: it is what", {"temperature": 2.0}),
        (r"sample\.cfg: .*unexpected argument: 'sizes'", {"sizes": 2}),
        (r"missing\.cfg: ", {"config": tmp_path / "missing.cfg"}),
        ("does not pass over each corpus", {"config": ROOT / "configs" / "original.cfg"}),
    )
    for message, options in cases:
        with pytest.raises(InputError, match=message) as error:
            plan(data, tmp_path, **options)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"train: no \.spacy file"):
        plan(tmp_path, tmp_path)
    for split in ("train", "devel", "test"):
        (tmp_path / split).mkdir()
        for name in CORPORA[: 1 if split == "test" else 2]:
            (tmp_path / split / f"{name}.spacy").touch()
    with pytest.raises(InputError, match=r"test/genes\.spacy: missing"):
        plan(tmp_path, tmp_path)


#: Instead of a training: a program, and what is counted in the end.
COUNTS = {name: {name: [[1, 2, 1], [0, 0, 1]]} for name in CORPORA}


@pytest.fixture
def programs(monkeypatch):
    """Programs to run instead of trainings, by the name of the run; the others do nothing."""
    chosen: dict = {}

    def command(run, gpu_id):
        return [sys.executable, "-c", chosen.get(run.folder.name, "")]

    monkeypatch.setattr(Run, "command", command)
    monkeypatch.setattr(
        module, "_score", lambda run, _: save(run, {p.stem: COUNTS[p.stem] for p in run.tests})
    )
    return chosen


def save(run, counts):
    with write_whole(run.result) as file:
        file.write(srsly.json_dumps({"settings": run.settings(), "counts": counts}))


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_that_fails_is_named_and_the_others_go_on(tmp_path, data, programs, jobs):
    programs["STM-genes-seed0"] = "print('before', flush=True); raise SystemExit('no memory')"
    # One thread each, if there are several jobs.
    programs["MTM-C-seed0"] = "import os; print(os.environ.get('OMP_NUM_THREADS'))"
    runs = plan(data, tmp_path)
    lines = []
    (failure,) = execute_runs(runs, jobs, lines.append)
    assert failure.startswith("STM-genes-seed0: the training failed")
    log = tmp_path / "STM-genes-seed0.log"
    assert failure.endswith(str(log))
    assert log.read_text().split("\n")[:2] == ["before", "no memory"]
    assert [run.folder.name for run in runs if run.counts() is None] == ["STM-genes-seed0"]
    assert re.fullmatch(r"Runs: 5, done before: 0, batches to train on: [\d,]+", lines[0])
    for number, line in enumerate(lines[1:], 1):
        assert re.fullmatch(
            rf"{number} of 5: \S+ (done|failed), [\d.]+ min, about [\d.]+ to go", line
        )
    assert jobs == 1 or (tmp_path / "MTM-C-seed0.log").read_text() == "1\n"

    # Once its cause is removed, the same command does the one run that is missing.
    del programs["STM-genes-seed0"]
    for run in runs:
        if run.counts() is not None:
            programs[run.folder.name] = "raise SystemExit('a second time')"
    lines.clear()
    assert execute_runs(runs, jobs, lines.append) == []
    assert lines[0].startswith("Runs: 5, done before: 4")
    assert len(lines) == 2 and lines[1].startswith("5 of 5: STM-genes-seed0 done")


def test_a_model_that_cannot_be_scored_is_named(tmp_path, data, programs, monkeypatch):
    def fail(run, _):
        raise RuntimeError("no such head")

    monkeypatch.setattr(module, "_score", fail)
    runs = plan(data, tmp_path, variants=["MTM-C"])
    (failure,) = execute_runs(runs, 1, print)
    assert failure.startswith("MTM-C-seed0: the model is not scored (no such head)")
    assert not runs[0].result.exists()


def test_an_interruption_ends_the_trainings(tmp_path, data, programs):
    programs["STM-genes-seed0"] = "import time; time.sleep(60)"
    started = time.monotonic()

    def interrupt(line):
        if line.startswith("1 of"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute_runs(plan(data, tmp_path, variants=["STM"]), 2, interrupt)
    assert time.monotonic() - started < 30


def test_a_result_of_other_settings_is_refused(tmp_path, data, programs):
    runs = plan(data, tmp_path, variants=["MTM-C"])
    execute_runs(runs, 1, print)
    assert plan(data, tmp_path, variants=["MTM-C"])[0].counts() == runs[0].counts()
    for options in ({"passes": 4}, {"size": 77}):
        with pytest.raises(InputError, match="obtained with another config, budget or data"):
            execute_runs(plan(data, tmp_path, variants=["MTM-C"], **options), 1, print)


def random_counts(seed, n_documents):
    generator = np.random.default_rng(seed)
    gold = np.random.default_rng(0).integers(1, 6, n_documents)
    correct = generator.binomial(gold, 0.6)
    return np.stack([correct, correct + generator.integers(0, 3, n_documents), gold], axis=1)


def f1(counts):
    correct, predicted, gold = counts.sum(axis=0).tolist()
    return 2 / (predicted / correct + gold / correct)


def test_the_table(tmp_path, data):
    """The head "both" is that of both corpora, and "genes" that of one."""
    runs = plan(data, tmp_path, variants=["STM", "MTM-CW"], seeds=3)
    counts = {}
    for number, run in enumerate(runs):
        heads = {"chemicals": {"both": 30}, "genes": {"both": 20, "genes": 25}}
        own = {
            path.stem: {
                head: random_counts(100 * number + len(head), n)
                for head, n in heads[path.stem].items()
            }
            for path in run.tests
        }
        counts.setdefault((run.variant, run.seed), {}).update(own)
        save(run, {c: {h: rows.tolist() for h, rows in of.items()} for c, of in own.items()})

    def rows(variant, seed, head):
        corpora = counts[variant, seed]
        return np.concatenate([corpora[c][head] for c in CORPORA if head in corpora[c]])

    both, genes, macro = collect_scores(runs)
    assert [each.name for each in (both, genes, macro)] == ["both", "genes", "macro average"]
    for scores in (both, genes):
        for variant in ("STM", "MTM-CW"):
            expected = [f1(rows(variant, seed, scores.name)) for seed in range(3)]
            assert scores.f[variant] == pytest.approx(expected)
            percent = [100 * value for value in expected]
            assert scores.cell(variant) == f"{mean(percent):.2f} ± {stdev(percent):.2f}"
            saved = scores.to_json()[variant]
            assert (saved["mean"], saved["standard_deviation"]) == pytest.approx(
                (mean(expected), stdev(expected))
            )
        pooled = [
            sum(rows(variant, seed, scores.name) for seed in range(3))
            for variant in ("STM", "MTM-CW")
        ]
        assert scores.p_value == p_value(*pooled)
        assert scores.p_cell() == f"{scores.p_value:.4f}"
    for variant in ("STM", "MTM-CW"):
        pairs = zip(both.f[variant], genes.f[variant], strict=True)
        assert macro.f[variant] == pytest.approx([mean(pair) for pair in pairs])
    assert macro.p_value is None and macro.p_cell() == ""

    # Without seed 1 of STM on chemicals, that seed is unknown under the head of both corpora.
    next(run for run in runs if run.folder.name == "STM-chemicals-seed1").result.unlink()
    fewer, same, macro = collect_scores(runs)
    assert fewer.f["STM"] == [both.f["STM"][0], both.f["STM"][2]]
    assert fewer.f["MTM-CW"] == both.f["MTM-CW"]
    pooled = [sum(rows(v, seed, "both") for seed in (0, 2)) for v in ("STM", "MTM-CW")]
    assert fewer.p_value == p_value(*pooled)
    assert same == genes
    assert [len(macro.f[variant]) for variant in ("STM", "MTM-CW")] == [2, 3]
    for run in runs:
        if run.variant == "MTM-CW" or run.seed:
            run.result.unlink(missing_ok=True)
    only = collect_scores(runs)[0]
    assert (only.cell("MTM-CW"), only.p_value) == ("-", None)
    assert only.cell("STM") == f"{100 * both.f['STM'][0]:.2f}"


@pytest.mark.slow
def test_train_and_compare(tmp_path, data, capsys):
    """The whole command: three trainings, the table, and the same again without a training."""
    out, output = tmp_path / "runs", tmp_path / "table.json"
    overrides = [part for key, value in SMALL.items() for part in (f"--{key}", str(value))]
    options = ["--variant", "STM", "--variant", "MTM-CW", "--seeds", "1", "--passes", "8"]
    arguments = ["variants", str(SAMPLE_CONFIG), str(data), str(out), *options, "--jobs", "2"]

    def command():
        with pytest.raises(SystemExit) as exit_info:
            main([*arguments, "--output", str(output), *overrides])
        assert not exit_info.value.code
        return capsys.readouterr().out

    printed = command()
    runs = {"STM-chemicals-seed0", "STM-genes-seed0", "MTM-CW-seed0"}
    assert {path.name for path in out.iterdir() if path.is_dir()} == runs
    table = srsly.read_json(output)["f1"]
    assert list(table) == [*CORPORA, "macro average"]
    for head in CORPORA:
        for variant, folder in (("STM", f"STM-{head}-seed0"), ("MTM-CW", "MTM-CW-seed0")):
            nlp = load_pipeline(str(out / folder / "model-last"))
            assert head_names(nlp) == ([head] if variant == "STM" else CORPORA)
            expected = evaluate_pipeline(nlp, [data / "test" / f"{head}.spacy"]).scores
            assert table[head][variant]["seeds"] == pytest.approx([expected[f"spans_{head}_f"]])
            assert 0.1 < table[head][variant]["mean"] < 1, "too easy or too hard to tell"
        assert f"{table[head]['p_value']:.4f}" in printed
    config = load_pipeline(str(out / "MTM-CW-seed0" / "model-last")).config
    assert config["components"]["bioner_mtl"]["model"]["hidden_width"] == 32

    results = {path: path.stat().st_mtime_ns for path in out.glob("*/scores.json")}
    redone = out / "STM-genes-seed0" / "scores.json"
    redone.unlink()
    before = table
    assert "done before: 2" in command()
    assert srsly.read_json(output)["f1"] == before
    now = {path: path.stat().st_mtime_ns for path in out.glob("*/scores.json")}
    assert {path for path in now if now[path] != results[path]} == {redone}


def test_an_unknown_option_is_one_line(tmp_path, data, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["variants", str(SAMPLE_CONFIG), str(data), str(tmp_path / "out"), "--seedz", "3"])
    assert exit_info.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()
