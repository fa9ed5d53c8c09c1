"""From a submission as text to jobs in the database."""
