"""The domain as values: states, requests, life cycles, messages. Pure, all of it."""
