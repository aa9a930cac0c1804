"""`python -m rheon_cli` is `rheon`."""

from rheon_cli.main import main

main()
