#!/bin/sh
# Run by nodes.sh as root in each member: OAR as a site installs it.
#   PROGRAMS  folder of the real commands     CONFIGURATION  the oar.conf
#   PUBLIC    commands for every user         PRIVILEGED     commands for root
#   NODE_PROGRAMS  folder of the programs that nodes are sent
set -eu
commands=/usr/lib/oar/commands
mkdir -p /etc/oar "$commands"
ln -sf "$CONFIGURATION" /etc/oar/oar.conf
for command in $PUBLIC $PRIVILEGED; do
  ln -sf "$PROGRAMS/$command" "$commands/$command"
  printf '#!/bin/sh\nexec sudo -n -u oar %s "$@"\n' "$commands/$command" > "/usr/local/bin/$command"
  chmod 755 "/usr/local/bin/$command"
done
if [ "$1" = server ]; then
  install -m 755 "$NODE_PROGRAMS/oarsh.sh" /usr/local/bin/oarsh
  install -m 755 "$NODE_PROGRAMS/oarcp.sh" /usr/local/bin/oarcp
  ln -sf "$PROGRAMS/oarprint" /usr/local/bin/oarprint
else
  for command in oarsh oarcp oarprint; do ln -sf "/var/lib/oar/bin/$command" "/usr/local/bin/$command"; done
fi
{
  echo 'Defaults env_keep += "LANG LC_ALL LC_CTYPE TZ TERM COLUMNS LINES OAR_JOB_ID OAR_JOBID OAR_OARSTAT_OUTPUT_FORMAT OAR_NODEFILE OAR_JOB_KEY_FILE"'
  for command in $PUBLIC; do echo "ALL ALL=(oar) NOPASSWD: $commands/$command"; done
  for command in $PRIVILEGED; do echo "root ALL=(oar) NOPASSWD: $commands/$command"; done
} > /etc/sudoers.d/oar
chmod 440 /etc/sudoers.d/oar
