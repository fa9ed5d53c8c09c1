#!/bin/sh
# oarcp: scp to and from the nodes of a job, through oarsh.
unset DISPLAY
exec scp -S "$(dirname "$0")/oarsh" "$@"
