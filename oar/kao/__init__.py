"""The metascheduler: one round over the queues, from a World to Decisions."""
