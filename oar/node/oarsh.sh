#!/bin/sh
# oarsh: ssh into a job on any of its nodes, as its user and in its cgroup.
#
# Leads, in this order: where the key of a job opens (-i FILE, or OAR_JOB_KEY_FILE); into the job that it is
# called in; on frontends, into the job OAR_JOB_ID or the only one you have on that node.
here=$(dirname "$(readlink -f "$0")")
command=/usr/lib/oar/commands/oarsh
connect() {
  exec ssh -p 6667 -l oar -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"
}
if [ -r "$here/oarsh.conf" ]; then . "$here/oarsh.conf"; fi

key=$OAR_JOB_KEY_FILE subsystem=
while getopts ":1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy" option; do
  case $option in
    i) key=$OPTARG ;;
    s) subsystem=yes ;;
  esac
done
job=$here/../${OAR_USER}_$OAR_JOB_ID
if [ -z "$key" ] && [ -r "$job.jobkey" ]; then key=$job.jobkey; fi

if [ -n "$key" ]; then
  if [ ! -r "$key" ]; then echo "oarsh: cannot read the job key $key" >&2; exit 3; fi
  # A connection that is shared with another job would lead into that one.
  connect -o ControlMaster=no -o ControlPath=none -o IdentitiesOnly=yes -i "$key" "$@"
fi

if [ -r "$job.oarsh" ] && [ -z "$subsystem" ]; then
  # A job on one node has no key: there is nowhere to go.
  shift $((OPTIND - 1))
  host=${1#*@}
  if [ -n "$host" ] && [ "$host" = "$(sort -u "$OAR_NODEFILE")" ]; then
    shift
    cd || exit
    if [ $# = 0 ]; then exec "$SHELL" -l; fi
    exec "$SHELL" -c "$*"
  fi
  echo "oarsh: $host is no node of job $OAR_JOB_ID, or the job has no key to get there" >&2
  exit 61
fi

if [ -x "$command" ]; then exec sudo -n -u oar "$command" "$@"; fi
echo "oarsh: Cannot connect. Please set either a job id or a job key in your" >&2
echo "oarsh: environment using the OAR_JOB_ID or the OAR_JOB_KEY_FILE variable." >&2
exit 6
