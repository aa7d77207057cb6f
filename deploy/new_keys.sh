#!/bin/sh
# Write new keys into deploy/keys: `turnwise` for servers and routers, `fleet` by which routers ask servers, `metrics` for
# Prometheus, `grafana` for its board.
# The folder is its owner's alone; the files can be read by all, since containers read them as other users.
set -eu
cd "$(dirname "$0")"
if [ -e keys ]; then
  echo "deploy/keys is there; keys that are in use are not written over: move it away first" >&2
  exit 1
fi
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
umask 022
mkdir -m 700 keys.new
metrics=$(secret)
fleet=$(secret)
printf 'trainer %s\nprometheus %s metrics\nrouters %s router\n' "$(secret)" "$metrics" "$fleet" > keys.new/turnwise
printf '%s' "$metrics" > keys.new/metrics
printf '%s' "$fleet" > keys.new/fleet
secret > keys.new/grafana
mv keys.new keys
echo "deploy/keys/turnwise holds the key of 'trainer'; agents, trainers and pages read it from TURNWISE_KEY"
