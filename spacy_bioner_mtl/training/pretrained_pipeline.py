"""From a config of ``spacy train`` and plain text to a pipeline with pretrained encoders."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from spacy.cli._util import parse_config_overrides
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from spacy_bioner_mtl.corpora.gold_files import check_corpora, iterate_docs
from spacy_bioner_mtl.corpora.text_files import read_paragraphs
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import sync_file, write_whole_folder
from spacy_bioner_mtl.pipeline.loading import FACTORY, bioner_pipes, use_gpu
from spacy_bioner_mtl.training.pretraining import Pretrained, pretrain


def pretrain_pipeline(
    config: Path,
    overrides: list[str],
    texts: Sequence[Path],
    corpora: Sequence[Path],
    *,
    passes: float,
    batch_size: int,
    gpu_id: int,
) -> tuple[Language, Pretrained]:
    """Initialize the pipeline of a config and pretrain the encoders of its component.

    config (Path): The config.
    overrides (list[str]): Settings in place of the config's, as on the command line of
        ``spacy train``.
    texts (Sequence[Path]): Text in UTF-8, a paragraph on each line.
    corpora (Sequence[Path]): .spacy files, or folders with such files anywhere in them.
    passes (float): Passes over both.
    batch_size (int): Padded tokens in a batch, at most.
    gpu_id (int): The GPU to run on, or -1 for the CPU.
    RETURNS (tuple[Language, Pretrained]): The pipeline, whose heads have learned nothing, and what
        became of it.
    RAISES (InputError): A file is missing or damaged, or the config does not fit.
    """
    check_corpora(corpora)
    use_gpu(gpu_id)
    try:
        loaded = load_config(config, overrides=parse_config_overrides(overrides))
    except (OSError, ValueError) as error:
        raise InputError(f"{config}: no config of `spacy train` ({error}).") from error
    nlp = init_nlp(loaded, use_gpu=gpu_id)
    pipes = bioner_pipes(nlp)
    if not pipes:
        raise InputError(f"{config}: its pipeline has no component {FACTORY!r} to pretrain.")
    seed = nlp.config.interpolate()["training"]["seed"] or 0
    result = pretrain(
        pipes[0],
        _read_docs(nlp, texts, corpora),
        passes=passes,
        batch_size=batch_size,
        seed=seed,
    )
    nlp.meta["description"] = (
        "Encoders pretrained on plain text, to start training from; its heads have learned nothing"
    )
    return nlp, result


def save_pipeline(nlp: Language, out: Path) -> None:
    """Save a pipeline, which appears whole or not at all.

    nlp (Language): The pipeline.
    out (Path): Its folder; what was there is replaced.
    RAISES (InputError): The folder cannot be written to, or the disk is full.
    """
    with write_whole_folder(out) as partial:
        nlp.to_disk(partial)
        for path in partial.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    sync_file(file)


def _read_docs(nlp: Language, texts: Sequence[Path], corpora: Sequence[Path]) -> Iterator[Doc]:
    """All text, tokenised and cut into sentences as the pipeline does it, or as corpora are."""
    paragraphs = (line for line in read_paragraphs(texts) if line.strip())
    with nlp.select_pipes(disable=[pipe.name for pipe in bioner_pipes(nlp)]):
        yield from nlp.pipe(chain(paragraphs, iterate_docs(corpora, nlp.vocab)))
