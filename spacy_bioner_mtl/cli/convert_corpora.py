"""``bioner-mtl convert-corpora``: all corpora of the list to DocBins, split by split."""

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_bioner_mtl.cli.options import Strict
from spacy_bioner_mtl.cli.verify import DataFolder, ListPath, SkipMissing, check_and_report
from spacy_bioner_mtl.errors import InputError


def convert_corpora(
    list_path: ListPath,
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Folder for the DocBins.")],
    data: DataFolder = None,
    skip_missing: SkipMissing = False,
    split: Annotated[
        list[str] | None,
        typer.Option("--split", metavar="NAME", help="Convert this split only; may be repeated."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Convert this corpus only; may be repeated."),
    ] = None,
    merged: Annotated[
        bool,
        typer.Option("--merged", help="Also convert train and devel together, as split merged."),
    ] = False,
    drop_leaks: Annotated[
        bool,
        typer.Option(
            "--drop-leaks",
            help="Leave documents of other splits out that stand in a test set of the list.",
        ),
    ] = False,
    test_sets: Annotated[
        list[Path] | None,
        typer.Option(
            "--test-sets",
            metavar="LIST",
            help="With --drop-leaks: a further list whose test sets count; may be repeated.",
        ),
    ] = None,
    strict: Strict = False,
) -> None:
    """Convert every corpus of the list to OUT_DIR/SPLIT/CORPUS.spacy, after checking its files.

    A reader of OUT_DIR/train then reads all corpora. Hence a file that an earlier run wrote is
    removed when its corpus is no longer in the list, or is skipped because it is missing.
    """
    from spacy_bioner_mtl.corpora.converted_folder import ConvertedFolder, summarize
    from spacy_bioner_mtl.corpora.leakage import TEST, TestSets
    from spacy_bioner_mtl.corpora.listing import read_corpora_list

    corpora_list = read_corpora_list(list_path)
    if merged:
        corpora_list = corpora_list.merge(["train", "devel"], "merged")
    chosen = corpora_list.only(only or [])
    splits = chosen.choose_splits(split or [])
    data = data or list_path.parent
    present = check_and_report(chosen, data, skip_missing=skip_missing)
    skipped = [corpus for corpus in chosen.corpora if corpus not in present]
    if test_sets and not drop_leaks:
        raise InputError("--test-sets belongs to --drop-leaks: add it, or leave both out")
    tests = TestSets()
    if drop_leaks:
        # All test sets of the list count, whichever corpora are converted.
        held_out = [] if only else [present]
        unchecked = [*([corpora_list] if only else []), *map(read_corpora_list, test_sets or [])]
        for each in unchecked:
            held_out.append(check_and_report(each, data, skip_missing=skip_missing))
        for corpus in chain.from_iterable(held_out):
            tests.add_corpus(corpus.name, corpus, data)
    folder = ConvertedFolder(out_dir)
    for path in folder.remove_stale(corpora_list, skipped):
        msg.warn(f"{path}: removed, its corpus takes no part any more")
    for corpus in present:
        for name in corpus.splits:
            if name in splits:
                is_leak = tests.hold if drop_leaks and name != TEST else None
                report = folder.convert(corpus, name, data, strict=strict, is_leak=is_leak)
                msg.good(f"{folder.path_of(corpus, name)}: {summarize(report)}")
    for path in folder.foreign():
        msg.warn(
            f"{path}: not written by this command, but a reader of its folder reads it too. "
            f"Move it away, or add its corpus to {list_path}"
        )
