"""Annotate shards with Ray Data, in one machine's processes or in those of a cluster.

In a cluster, SOURCE, OUT and the pipeline must be the same files on all machines.
"""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from spacy_bioner_mtl.annotate.annotator import ShardReport, load_annotator, report_death
from spacy_bioner_mtl.annotate.out_folder import OutFolder
from spacy_bioner_mtl.annotate.request import Request
from spacy_bioner_mtl.annotate.shards import ATTEMPTS, Shard
from spacy_bioner_mtl.errors import InputError

# What Ray asks for at least, and far more than rows that hold a name and some numbers need.
_OBJECT_STORE = 100 * 1024**2


def annotate_on_ray(request: Request, shards: list[Shard]) -> Iterator[ShardReport]:
    """Annotate shards, a shard at a time in each process.

    If Ray is running already, or RAY_ADDRESS names a cluster, that is used and left as it is.

    request (Request): The request.
    shards (list[Shard]): The shards.
    YIELDS (ShardReport): What became of them, in the order in which they end. A shard has failed
        when ATTEMPTS processes died over it; the others go on in new ones.
    RAISES (InputError): The pipeline does not fit, or the disk is full.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    started_here = not ray.is_initialized()
    if started_here:
        own: dict[str, Any] = {
            "num_cpus": request.processes,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE,
        }
        ray.init(
            logging_level=logging.ERROR,
            log_to_driver=False,
            **({} if "RAY_ADDRESS" in os.environ else own),
        )
    try:
        context = DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        # A shard whose process died must not end the others.
        context.max_errored_blocks = -1
        # Ray Data takes classes, too, and makes an object in each process.
        worker: Any = _RayWorker
        answers = ray.data.range(len(shards), override_num_blocks=len(shards)).map(
            worker,
            fn_constructor_args=(request, shards),
            compute=ActorPoolStrategy(size=request.processes),
            num_cpus=1,
        )
        for row in answers.iter_rows():
            if row["fatal"]:
                raise InputError(row["fatal"])
            yield ShardReport(**json.loads(row["report"]))
    finally:
        if started_here:
            ray.shutdown()


class _RayWorker:
    """Annotates the shards of the rows that Ray hands to its process."""

    def __init__(self, request: Request, shards: list[Shard]) -> None:
        self._shards = shards
        self._folder = OutFolder(request.out)
        self._fatal = ""
        try:
            self._annotator = load_annotator(request)
        except InputError as error:
            self._fatal = str(error)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        report: dict[str, Any] = {}
        if not self._fatal:
            shard = self._shards[row["id"]]
            try:
                report = asdict(self._annotate(shard))
            except InputError as error:
                # Raised here it would be one shard's failure; see max_errored_blocks.
                self._fatal = str(error)
        return {"fatal": self._fatal, "report": json.dumps(report)}

    def _annotate(self, shard: Shard) -> ShardReport:
        """Annotate a shard, unless it has killed too many processes: Ray itself would go on."""
        with self._folder.attempt(shard) as number:
            if number > ATTEMPTS:
                return report_death(shard.name)
            return self._folder.annotate(self._annotator, shard, lambda _: None)
