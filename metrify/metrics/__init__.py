"""How good answers were: of forecasts, of classes and probabilities, of events."""
