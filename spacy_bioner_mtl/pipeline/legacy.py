"""What pipelines saved by version 0.1.0 need, so that they work like those saved today."""

import weakref
from typing import Any

from spacy.language import Language


class PipelineReference:
    """The pipeline that a component was created in, which it does not keep alive.

    Copies of the component, and those in other processes, refer to none.
    """

    def __init__(self, nlp: Language | None = None) -> None:
        """Refer to a pipeline, or to none."""
        self._nlp = None if nlp is None else weakref.ref(nlp)

    def __call__(self) -> Language | None:
        """Return the pipeline if it is still there."""
        return None if self._nlp is None else self._nlp()

    def __deepcopy__(self, _: object) -> "PipelineReference":
        """Refer to no pipeline."""
        return PipelineReference()

    def __reduce__(self) -> tuple[type["PipelineReference"], tuple[()]]:
        """Refer to no pipeline in another process."""
        return PipelineReference, ()


def resolve_optimizer(nlp: Language) -> None:
    """Write out what ``[training.optimizer]`` of a pipeline's config takes from other sections.

    spaCy resolves this section by itself (``nlp.resume_training``, ``nlp.create_optimizer``), so
    that references to other sections, such as ``${training.max_steps}``, are errors there. The
    configs of version 0.1.0 had one.

    nlp (Language): The pipeline.
    """
    training: dict[str, Any] = nlp.config["training"]
    if "${" in repr(training.get("optimizer")):
        training["optimizer"] = nlp.config.interpolate()["training"]["optimizer"]
