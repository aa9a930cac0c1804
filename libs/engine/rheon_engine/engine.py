"""The engine as asyncio code uses it."""
