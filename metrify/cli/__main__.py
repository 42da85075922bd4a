"""`python -m metrify.cli`: the same as the command `metrify`."""

from metrify.cli.door import main

main()
