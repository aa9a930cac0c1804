"""The `rheon` command."""
