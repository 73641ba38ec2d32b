"""What the service is started with."""

from dataclasses import dataclass

#: Bytes of a MiB.
MIB = 1 << 20
#: Names a folder in which several processes count together. prometheus_client reads it when it is
#: imported.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True)
class Settings:
    """A pipeline and the limits of requests. Processes hand it to each other.

    model (str): The folder of a pipeline, or the name of an installed package.
    max_body (int): Bytes of a request's body.
    max_texts (int): Texts, or documents of a file, of a request.
    max_seconds (float): How long a request may take, from its first byte to the last of its answer.
    queue (int): Requests that a process works on or keeps waiting; it refuses more.
    workers (int): Processes, each with a pipeline of its own.
    gpu_id (int): The GPU to run on, or -1 for the CPU.
    """

    model: str
    max_body: int = 8 * MIB
    max_texts: int = 1_000
    max_seconds: float = 60.0
    queue: int = 128
    workers: int = 1
    gpu_id: int = -1
