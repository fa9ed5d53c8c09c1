"""The Gantt scheduler: decides where and when each job runs. Pure, all of it."""
