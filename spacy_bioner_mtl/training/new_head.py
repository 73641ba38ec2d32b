"""Teach a trained pipeline a new head: alone, or while it rehearses what it knew."""

import tempfile
from collections.abc import Iterable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training.loop import train
from spacy.util import load_model
from thinc.api import fix_random_seed

from spacy_bioner_mtl.corpora.gold_files import check_corpora, iterate_docs
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL
from spacy_bioner_mtl.pipeline.loading import FACTORY, bioner_pipes, load_pipeline
from spacy_bioner_mtl.pipeline.spans import count_labels
from spacy_bioner_mtl.training.rehearsal import write_rehearsal

_SEED = 0
_DROPOUT = 0.3
#: Of a new head alone, and of all weights, which have learned much already.
_RATES = {"head": 0.01, "all": 0.0003}
_WARM_UP = 20
_EVALUATIONS = 10


def teach_head(
    model: str,
    train_path: Path,
    dev_path: Path,
    *,
    steps: int,
    gpu_id: int,
    rehearse: Sequence[Path] = (),
) -> tuple[Language, list[str]]:
    """Add the heads that documents are annotated for to a trained pipeline, and train these.

    The new heads learn alone at first, while encoders and old heads are frozen. With text to
    rehearse on, all weights learn after that, the old heads from what the pipeline said of the
    training documents and of the text before: a head that knows something already distorts
    encoders less than one that knows nothing (Kumar et al. 2022, https://arxiv.org/abs/2202.10054).
    Where the policy that merges heads names heads, the new ones are named, too.

    model (str): The folder of a pipeline, or the name of an installed one.
    train_path (Path): Training documents, a .spacy file or a folder of them.
    dev_path (Path): Documents to choose the best weights by, likewise.
    steps (int): Steps of training, of each of the two parts.
    gpu_id (int): The GPU to run on, or -1 for the CPU.
    rehearse (Sequence[Path]): Text in UTF-8, a paragraph on each line.
    RETURNS (tuple[Language, list[str]]): The pipeline, and its new heads.
    RAISES (InputError): There is no such pipeline, the documents are annotated for no new head, or
        there is no text to rehearse on in the files that were named.
    """
    check_corpora([train_path, dev_path])
    before = load_pipeline(model, gpu_id)
    old = bioner_pipes(before)[0]
    known = [head.name for head in old.heads]
    gold = count_labels(iterate_docs([train_path]))
    new = {head: sorted(counts) for head, counts in gold.items() if head not in known}
    if not new:
        raise InputError(
            f"The training documents are annotated for {', '.join(sorted(gold)) or 'no head'}, and "
            f"the pipeline has {', '.join(known)}: there is no new head to learn. Convert the "
            "corpus with another --head."
        )
    empty = [head for head, labels in new.items() if not labels]
    if empty:
        raise InputError(
            f"{train_path}: no mention for {', '.join(empty)} in any document, so that there is "
            "nothing to learn. Look at what `bioner-mtl convert` said of these files."
        )
    if not count_labels(iterate_docs([dev_path])).keys() & new.keys():
        raise InputError(
            f"{dev_path}: no document is annotated for {', '.join(sorted(new))}, so that nothing "
            "tells which weights are best. Convert these documents with the same --head."
        )
    nlp = load_model(model, config=_name_in_policy(before, old.name, new))
    pipe = bioner_pipes(nlp)[0]
    performance = dict(nlp.meta.get("performance", {}))
    for head, labels in new.items():
        pipe.add_head(head, labels)
    pipe.network.freeze_all_but([*new])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rehearsal = folder / "rehearsal.spacy"
        if rehearse and not write_rehearsal(before, old, train_path, rehearse, rehearsal):
            names = ", ".join(map(str, rehearse))
            raise InputError(f"{names}: there is no text in it to rehearse on.")
        nlp = _train(nlp, folder / "head", train_path, dev_path, steps, _RATES["head"], gpu_id)
        if rehearse:
            nlp = _train(nlp, folder / "all", rehearsal, dev_path, steps, _RATES["all"], gpu_id)
    # Of the old heads, training knows nothing.
    nlp.meta["performance"] = {**nlp.meta.get("performance", {}), **performance}
    return nlp, sorted(new)


def _train(
    nlp: Language,
    folder: Path,
    train_path: Path,
    dev_path: Path,
    steps: int,
    rate: float,
    gpu_id: int,
) -> Language:
    """Train what is not frozen, and load the best pipeline: all of it may learn again."""
    nlp.config["corpora"] = _corpora(train_path, dev_path)
    nlp.config["training"] = _training(nlp, bioner_pipes(nlp)[0], steps, rate)
    fix_random_seed(_SEED)
    nlp.resume_training()
    folder.mkdir()
    train(nlp, folder, use_gpu=gpu_id)
    return load_model(folder / "model-best")


def _corpora(train_path: Path, dev_path: Path) -> dict[str, Any]:
    """The section [corpora] of a config."""
    return {
        "train": {
            "@readers": "spacy_bioner_mtl.SentenceCorpus.v1",
            "path": str(train_path),
            "augmenter": None,
        },
        "dev": {
            "@readers": "spacy_bioner_mtl.DocumentCorpus.v1",
            "path": str(dev_path),
        },
    }


def _name_in_policy(nlp: Language, component: str, new: Iterable[str]) -> dict[str, Any]:
    """A config in which the policy that merges heads names the new ones, too, if it names any."""
    merge = deepcopy(nlp.get_pipe_config(component)["merge"])
    if not isinstance(merge.get("heads"), list):
        return {}
    merge["heads"] = [*merge["heads"], *new]
    return {"components": {component: {"merge": merge}}}


def _training(nlp: Language, pipe: BioNERMTL, steps: int, rate: float) -> dict[str, Any]:
    """The section [training] of a config: only the component learns."""
    others = [
        name
        for name, each in nlp.pipeline
        if getattr(each, "is_trainable", False) and nlp.get_pipe_meta(name).factory != FACTORY
    ]
    before = nlp.pipe_names[: nlp.pipe_names.index(pipe.name)]
    return {
        "train_corpus": "corpora.train",
        "dev_corpus": "corpora.dev",
        "seed": _SEED,
        "gpu_allocator": None,
        "dropout": _DROPOUT,
        "accumulate_gradient": 1,
        "patience": 0,
        "max_epochs": 0,
        "max_steps": steps,
        "eval_frequency": max(steps // _EVALUATIONS, 1),
        # Sentences are found as the trained pipeline finds them.
        "annotating_components": before,
        "frozen_components": [name for name in others if name not in before],
        "before_to_disk": None,
        "before_update": None,
        "batcher": {
            "@batchers": "spacy_bioner_mtl.mixed_corpora.v1",
            "size": 1100,
            "temperature": 1.0,
        },
        "logger": {"@loggers": "spacy_bioner_mtl.ProgressLogger.v1", "scores": None},
        "optimizer": {
            "@optimizers": "spacy_bioner_mtl.FusedAdam.v1",
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "grad_clip": 1.0,
            "use_averages": True,
            "learn_rate": {
                "@schedules": "warmup_linear.v1",
                "warmup_steps": min(_WARM_UP, steps),
                "total_steps": steps,
                "initial_rate": rate,
            },
        },
        "score_weights": {"bioner_macro_f": 1.0},
    }
