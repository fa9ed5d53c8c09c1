"""PostgreSQL: tables, guarded moves, and the reads and writes of each concern."""
