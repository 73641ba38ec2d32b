"""``bioner-mtl serve``: the interface gives the pipeline's answers, and those of ``annotate``."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from annotating import annotate_file
from conftest import GOLD, make_pipeline
from serving import serving

from spacy_bioner_mtl.annotate.request import ALL
from spacy_bioner_mtl.formats.registry import FORMATS

TEXTS = [words for words, _ in GOLD] + [
    "",
    "  \n",
    "TKR2 \U0001f9ec and BRAC4: renal failure.\r\nHeart failure after aspirin.",
    "<script>alert('TKR2')</script>",
]
HEADS = ["genes", "medicine"]
PUBTATOR = (
    "1|t|TKR2 protects from renal failure .\n1|a|Loss of TKR2 and BRAC4 delays growth .\n\n"
    "2|t|Mice with renal failure got aspirin .\n2|a|\n"
)
WRITTEN = [each for each in FORMATS.values() if each.writer]


@pytest.fixture(scope="module")
def nlp(trained_bytes):
    nlp = make_pipeline()
    nlp.from_bytes(trained_bytes)
    return nlp


@pytest.fixture(scope="module")
def service(nlp):
    with serving(nlp) as service:
        yield service


def expect(trained, text, heads=("merged",), threshold=0.0, labels=None):
    """What the pipeline itself says."""
    doc = trained(text)
    entities = []
    for head in heads:
        spans = doc.ents if head == "merged" else doc.spans[head]
        scores = (
            [span._.bioner_score for span in spans]
            if head == "merged"
            else doc.spans[head].attrs["scores"]
        )
        for span, score in zip(spans, scores, strict=True):
            if round(score, 4) >= threshold and (labels is None or span.label_ in labels):
                where = {"start": span.start_char, "end": span.end_char, "text": span.text}
                named = {"label": span.label_, "head": head, "score": round(score, 4)}
                entities.append({**where, **named})
    return entities


def check(trained, documents, texts, **choices):
    assert [each["text"] for each in documents] == texts
    assert [each["id"] for each in documents] == [str(n) for n in range(1, len(texts) + 1)]
    for document in documents:
        wanted = expect(trained, document["text"], **choices) if document["text"].strip() else []
        found = document["entities"]
        assert [{**each, "score": None} for each in found] == [
            {**each, "score": None} for each in wanted
        ]
        assert [each["score"] for each in found] == pytest.approx(
            [each["score"] for each in wanted], abs=2e-4
        )


def test_answers_are_those_of_the_pipeline(service, trained):
    documents = service.annotate(texts=TEXTS)
    check(trained, documents, TEXTS)
    assert sum(len(each["entities"]) for each in documents) > len(GOLD) / 2
    check(trained, service.annotate(text=TEXTS[3]), [TEXTS[3]])


def test_all_heads_and_each(service, trained):
    check(trained, service.annotate(texts=TEXTS, heads=["all"]), TEXTS, heads=HEADS)
    check(trained, service.annotate(texts=TEXTS, heads=["medicine"]), TEXTS, heads=["medicine"])
    both = service.annotate(texts=TEXTS, heads=["merged", "genes"])
    check(trained, both, TEXTS, heads=["merged", "genes"])


def test_labels_threshold_and_scores(service, trained):
    every = service.annotate(texts=TEXTS)
    scores = [one["score"] for each in every for one in each["entities"]]
    middle = sum(scores) / len(scores)
    assert min(scores) < middle
    check(trained, service.annotate(texts=TEXTS, threshold=middle), TEXTS, threshold=middle)
    only = service.annotate(texts=TEXTS, labels=["Disease"])
    check(trained, only, TEXTS, labels=["Disease"])
    bare = service.annotate(texts=TEXTS, scores=False)
    assert not any("score" in one for each in bare for one in each["entities"])


def test_connections_together_get_their_own_answers(service, trained):
    texts = [f"{words} No {number} ." for number in range(8) for words, _ in GOLD]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda text: service.annotate(text=text), texts))
    for text, documents in zip(texts, answers, strict=True):
        check(trained, documents, [text])
    assert b"bioner_batch_documents_count" in service.ask("/metrics").body


def test_lines_come_as_they_are_ready(service, trained):
    reply = service.ask("/v1/annotate", {"texts": TEXTS * 20, "format": "ndjson"})
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert reply.headers["transfer-encoding"] == "chunked"
    documents = [json.loads(line) for line in reply.body.decode().split("\n") if line]
    check(trained, documents, TEXTS * 20)


@pytest.mark.parametrize("target", WRITTEN, ids=lambda each: each.name)
@pytest.mark.parametrize("source", ["pubtator", "lines"])
def test_files_are_those_of_annotate(service, nlp, tmp_path, source, target):
    content = PUBTATOR if source == "pubtator" else "".join(f"{words}\n" for words, _ in GOLD)
    path = tmp_path / f"request.{source}"
    path.write_text(content, encoding="utf-8")
    head = ALL if target.overlaps else "genes"
    options = {"target_format": target.name, "head": head, "scores": True}
    annotate_file(nlp, path, tmp_path / "out", source, **options)
    query = f"from={source}&format={target.name}&heads={head}"
    reply = service.ask(f"/v1/annotate-file?{query}", content.encode())
    assert reply.status == 200, reply.body
    assert reply.headers["content-disposition"].startswith("attachment")
    if target.folder:
        with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        assert found == {each.name: each.read_bytes() for each in (tmp_path / "out").iterdir()}
    else:
        assert reply.body == (tmp_path / "out").read_bytes()


@pytest.mark.parametrize("name", ["bioc-xml", "bioc-json", "pubtator"])
def test_what_is_written_can_be_sent_again(service, name):
    first = service.ask(f"/v1/annotate-file?format={name}", PUBTATOR.encode())
    again = service.ask(f"/v1/annotate-file?format={name}", first.body)
    assert again.body == first.body


def test_a_format_is_recognised_or_asked_for(service):
    found = service.ask("/v1/annotate-file", PUBTATOR.encode()).json["documents"]
    assert [each["id"] for each in found] == ["1", "2"]
    pubmed = (
        b"<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article>"
        b"<ArticleTitle>TKR2 protects from renal failure .</ArticleTitle></Article>"
        b"</MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    (one,) = service.ask("/v1/annotate-file", pubmed).json["documents"]
    assert one["id"] == "7" and one["entities"]
    prose = b"Loss of TKR2 delays growth.\nNothing was found in the liver.\n"
    assert 'give "from" lines' in service.ask("/v1/annotate-file", prose).error
    assert service.ask("/v1/annotate-file?from=lines", prose).status == 200


def test_the_model_is_described(service):
    model = service.ask("/v1/model").json
    assert [each["name"] for each in model["heads"]] == HEADS
    assert {each["name"] for each in model["labels"]} == {"GENE", "Disease", "Chemical"}
    assert model["card"].startswith("# ")
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs", "/"):
        assert service.ask(path).status == 200


def test_metrics_count_and_tell_nothing_of_texts(service):
    service.annotate(text="Unheardofitis follows TKR2 .")
    body = service.ask("/metrics").body.decode()
    assert 'bioner_requests_total{path="/v1/annotate",status="200"}' in body
    service.ask("/v1/Unheardofitis")
    assert "Unheardofitis" not in service.ask("/metrics").body.decode()
