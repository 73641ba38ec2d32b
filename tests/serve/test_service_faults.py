"""``bioner-mtl serve`` under bad requests: a clear error each, and the next is answered."""

import logging
import threading
import time

import pytest
from conftest import make_pipeline
from serving import read_reply, serving
from spacy.language import Language

GOOD = {"text": "TKR2 protects from renal failure ."}
#: Nine levels of ten references each.
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE collection [<!ENTITY a0 "TKR2">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><collection><document><id>1</id><passage><offset>0</offset><text>&a9;</text></passage>"
    "</document></collection>"
).encode()
OUTSIDE = BOMB.replace(b'"TKR2"', b'SYSTEM "file:///etc/passwd"').replace(b"&a9;", b"&a0;")
FILE = "/v1/annotate-file"
LIMITS = {"max_body": 20_000, "max_texts": 3, "max_seconds": 60.0, "queue": 8}


@Language.component("wait_or_fail")
def wait_or_fail(doc):
    if "sleep" in doc.text:
        time.sleep(3.0)
    if "break" in doc.text:
        raise RuntimeError(f"cannot cope with {doc.text}")
    return doc


@pytest.fixture(scope="module")
def nlp(trained_bytes):
    nlp = make_pipeline()
    nlp.from_bytes(trained_bytes)
    nlp.add_pipe("wait_or_fail")
    return nlp


@pytest.fixture(scope="module")
def service(nlp):
    with serving(nlp, **LIMITS) as service:
        yield service


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/v1/annotate", b"{", 400, "no JSON"),
        ("/v1/annotate", b"[" * 10_000, 400, "body"),
        ("/v1/annotate", b"\xff\xfe", 400, ""),
        ("/v1/annotate", b"[]", 422, ""),
        ("/v1/annotate", b"{}", 422, 'give either "text"'),
        ("/v1/annotate", {"text": "a", "texts": ["b"]}, 422, 'give either "text"'),
        ("/v1/annotate", {"text": 7}, 422, "text: "),
        ("/v1/annotate", {**GOOD, "head": "genes"}, 422, "head: "),
        ("/v1/annotate", {**GOOD, "heads": ["liver"]}, 422, "choose from: genes"),
        ("/v1/annotate", {**GOOD, "labels": ["Liver"]}, 422, "choose from: "),
        ("/v1/annotate", {**GOOD, "threshold": 2}, 422, "threshold: "),
        ("/v1/annotate", {**GOOD, "format": "pdf"}, 422, "takes json"),
        ("/v1/annotate", {**GOOD, "format": "inline", "heads": ["all"]}, 422, "several heads"),
        ("/v1/annotate", {"texts": ["a"] * 4}, 413, "--max-texts"),
        ("/v1/annotate", {"text": "a" * 20_001}, 413, "--max-body"),
        ("/v1/annotate", {"text": "a" * 10_000_000}, 413, "--max-body"),
        (f"{FILE}?from=lines", b"a" * 10_000_000, 413, "--max-body"),
        (f"{FILE}?from=lines", b"a\n" * 4, 413, "--max-texts"),
        (f"{FILE}?from=pdf", b"a", 422, "takes conll"),
        (f"{FILE}?treshold=0.5", b"a", 422, "treshold: "),
        ("/v1/annotate", {**GOOD, "threshold": "0.5"}, 422, "threshold: "),
        (f"{FILE}?from=brat", b"a", 422, "takes conll"),
        (FILE, b"", 422, "give"),
        (FILE, b"\x1f\x8b\x08", 422, "decompressed"),
        (FILE, b"<?xml version='1.0'?><collection><document>", 422, "XML"),
        (f"{FILE}?format=csv", BOMB, 422, "entity"),
        (f"{FILE}?format=csv", OUTSIDE, 422, "entity"),
        ("/v2", b"", 404, "/docs"),
        ("/v1/annotate", None, 405, "/docs"),
        ("/../../etc/passwd", None, 404, "/docs"),
        ("/page/index.html", None, 404, "/docs"),
    ],
)
def test_an_error_says_what_to_do(service, path, body, status, told):
    reply = service.ask(path, body, content_type="application/json")
    assert reply.status == status, reply
    assert told in reply.error
    assert service.annotate(**GOOD)[0]["entities"]


def test_a_document_that_fails_does_not_lose_the_others(service, nlp, caplog):
    texts = ["TKR2 .", "break this word", "BRAC4 ."]
    with caplog.at_level(logging.DEBUG):
        first, second, third = service.annotate(texts=texts)
    assert first["text"] == texts[0] and third["text"] == texts[2]
    assert second["error"].startswith("request: document 2 (2) fails in the pipeline")
    reply = service.ask("/v1/annotate", {"texts": texts, "format": "csv"})
    assert reply.status == 422 and "document 2" in reply.error
    assert "this word" not in caplog.text


def test_half_a_character_is_no_text(service):
    first, second = service.annotate(texts=["half \ud800", "TKR2 ."])
    assert "surrogate" in first["error"] and second["text"] == "TKR2 ."


def test_a_body_without_a_length_has_the_same_limit(service):
    reply = service.ask(FILE, (b"a" * 1_000 for _ in range(30)), "POST")
    assert reply.status == 413 and "--max-body" in reply.error


def test_json_has_to_be_called_so(service):
    reply = service.ask("/v1/annotate", b"{}")
    assert reply.status == 422 and "Content-Type: application/json" in reply.error


def test_slow_and_many(nlp):
    with serving(nlp, max_seconds=2.0, queue=2) as service:
        slow = [service.begin(b'{"te', 100) for _ in range(2)]
        time.sleep(0.3)
        reply = service.ask("/v1/annotate", GOOD)
        assert reply.status == 503 and int(reply.headers["retry-after"]) > 0
        assert "try again" in reply.error
        assert service.ask("/healthz").status == 200
        for connection in slow:
            reply = read_reply(connection)
            assert reply.status == 408 and "--max-seconds" in reply.error
            connection.close()
        reply = service.ask("/v1/annotate", {"text": "sleep well"})
        assert reply.status == 504 and "--max-seconds" in reply.error
        assert service.annotate(**GOOD)[0]["entities"]


def test_what_was_accepted_is_finished(nlp):
    replies = []
    with serving(nlp) as service:
        question = {"text": "TKR2 may sleep ."}
        thread = threading.Thread(
            target=lambda: replies.append(service.ask("/v1/annotate", question))
        )
        thread.start()
        time.sleep(0.5)
    thread.join()
    (reply,) = replies
    assert reply.status == 200 and reply.json["documents"][0]["text"] == question["text"]


def test_nothing_runs_in_an_answer(service):
    question = {"text": "<script>alert(1)</script>", "format": "html"}
    headers = service.ask("/v1/annotate", question).headers
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    page = service.ask("/")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert b"<script>" not in page.body and b"style=" not in page.body
