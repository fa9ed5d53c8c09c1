#!/bin/sh
# Run by nodes.sh as root in each member: OAR as a site installs it.
#   PROGRAMS  folder of the real commands     CONFIGURATION  the oar.conf
#   PUBLIC    commands for every user         PRIVILEGED     commands for root
set -eu
commands=/usr/lib/oar/commands
mkdir -p /etc/oar "$commands"
ln -sf "$CONFIGURATION" /etc/oar/oar.conf
for command in $PUBLIC $PRIVILEGED; do
  ln -sf "$PROGRAMS/$command" "$commands/$command"
  printf '#!/bin/sh\nexec sudo -n -u oar %s "$@"\n' "$commands/$command" > "/usr/local/bin/$command"
  chmod 755 "/usr/local/bin/$command"
done
{
  echo 'Defaults env_keep += "LANG LC_ALL LC_CTYPE TZ TERM COLUMNS LINES OAR_JOB_ID OAR_JOBID OAR_OARSTAT_OUTPUT_FORMAT OAR_NODEFILE"'
  for command in $PUBLIC; do echo "ALL ALL=(oar) NOPASSWD: $commands/$command"; done
  for command in $PRIVILEGED; do echo "root ALL=(oar) NOPASSWD: $commands/$command"; done
} > /etc/sudoers.d/oar
chmod 440 /etc/sudoers.d/oar
