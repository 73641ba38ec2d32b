"""The interface does what its OpenAPI description says, whatever is sent."""

import pytest
import schemathesis
from conftest import make_pipeline
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import PATIENCE, serving

#: A file that is none of its format, or heads that a format cannot hold, fit the description, and
#: are refused all the same.
NOT_CHECKED = [positive_data_acceptance]
#: Method and path of each operation, and whether anything can be wrong in a request.
OPERATIONS = {
    ("POST", "/v1/annotate"): True,
    ("POST", "/v1/annotate-file"): True,
    ("GET", "/v1/model"): False,
    ("GET", "/healthz"): False,
    ("GET", "/readyz"): False,
    ("GET", "/metrics"): False,
}


@pytest.fixture(scope="module")
def schema(trained_bytes):
    nlp = make_pipeline()
    nlp.from_bytes(trained_bytes)
    with serving(nlp, max_body=100_000, max_texts=20) as service:
        found = schemathesis.openapi.from_url(f"{service.address}/openapi.json")
        # Too many texts are refused as too large a body is.
        rejection = found.config.checks.negative_data_rejection
        rejection.expected_statuses = [*rejection.expected_statuses, "413"]
        yield found


def test_all_operations_are_tried(schema):
    found = {(each.ok().method.upper(), each.ok().path) for each in schema.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        (*operation, mode)
        for operation, can_be_wrong in OPERATIONS.items()
        for mode in GenerationMode
        if can_be_wrong or mode is GenerationMode.POSITIVE
    ],
)
def test_it_is_as_described(schema, method, path, mode):
    strategy = schema[path][method].as_strategy(generation_mode=mode)

    @given(strategy)
    @settings(
        max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    def send(case):
        case.call_and_validate(excluded_checks=NOT_CHECKED, timeout=PATIENCE)

    send()
