"""Bulk annotation: read sources, run a pipeline over their documents, write every answer once.

The modules, from the bottom up: shards (which files), request (what is asked for), documents
(records through a pipeline), output (answers to files), silver (several pipelines together),
annotator (one source file), out_folder (what is finished of many), processes and ray_engine (who
does it), run (all of it).
"""

from spacy_bioner_mtl.annotate.request import ALL, Request, check_request

__all__ = ["ALL", "Request", "check_request"]
