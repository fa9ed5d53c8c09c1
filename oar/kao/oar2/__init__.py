"""kao as the metascheduler of OAR 2's own server: its lines, its exit codes, and all else that it expects."""
