"""Reading -> validation -> features -> model -> answer, by one code path for batch, stream and request."""
