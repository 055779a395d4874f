#!/bin/sh
# The first process of an engine, in namespaces of its own: the folder, and the name of its cgroup.
set -e
mount --make-rshared /
# Folders at fixed places that would otherwise be the machine's.
for place in /run/docker /run/containerd /run/xtables; do
  mkdir -p "$place"
  mount -t tmpfs tmpfs "$place"
done
exec dockerd --log-level warn --host "unix://$1/docker.sock" --pidfile "$1/docker.pid" \
  --data-root "$1/data" --exec-root /run/docker --cgroup-parent "/$2"
