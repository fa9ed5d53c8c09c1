"""The server: one event loop that launches, watches and ends jobs."""
