"""What the HTTP door takes and gives, as pydantic models: they check requests and describe themselves in OpenAPI."""

from __future__ import annotations

from metrify.serving.messages.anomalies import AnomalyAnswer, AnomalyRequest, MeterAnomalies
from metrify.serving.messages.forecast import ForecastAnswer, ForecastRequest, MeterForecast
from metrify.serving.messages.meters import History, MeterRequest
from metrify.serving.messages.operation import Answer, ErrorBody, Health, Member, ServedModel
from metrify.serving.messages.quality import MeterQuality, QualityAnswer, QualityRequest
from metrify.serving.messages.risk import Asset, AssetRisk, RiskAnswer, RiskRequest

__all__ = [
    "AnomalyAnswer",
    "AnomalyRequest",
    "Answer",
    "Asset",
    "AssetRisk",
    "ErrorBody",
    "ForecastAnswer",
    "ForecastRequest",
    "Health",
    "History",
    "Member",
    "MeterAnomalies",
    "MeterForecast",
    "MeterQuality",
    "MeterRequest",
    "QualityAnswer",
    "QualityRequest",
    "RiskAnswer",
    "RiskRequest",
    "ServedModel",
]
