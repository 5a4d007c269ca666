"""From a recorded run to its certificate, predictions and figures."""
