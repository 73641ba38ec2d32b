"""``bioner-mtl leakage``: does text of a training or development set stand in a test set?"""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import JsonFile
from spacy_bioner_mtl.cli.verify import DataFolder, SkipMissing, check_and_report


def leakage(
    lists: Annotated[list[Path], Argument(metavar="LIST...", help="Lists of corpora, YAML files.")],
    data: DataFolder = None,
    skip_missing: SkipMissing = False,
    output: JsonFile = None,
) -> None:
    """Compare all splits of corpora but their test sets with the test sets of all lists.

    A document stands in a test set if at least half of its runs of eight words do, or if it holds
    half of those of a document there; case, punctuation and tokens make no difference. To train
    without such documents, convert with `convert-corpora --drop-leaks`.
    """
    from wasabi import msg

    from spacy_bioner_mtl.corpora.leakage import TEST, TestSets, find_overlaps, read_split
    from spacy_bioner_mtl.corpora.listing import read_corpora_list

    corpora = []
    for path in lists:
        folder = data or path.parent
        checked = check_and_report(read_corpora_list(path), folder, skip_missing=skip_missing)
        # Lists may name corpora alike.
        prefix = f"{path.stem}: " if len(lists) > 1 else ""
        corpora += [(f"{prefix}{corpus.name}", corpus, folder) for corpus in checked]
    tests = TestSets()
    for name, corpus, folder in corpora:
        tests.add_corpus(name, corpus, folder)
    result: dict[str, dict[str, Any]] = {}
    for name, corpus, folder in corpora:
        for split in corpus.splits:
            if split != TEST:
                overlaps = find_overlaps(read_split(corpus, split, folder), tests)
                result[f"{name} {split}"] = {
                    test: overlaps[test].to_json() for test in sorted(overlaps)
                }
    rows = [
        (name, test, *(f"{each[what]:,}" for what in ("documents", "sentences", "runs")))
        for name, tests_of in result.items()
        for test, each in tests_of.items()
    ]
    msg.table(
        rows,
        header=("Of", "In", "Documents", "Sentences", "Runs of 8 words"),
        aligns=("l", "l", "r", "r", "r"),
        divider=True,
    )
    for name, tests_of in result.items():
        for test, each in tests_of.items():
            for example in each["examples"] if each["documents"] else ():
                share, text = f"{example['share']:.0%}", example["text"]
                msg.text(f"{name}, in {test}: {share} of {example['id']!r}: {text}")
    if not rows:
        msg.good("No run of eight words stands in a test set")
    save_json(output, result, "Overlaps")
