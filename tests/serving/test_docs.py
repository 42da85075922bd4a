"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from metrify.models.anomaly.answer import phrase
from metrify.models.anomaly.surprise import budget_threshold
from metrify.models.forecasting.profile import FALLBACK
from metrify.models.maintenance.health import health
from metrify.models.quality.words import score_reasons
from metrify.serving.args import Limits
from metrify.serving.examples import ANSWERS
from metrify.serving.messages import (
    AnomalyAnswer,
    AnomalyRequest,
    ErrorBody,
    ForecastAnswer,
    ForecastRequest,
    Health,
    QualityAnswer,
    QualityRequest,
    RiskAnswer,
    RiskRequest,
    ServedModel,
)
from metrify.settings import AnomalySettings
from tests.serving.door import ask

ERRORS = {"400", "404", "408", "413", "415", "500", "503"}
QUESTIONS = {
    "/v1/forecast": (ForecastRequest, ForecastAnswer, ERRORS | {"422"}),
    "/v1/anomalies": (AnomalyRequest, AnomalyAnswer, ERRORS),
    "/v1/maintenance/risk": (RiskRequest, RiskAnswer, ERRORS),
    "/v1/quality": (QualityRequest, QualityAnswer, ERRORS),
}


@pytest.fixture(scope="module")
def document():
    return ask("GET", "/openapi.json").json()


def examples(content: dict) -> list:
    content = content["application/json"]
    return [content["example"]] if "example" in content else [found["value"] for found in content["examples"].values()]


@pytest.mark.parametrize("path", QUESTIONS)
def test_every_example_request_is_valid(document, path):
    operation = document["paths"][path]["post"]
    found = examples(operation["requestBody"]["content"])
    assert len(found) >= 3
    for request in found:
        QUESTIONS[path][0].model_validate_json(json.dumps(request)).check(Limits())


@pytest.mark.parametrize("path", QUESTIONS)
def test_every_error_has_an_example_of_the_one_shape(document, path):
    responses, errors = document["paths"][path]["post"]["responses"], QUESTIONS[path][2]
    assert set(responses) == {"200"} | errors
    for status in errors:
        for example in examples(responses[status]["content"]):
            ErrorBody.model_validate(example)
        assert responses[status]["description"]
    assert "Retry-After" in responses["503"]["headers"]


def test_the_example_of_too_little_history_names_the_fallback_that_answers(document):
    responses = document["paths"]["/v1/forecast"]["post"]["responses"]
    (example,) = examples(responses["422"]["content"])
    assert example["fallback"] == FALLBACK
    assert FALLBACK in example["message"]


def test_the_default_issue_time_is_that_of_the_lake(document):
    issue_time = document["components"]["schemas"]["ForecastRequest"]["properties"]["issue_time"]
    assert "the latest reading of the lake" in issue_time["description"]


def test_answers_have_examples_of_their_shape(document):
    shapes = {path: answer for path, (_, answer, _) in QUESTIONS.items()}
    shapes |= {"/healthz": Health, "/v1/models": ServedModel}
    for path, shape in shapes.items():
        (operation,) = document["paths"][path].values()
        (example,) = examples(operation["responses"]["200"]["content"])
        for one in example if isinstance(example, list) else [example]:
            shape.model_validate(one)


def test_the_examples_say_what_the_models_say():
    risk = ANSWERS["maintenance"]["risks"][0]
    found = health(np.array([risk["probability"]]), np.array([risk["horizon_days"]]))
    assert risk["health"] == pytest.approx(found[0], abs=0.05)
    strange = ANSWERS["anomaly"]["anomalies"][0]
    limit = budget_threshold(AnomalySettings().alert_budget, 30)
    assert strange["threshold"] == pytest.approx([limit] * 2, abs=0.05)
    assert strange["verdict"] == [score >= limit for score in strange["score"]]
    row = {"value": strange["value"][1], "usual": strange["expected"][1], "zscore": 41.0, "change": 38.0}
    assert all(phrase(name, row) in strange["reason"][1] for name in ("zscore", "change"))
    day = ANSWERS["quality"]["quality"][0]
    rows = pd.DataFrame({"intervals": [48.0], "gap_share": [6 / 48]})
    assert score_reasons(rows, {"gap": 100 * rows["gap_share"].to_numpy()}).tolist() == [day["reason"][1]]


def test_the_document_is_openapi_3_0_which_the_page_can_draw(document):
    text = json.dumps(document)
    assert document["openapi"].startswith("3.0.")
    assert '"type": "null"' not in text
    assert "HTTPValidationError" not in text
    kwh = document["components"]["schemas"]["History"]["properties"]["kwh"]
    assert kwh["items"] == {"type": "number", "nullable": True}


def test_every_reference_has_a_target(document):
    for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)):
        assert name in document["components"]["schemas"]


def test_the_page_loads_nothing_from_elsewhere():
    page = ask("GET", "/docs").text
    assert "http://" not in page
    assert "https://" not in page
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert ask("GET", f"/{address}").status_code == 200


def test_the_root_leads_to_the_page():
    response = ask("GET", "/")
    assert (response.status_code, response.headers["location"]) == (307, "docs")
