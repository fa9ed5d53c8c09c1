#!/bin/bash
# nodes.sh: a small cluster on one Linux machine, each member with its own host name, network, processes, IPC,
# mounts and cgroups.  Needs root, openssh-server, sudo, iproute2, util-linux; no systemd.
#
#   nodes.sh up MEMBER...     start members (the first one is the server)
#   nodes.sh exec NAME CMD... run a command as root in a member, with a clean environment
#   nodes.sh cut NAME | mend NAME     take a member off the network, and back: a node that does not answer
#   nodes.sh crash NAME | boot NAME   kill all of a member at once, and start it anew with an empty file layer
#   nodes.sh pid NAME         process id, on the machine, of the member's first process
#   nodes.sh down             remove all of it; works after a failed `up` and when parts were killed
#
# A member's file system is a throw-away layer over the machine's own /, with private /tmp, /run, /var/tmp, /dev,
# /dev/shm.  The machine keeps its accounts, /etc/hosts, network devices and files as they are; the members'
# network has no way out.  Accounts, ssh keys and sudo rules exist only inside.
#
# Variables:
#   LAB     unique name; prefix of network namespaces and cgroups
#   LABDIR  folder for what belongs to the lab itself
#   SHARE   folder that all members see under the same path, read and write
#   READABLE  folders (one per line) that every account inside must be able to read, wherever they lie
#   SSH_OPTIONS  more lines for the ssh configuration of the service account
#   ACCOUNTS  "name:uid" words; the first is the service account, whose keys open all members; homes: SHARE/home/NAME
#   SETUP   script run as root in each member before its sshd starts; $1 is the member's name
set -eu
self=$(readlink -f "$0")
LAB=${LAB:?} D=${LABDIR:?} SHARE=${SHARE:-} READABLE=${READABLE:-} ACCOUNTS=${ACCOUNTS:-oar:61660} SETUP=${SETUP:-}
readarray -t folders <<< "$READABLE"
NET=10.77.0 PORT=6667
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LAB LABDIR SHARE READABLE ACCOUNTS SETUP PATH
V2=; [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] || V2=1

fail() { echo "nodes.sh: $*" >&2; exit 1; }

# ---- cgroups ---------------------------------------------------------------------------------------------------

# One line "mount point|controllers|path of our own group" for each v1 hierarchy and a v2 hierarchy beside them.
v1_hierarchies() {
  local point controllers path
  awk '$0 ~ / - cgroup2 / {print $5; exit}' /proc/self/mountinfo | while read -r point; do
    path=$(sed -n 's/^0:://p' /proc/self/cgroup); echo "$point|2|${path%/}"
  done
  awk '$0 ~ / - cgroup / {
      n = split($NF, option, ","); list = ""
      for (i = 1; i <= n; i++) if (option[i] != "rw" && option[i] != "ro") list = list (list == "" ? "" : ",") option[i]
      print $5, list }' /proc/self/mountinfo |
  while read -r point controllers; do
    case $controllers in name=*) continue;; esac
    path=$(awk -F: -v c="$controllers" '$2 == c {print $3}' /proc/self/cgroup); echo "$point|$controllers|${path%/}"
  done
}

# Make a member's groups; print the files that take its processes.
make_groups() { # NAME
  local point controllers path group step file
  if [ -n "$V2" ]; then
    group=/sys/fs/cgroup/$LAB/$1; mkdir -p "$group"
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
      echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
      echo "+$controller" > "/sys/fs/cgroup/$LAB/cgroup.subtree_control"
    done 2>/dev/null || true
    echo "$group/cgroup.procs"; return
  fi
  v1_hierarchies | while IFS='|' read -r point controllers path; do
    group=$point$path
    for step in "$LAB" "$1"; do
      mkdir -p "$group/$step"
      if [ -e "$group/$step/cpuset.cpus" ]; then
        for file in cpuset.cpus cpuset.mems; do
          [ -n "$(cat "$group/$step/$file")" ] || cat "$group/$file" > "$group/$step/$file"
        done
      fi
      group=$group/$step
    done
    echo "$group/cgroup.procs"
  done
}

remove_groups() {
  local file group tries list
  for list in "$D"/*.groups; do
    [ -e "$list" ] || continue
    while read -r file; do
      group=${file%/cgroup.procs}
      for tries in $(seq 100); do
        [ -d "$group" ] || break
        [ -n "$(find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null)" ] ||
          find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [ ! -d "$group" ] || sleep .05
      done
      rmdir "${group%/*}" 2>/dev/null || true
    done < "$list"
  done
}

# ---- one member, from outside to inside ------------------------------------------------------------------------

add_network() { # NAME NUMBER
  ip netns add "$LAB-$1"
  ip -n "$LAB-switch" link add "port$2" type veth peer name eth0 netns "$LAB-$1"
  ip -n "$LAB-switch" link set "port$2" master bridge0 up
  ip -n "$LAB-$1" addr add "$NET.$2/24" dev eth0
  ip -n "$LAB-$1" link set eth0 up
  ip -n "$LAB-$1" link set lo up
}

start() { # NAME
  make_groups "$1" > "$D/$1.groups"
  ( exec setsid nsenter --net="/run/netns/$LAB-$1" \
      unshare --mount --uts --ipc --pid --fork --kill-child --propagation private bash "$self" _enter "$1"
  ) </dev/null >"$D/$1.log" 2>&1 &
  echo $! > "$D/$1.outer"
}

# First process of the member: enter its groups, which become the root of what it sees.
enter() { # NAME
  local file
  while read -r file; do echo 0 > "$file"; done < "$D/$1.groups"
  exec unshare --cgroup bash "$self" _build "$1"
}

# In all its namespaces now: build its file system and move into it.
build() { # NAME
  local layer=$D/$1 root=$D/$1/root device place point controllers path target controller
  mount --make-rprivate /
  hostname "$1"
  mkdir -p "$layer"; mount -t tmpfs -o mode=755 layer "$layer"; mkdir -p "$layer/upper" "$layer/work" "$root"
  overlay / "$layer" "$root"
  mount -t proc proc "$root/proc"; mount -t sysfs sysfs "$root/sys"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"; mkdir "$root/dev/pts" "$root/dev/shm"
  for device in /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/fuse /dev/nvidia*; do
    [ -c "$device" ] || continue
    : > "$root$device"; mount --bind "$device" "$root$device"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"; ln -s /proc/self/fd "$root/dev/fd"
  ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"
  for place in "${folders[@]}"; do show "$place" "$root" "$layer"; done
  for place in tmp var/tmp dev/shm; do mount_fresh "$root/$place" 1777; done
  mount_fresh "$root/run" 755; mkdir -p "$root/run/sshd" "$root/run/lock"
  for place in "${folders[@]}"; do show_again "$place" "$root"; done
  if [ -n "$V2" ]; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mkdir -p "$root/sys/fs/cgroup/init"; echo 1 > "$root/sys/fs/cgroup/init/cgroup.procs"
    for controller in $(cat "$root/sys/fs/cgroup/cgroup.controllers"); do
      echo "+$controller" > "$root/sys/fs/cgroup/cgroup.subtree_control" || true
    done
  else
    mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
    v1_hierarchies | while IFS='|' read -r point controllers path; do
      target=$root/sys/fs/cgroup/${point##*/}; mkdir "$target"
      case $controllers in
        2) mount -t cgroup2 cgroup2 "$target";;
        *) mount -t cgroup -o "$controllers" cgroup "$target";;
      esac
    done
  fi
  for place in "$D/common" "$SHARE"; do
    [ -n "$place" ] || continue
    mkdir -p "$root$place"; mount --bind "$place" "$root$place"
  done
  cp "$D/common/hosts" "$root/etc/hosts"; echo "$1" > "$root/etc/hostname"
  cd "$root"; mkdir -p mnt/old; pivot_root . mnt/old; cd /; umount -l /mnt/old
  exec chroot / bash "$D/common/nodes.sh" _serve "$1"
}

overlay() { # LOWER LAYER TARGET
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work,metacopy=on" "$3" 2>/dev/null ||
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$3"
}

mount_fresh() { # TARGET MODE
  mkdir -p "$1"; mount -t tmpfs -o "mode=$2" tmpfs "$1"
}

# Let every account read a folder: modes are changed in the layer, the machine's files stay as they are.
show() { # FOLDER ROOT LAYER
  local part=$1 own
  [ -n "$1" ] || return 0
  if [ "$(stat -c %d "$1")" != "$(stat -c %d /)" ]; then # on a file system of its own: not in the layer yet
    own=$3/$(echo "$1" | tr / _); mkdir -p "$own/upper" "$own/work" "$2$1"
    overlay "$1" "$own" "$2$1"
  fi
  find "$2$1" \( -type d ! -perm -005 -o -type f ! -perm -004 \) -exec chmod go+rX {} + || true
  while [ "$part" != / ]; do
    part=$(dirname "$part"); [ -n "$(find "$2$part" -maxdepth 0 -perm -001)" ] || chmod go+x "$2$part"
  done
}

# A folder under /tmp or /run is hidden by the private one: bind it in again.
show_again() { # FOLDER ROOT
  [ -n "$1" ] && [ ! -d "$2$1" ] || return 0
  mkdir -p "$2$1"; mount --bind "$1" "$2$1"
}

# Inside the new root: accounts, keys, sudo, sshd.
serve() { # NAME
  local word account uid home service=${ACCOUNTS%%:*} keys=$D/common
  for word in $ACCOUNTS; do
    account=${word%%:*} uid=${word##*:} home=$SHARE/home/${word%%:*}
    [ "$account" != "$service" ] || home=/var/lib/oar
    userdel -f "$account" >/dev/null 2>&1 || true; groupdel "$account" >/dev/null 2>&1 || true
    groupadd -g "$uid" "$account"
    useradd -M -u "$uid" -g "$uid" -d "$home" -s /bin/bash -p '*' "$account" 2>/dev/null
    mkdir -p "$home"; chown "$uid:$uid" "$home"; chmod 755 "$home"
  done
  home=/var/lib/oar; mkdir -p "$home/.ssh"
  cp "$keys/key" "$home/.ssh/id_ed25519"
  echo "environment=\"OAR_KEY=1\" $(cat "$keys/key.pub")" > "$home/.ssh/authorized_keys"
  cp "$keys/ssh_config" "$home/.ssh/config"
  chown -R "$service:$service" "$home"; chmod 700 "$home/.ssh"; chmod 600 "$home"/.ssh/*
  printf '%s\n' "Defaults:$service use_pty" "$service ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/nodes; chmod 440 /etc/sudoers.d/nodes
  mkdir -p /etc/ssh
  cat > /etc/ssh/nodes_sshd_config <<C
Port $PORT
HostKey $keys/host_key
PidFile /run/nodes-sshd.pid
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitUserEnvironment OAR_KEY,OAR_CPUSET,OAR_JOB_USER
AuthorizedKeysFile .ssh/authorized_keys $home/job_keys
AllowStreamLocalForwarding no
Subsystem sftp internal-sftp
MaxStartups 1024
MaxSessions 1024
AllowUsers $service
PrintMotd no
C
  [ -z "$SETUP" ] || bash "$keys/setup" "$1"
  "$(command -v sshd)" -f /etc/ssh/nodes_sshd_config -E /var/log/nodes-sshd.log
  trap 'exit 0' TERM
  while :; do sleep 86400 & wait $! || true; done
}

wait_until_ready() { # NAME: until its sshd listens; notes the member's first process
  local outer pid='' tries
  outer=$(cat "$D/$1.outer")
  for tries in $(seq 400); do
    kill -0 "$outer" 2>/dev/null || fail "$1 did not start: $(tail -n 3 "$D/$1.log")"
    pid=$(cut -d' ' -f1 "/proc/$outer/task/$outer/children" 2>/dev/null || true)
    if [ -n "$pid" ] && nsenter -t "$pid" -m test -s /run/nodes-sshd.pid 2>/dev/null; then
      echo "$pid" > "$D/$1.pid"; return
    fi
    sleep .05
  done
  fail "$1 was not ready in 20 s: $(tail -n 3 "$D/$1.log")"
}

# ---- commands --------------------------------------------------------------------------------------------------

up() { # MEMBER...
  local number name host_key
  [ "$(id -u)" = 0 ] || fail "namespaces need root"
  [ ! -e "$D/common" ] || fail "$LAB is up already, or was not taken down: $D"
  mkdir -p "$D/common"; chmod 755 "$D" "$D/common"; cp "$self" "$D/common/nodes.sh"
  [ -z "$SETUP" ] || cp "$SETUP" "$D/common/setup"
  ssh-keygen -q -t ed25519 -N '' -C "$LAB" -f "$D/common/key"
  ssh-keygen -q -t ed25519 -N '' -C "$LAB" -f "$D/common/host_key"
  host_key=$(cut -d' ' -f1,2 "$D/common/host_key.pub")
  echo "127.0.0.1 localhost" > "$D/common/hosts"
  number=11
  for name in "$@"; do
    echo "$NET.$number $name" >> "$D/common/hosts"
    echo "[$name]:$PORT,[$NET.$number]:$PORT $host_key" >> "$D/common/known_hosts"
    number=$((number + 1))
  done
  cat > "$D/common/ssh_config" <<C
Host *
  Port $PORT
  ForwardX11 no
  BatchMode yes
  ConnectTimeout 5
  UserKnownHostsFile $D/common/known_hosts
${SSH_OPTIONS:-}
C
  ip netns add "$LAB-switch"
  ip -n "$LAB-switch" link add bridge0 type bridge; ip -n "$LAB-switch" link set bridge0 up
  number=11
  for name in "$@"; do add_network "$name" $number; start "$name"; number=$((number + 1)); done
  for name in "$@"; do wait_until_ready "$name"; done
}

run_in() { # NAME CMD...
  local name=$1 file pid; shift
  pid=$(pid_of "$name")
  while read -r file; do
    if [ -n "$V2" ]; then echo $$ > "${file%/*}/init/cgroup.procs"; else echo $$ > "$file"; fi
  done < "$D/$name.groups"
  exec nsenter -t "$pid" --mount --uts --ipc --net --pid --cgroup \
    env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 PATH="$PATH" \
    sh -c 'cd "$0" 2>/dev/null || cd /; exec "$@"' "$PWD" "$@"
}

pid_of() { cat "$D/$1.pid" 2>/dev/null || fail "no member $1"; }
port_of() { awk -v name="$1" '$2 == name {sub(/.*\./, "", $1); print "port" $1}' "$D/common/hosts"; }

crash() { # NAME
  local outer pid tries
  outer=$(cat "$D/$1.outer") pid=$(pid_of "$1"); kill -9 "$outer" 2>/dev/null || true; rm -f "$D/$1.pid"
  for tries in $(seq 100); do [ -d "/proc/$pid" ] || return 0; sleep .02; done
  fail "$1 does not die"
}

# Kill what was started for this lab: each process has LABDIR in its environment, noted or not yet.
kill_members() {
  local file folder pid tries found
  export -n LABDIR # so that what this function runs is not taken for a member
  for tries in $(seq 200); do
    found=
    for file in $(grep -lzxF "LABDIR=$D" /proc/[0-9]*/environ 2>/dev/null); do
      folder=${file%/environ}
      pid=${folder#/proc/}
      if [ "$pid" != $$ ] && kill -9 "$pid" 2>/dev/null; then found=1; fi
    done
    [ -n "$found" ] || return 0
    sleep .02
  done
  fail "processes of $LAB do not die"
}

down() {
  local name
  kill_members
  remove_groups
  for name in $(ip netns list 2>/dev/null | awk -v lab="$LAB-" 'index($1, lab) == 1 {print $1}'); do ip netns del "$name"; done
  rm -rf "$D"
}

case ${1:-} in
  up) shift; up "$@";; down) down;; exec) shift; run_in "$@";; pid) pid_of "$2";;
  cut) ip -n "$LAB-switch" link set "$(port_of "$2")" down;; mend) ip -n "$LAB-switch" link set "$(port_of "$2")" up;;
  crash) crash "$2";; boot) start "$2"; wait_until_ready "$2";;
  _enter) enter "$2";; _build) build "$2";; _serve) serve "$2";;
  *) sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"; exit 2;;
esac
