"""``python -m benchmarks sentences``: how well boundaries of sentences are found."""

from pathlib import Path
from typing import Annotated

from typer import Argument


def sentences(
    corpora: Annotated[
        Path, Argument(metavar="CORPORA", help="Folder of corpora as in configs/corpora.yml.")
    ],
    pubtator: Annotated[
        Path, Argument(metavar="PUBTATOR", help="Folder of AIONER's PubTator files.")
    ],
) -> None:
    """Compare abstract_sentences with spaCy's sentencizer and, if it is installed, pySBD.

    Gold are the sentences of the development corpora: of BC5CDR and NCBI-disease in their raw
    abstracts, of JNLPBA ten at a time with blanks between words. Words a second are those of the
    tokenizer and the splitter together, on one thread.
    """
    from wasabi import msg

    from benchmarks.sentences import (
        joined_texts,
        make_splitters,
        raw_texts,
        read_sentences,
        score_splitter,
    )

    splitters = make_splitters()
    rows = []
    for name, raw in (("BC5CDR-IOBES", "BC5CDR"), ("NCBI-disease-IOBES", "NCBIdisease")):
        gold = read_sentences(corpora / name / f"{part}.tsv" for part in ("train", "devel"))
        texts, missing = raw_texts(pubtator / f"{raw}_TrainDev.PubTator", gold)
        rows.append((f"{name}: {len(texts):,} raw abstracts, {missing} not found", texts))
    joined = list(joined_texts(read_sentences([corpora / "JNLPBA" / "devel.tsv"]), 10))
    rows.append((f"JNLPBA: {len(joined):,} texts of ten sentences", joined))
    for title, texts in rows:
        print(title)
        scores = {each: score_splitter(split, texts) for each, split in splitters.items()}
        msg.table(
            [
                (
                    each,
                    f"{100 * score.right / max(score.found, 1):.2f}",
                    f"{100 * score.right / max(score.gold, 1):.2f}",
                    f"{100 * score.f_score:.2f}",
                    f"{score.words_per_second:,.0f}",
                )
                for each, score in scores.items()
            ],
            header=("", "P", "R", "F1", "Words/s"),
            aligns=("l", "r", "r", "r", "r"),
            divider=True,
        )
