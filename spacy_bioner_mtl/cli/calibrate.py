"""``bioner-mtl calibrate``: can the probabilities of a trained pipeline be trusted?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import GoldDocs, GpuId, JsonFile, ModelName
from spacy_bioner_mtl.errors import InputError

if TYPE_CHECKING:
    from spacy_bioner_mtl.evaluate.calibration import Calibration
    from spacy_bioner_mtl.evaluate.consistency_weights import Fit


def calibrate(
    model: ModelName,
    corpora: GoldDocs,
    bins: Annotated[
        int, Option("--bins", metavar="N", help="Bins of equal width from 0 to 1.")
    ] = 10,
    fit: Annotated[
        bool,
        Option("--fit", help="Find the temperature of each head that makes probabilities truest."),
    ] = False,
    consistency: Annotated[
        bool,
        Option(
            "--consistency",
            help="With --fit: also find the weights by which repeated strings of a document are "
            "judged together. Give whole documents.",
        ),
    ] = False,
    into: Annotated[
        Path | None,
        Option(
            "--into",
            metavar="FOLDER",
            help="With --fit: a pipeline that gets what was found, such as one that was trained "
            "on the development set as well.",
        ),
    ] = None,
    output: JsonFile = None,
    gpu_id: GpuId = -1,
) -> None:
    """Compare the probabilities of found spans with how often they are right.

    Give documents that the pipeline was not trained on: those that it has learned make it look
    better than it is. With --fit, give a development set, and measure on another one.
    """
    from wasabi import msg

    from spacy_bioner_mtl.corpora.gold_files import check_corpora
    from spacy_bioner_mtl.evaluate import calibration
    from spacy_bioner_mtl.evaluate.consistency_weights import fit_consistency
    from spacy_bioner_mtl.pipeline.loading import bioner_pipes, load_pipeline

    check_corpora(corpora)
    calibration.check_bins(bins)
    if into and not into.is_dir():
        raise InputError(f"{into}: there is no such folder; give the folder of a pipeline")
    if (into or consistency) and not fit:
        raise InputError("--into and --consistency belong to --fit: add it, or leave them out")
    nlp = load_pipeline(model, gpu_id)
    result: dict[str, object]
    if fit:
        found = calibration.fit_temperatures(nlp, corpora, n_bins=bins)
        print("Before:")
        _print_table(found.before)
        print("After:")
        _print_table(found.after)
        settings: dict[str, dict[str, Any]] = {"temperatures": found.temperatures}
        if consistency:
            calibration.set_heads(nlp, settings)
            fits = fit_consistency(nlp, corpora)
            _print_fits(fits)
            settings["consistency"] = {
                head: fit.weights if fit.helps else None for head, fit in fits.items()
            }
        if into:
            named = ", ".join(calibration.save_settings(into, settings))
            msg.good(f"{into}: {' and '.join(filter(settings.get, settings))} of {named}")
        else:
            heads = {pipe.name: [head.name for head in pipe.heads] for pipe in bioner_pipes(nlp)}
            _print_remedy(model, heads, settings)
        result = {
            **settings,
            "before": {head: each.to_json() for head, each in found.before.items()},
            "after": {head: each.to_json() for head, each in found.after.items()},
        }
    else:
        measured = calibration.calibrate(nlp, corpora, n_bins=bins)
        _print_table(measured)
        result = {"heads": {head: each.to_json() for head, each in measured.items()}}
    save_json(output, result, "Numbers")


def _print_table(heads: "dict[str, Calibration]") -> None:
    """Print a row per head, and below it one per bin."""
    from wasabi import msg

    rows = []
    for head, each in heads.items():
        numbers = (f"{100 * each.mean_score:.1f}", f"{100 * each.share_right:.1f}")
        errors = (f"{100 * each.error:.2f}", f"{each.brier:.4f}")
        rows.append((head, f"{each.spans:,}", *numbers, *errors))
        for part in each.bins:
            numbers = (f"{100 * part.mean_score:.1f}", f"{100 * part.share_right:.1f}")
            rows.append((f"  {part.low:.2f}-{part.high:.2f}", f"{part.spans:,}", *numbers, "", ""))
    msg.table(
        rows,
        header=("Head", "Found", "Probability %", "Right %", "Calibration error %", "Brier"),
        aligns=("l", "r", "r", "r", "r", "r"),
        divider=True,
    )


def _print_fits(fits: "dict[str, Fit]") -> None:
    """Print what judging repeated strings together does to each head."""
    from wasabi import msg

    if not fits:
        msg.warn("Too few repeated strings, or too few wrong ones: no head gets weights for them.")
        return
    print("F1 of these documents, repeated strings judged each by itself and together:")
    rows = [
        (head, f"{100 * fit.before:.2f}", f"{100 * fit.after:.2f}", "yes" if fit.helps else "no")
        for head, fit in fits.items()
    ]
    msg.table(
        rows,
        header=("Head", "By itself", "Together", "Gets weights"),
        aligns=("l", "r", "r", "l"),
        divider=True,
    )


def _print_remedy(
    model: str, heads: dict[str, list[str]], settings: dict[str, dict[str, Any]]
) -> None:
    """Print how to put settings into a pipeline, whose components have these heads."""
    import srsly

    for component, names in heads.items():
        own = {
            name: {head: values[head] for head in names if head in values}
            for name, values in settings.items()
        }
        own = {name: values for name, values in own.items() if values}
        if own:
            print("In a trained pipeline:\n")
            print(f"nlp = spacy.load({model!r})")
            for name, values in own.items():
                given = {head: value for head, value in values.items() if value is not None}
                print(f"{name} = {srsly.json_dumps(given)}")
                print(f'nlp.get_pipe("{component}").cfg["{name}"].update({name})')
                for head in values.keys() - given.keys():
                    print(f'nlp.get_pipe("{component}").cfg["{name}"].pop("{head}", None)')
            print("nlp.to_disk(...)\n\nIn the config of a training:")
            for name, values in own.items():
                print(f"\n[components.{component}.{name}]")
                for head, value in values.items():
                    if value is not None:
                        print(f"{head} = {srsly.json_dumps(value)}")
