"""Features: what was known at the issue time, by pure functions that are the same offline, online and in the stream."""
