"""The embedded cluster: a private PostgreSQL, a server and nodes on one machine."""
