"""Load a pipeline by path or name; whatever is wrong with it becomes one message."""

import sys
from typing import TYPE_CHECKING, cast

from spacy_bioner_mtl.errors import InputError, see

if TYPE_CHECKING:
    from spacy.language import Language

    from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL

#: The name of the component's factory: in a pipeline the component may have any name.
FACTORY = "bioner_mtl"
#: For nlp.max_length: spaCy refuses texts of more than a million characters, for the sake of its
#: own parser.
ANY_LENGTH = sys.maxsize


@see("start.md#install")
def load_pipeline(name: str, gpu_id: int = -1) -> "Language":
    """Load a pipeline that has a component of this package.

    name (str): The folder of a pipeline, or the name of an installed package.
    gpu_id (int): The GPU to run on, or -1 for the CPU.
    RETURNS (Language): The pipeline. It takes texts of any length.
    RAISES (InputError): There is no such pipeline, it is damaged, it has no such component, or
        there is no such GPU.
    """
    import spacy

    use_gpu(gpu_id)
    try:
        nlp = spacy.load(name)
    except Exception as error:
        # Depending on which file is damaged, that is any of a dozen exceptions of six libraries.
        raise InputError(
            f"{name}: cannot be loaded ({_first_line(error)}). Give the folder of a pipeline, such "
            "as model-best of `spacy train`, or the name of an installed one; if its files are "
            "damaged, copy or train it again."
        ) from error
    if not bioner_pipes(nlp):
        raise InputError(
            f"{name}: the pipeline has no component {FACTORY!r}, only: "
            f"{', '.join(nlp.pipe_names) or 'none at all'}. Give a pipeline trained with it, for "
            "example with configs/mtl.cfg."
        )
    nlp.max_length = ANY_LENGTH
    return nlp


@see("gpu.md")
def use_gpu(gpu_id: int) -> None:
    """Have spaCy put on a GPU what is loaded or made from now on.

    gpu_id (int): The GPU, or -1 to change nothing.
    RAISES (InputError): There is no such GPU.
    """
    import spacy

    if gpu_id >= 0:
        try:
            spacy.require_gpu(gpu_id)  # type: ignore[attr-defined]
        except Exception as error:
            raise InputError(
                f"GPU {gpu_id} cannot be used ({_first_line(error)}). Install CuPy and a torch "
                "for your version of CUDA, or run on the CPU with --gpu-id -1."
            ) from error


def bioner_pipes(nlp: "Language") -> "list[BioNERMTL]":
    """List the components of this package in a pipeline.

    nlp (Language): The pipeline.
    RETURNS (list[BioNERMTL]): Those that are not disabled, in the pipeline's order.
    """
    names = [name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory == FACTORY]
    return [cast("BioNERMTL", nlp.get_pipe(name)) for name in names]


def head_names(nlp: "Language") -> list[str]:
    """List the heads of a pipeline.

    nlp (Language): The pipeline.
    RETURNS (list[str]): The names of the heads, each once, in the components' order.
    """
    return list(dict.fromkeys(head.name for pipe in bioner_pipes(nlp) for head in pipe.heads))


def active_head_names(nlp: "Language") -> list[str]:
    """List the heads of a pipeline that are not switched off.

    nlp (Language): The pipeline.
    RETURNS (list[str]): The names of the heads, each once, in the components' order.
    """
    pipes = bioner_pipes(nlp)
    names = [pipe.heads[index].name for pipe in pipes for index in pipe.head_settings().active]
    return list(dict.fromkeys(names))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
