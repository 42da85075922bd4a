"""The door for people and systems: a Ray Serve graph over HTTP, and the services that `metrify up` keeps running."""
