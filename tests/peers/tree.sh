#!/bin/bash
# tree.sh: a file tree of Debian with OAR 2.5.9 as it comes, and a Python environment where our package can be built.
#
#   tree.sh TREE PYTHON REQUIREMENT...
#
# Makes the folder TREE, whole or not at all; PYTHON is one with pip, which fetches wheels. Needs root, mmdebstrap,
# and the Debian archive or a mirror that /etc/apt knows. It takes some two minutes.
set -eu
tree=$1 python=$2; shift 2
new=$tree.new
packages=oar-server,oar-server-pgsql,oar-user,oar-user-pgsql,oar-node,taktuk,postgresql,openssh-server
packages=$packages,openssh-client,python3,python3-venv,iproute2,procps

rm -rf --one-file-system "$new"
export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
mmdebstrap --quiet --variant=minbase --mode=root --include="$packages" \
  --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$new"
"$python" -m pip --quiet --disable-pip-version-check download --dest "$new/wheels" --only-binary=:all: \
  --python-version 3.11 --implementation cp --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
  setuptools wheel "$@"
chroot "$new" python3 -m venv /opt/oar
chroot "$new" /opt/oar/bin/pip --quiet --disable-pip-version-check install --no-index --find-links /wheels \
  setuptools wheel "$@"
mv "$new" "$tree"
