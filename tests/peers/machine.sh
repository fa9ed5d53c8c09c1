#!/bin/bash
# machine.sh: one machine with OAR 2.5.9 in namespaces of its own; all it writes goes to memory and is lost with it.
#
#   unshare --mount --uts --ipc --net --pid --fork --kill-child --propagation private machine.sh TREE LAYER SHARE
#
# TREE is from tree.sh and stays as it is, LAYER is an empty folder to mount on, SHARE is seen as /share. It makes
# "ready" there when PostgreSQL, OAR's database, three nodes and the real Almighty are up, then waits to be killed.
# The nodes are sshd at addresses of their own. They have no cgroups: what OAR 2 does on its nodes is not under test.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LANG=C

build() { # TREE LAYER SHARE
  local root=$2/root device
  mount --make-rprivate /
  hostname server
  mount -t tmpfs -o mode=755 layer "$2"
  mkdir "$2/upper" "$2/work" "$root"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mkdir "$root/dev/pts" "$root/dev/shm" "$root/share"
  for device in null zero full random urandom tty; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  mount --bind "$3" "$root/share"
  cp "$0" "$root/machine.sh"
  cd "$root"
  mkdir -p mnt/old
  pivot_root . mnt/old
  cd /
  umount -l /mnt/old
  exec chroot / bash /machine.sh serve
}

set_key() { # KEY VALUE: in oar.conf, whether it is there or not
  sed -i "/^#\\?$1=/d" /etc/oar/oar.conf
  printf '%s="%s"\n' "$1" "$2" >> /etc/oar/oar.conf
}

start_database() {
  local data=/etc/postgresql/15/main
  mkdir -p /run/postgresql
  chown postgres:postgres /run/postgresql
  printf '%s\n' "fsync = off" "max_connections = 100" > $data/conf.d/test.conf
  pg_ctlcluster 15 main start
  oar-database --create --db-is-local > /share/oar-database.log 2>&1
}

start_nodes() {
  local number
  mkdir -p /run/sshd
  for number in 0 1 2 3; do # the first is the frontend of deploy and cosystem jobs
    /usr/sbin/sshd -f /etc/oar/sshd_config -o "ListenAddress=127.0.$number.1" -o "PidFile=/run/sshd/$number.pid" \
      -E "/share/sshd-$number.log" 2>> /share/sshd-0.log
  done
}

start_server() { # until it listens: commands fail when they cannot tell it
  oar-server
  until [ -n "$(ss -Hltn 'sport = 6666')" ]; do sleep 0.1; done
}

serve() {
  local node core
  ip link set lo up
  printf '%s\n' "127.0.0.1 localhost server" "127.0.1.1 node1" "127.0.2.1 node2" "127.0.3.1 node3" > /etc/hosts
  useradd --create-home --shell /bin/bash alice
  useradd --create-home --shell /bin/bash bob
  set_key DB_HOSTNAME 127.0.0.1
  set_key DB_BASE_PASSWD oar
  set_key DB_BASE_PASSWD_RO oar_ro
  set_key SERVER_HOSTNAME server
  set_key LOG_LEVEL 3
  set_key LOG_FILE /var/log/oar.log
  set_key TAKTUK_CMD "/usr/bin/taktuk -t 30 -s"
  set_key PINGCHECKER_TAKTUK_ARG_COMMAND "broadcast exec timeout 5 kill 9 [ true ]"
  set_key FINAUD_FREQUENCY 0
  set_key SCHEDULER_MIN_TIME_BETWEEN_2_CALLS 1
  sed -i '/^PINGCHECKER_SENTINELLE/d; /^JOB_RESOURCE_MANAGER_PROPERTY_DB_FIELD/d; /^CPUSET_PATH/d' /etc/oar/oar.conf
  chown oar:oar /etc/oar/oar.conf
  chmod 600 /etc/oar/oar.conf
  start_database
  start_nodes
  oarproperty -a core > /dev/null
  for node in 1 2 3; do
    for core in 1 2; do
      oarnodesetting -a -h "node$node" -p "core=$((2 * node + core - 2))" -p deploy=YES > /dev/null
    done
  done
  start_server
  : > /share/ready
  trap 'exit 0' TERM
  while :; do sleep 86400 & wait $! || true; done
}

case ${1:?} in
  serve | start_server) "$1";;
  *) build "$@";;
esac
