#!/bin/sh
# Four network namespaces of Linux in place of four machines, to try haproxy.cfg on one: docs/several-machines.md.
#     sudo sh machines.sh up      balancer (10.0.0.1), one (10.0.0.11), two (10.0.0.12), three (10.0.0.13)
#     sudo sh machines.sh down
# A prefix for the names may follow.
set -eu
action=$1
prefix=${2-}

up() {
    ip netns add "${prefix}balancer"
    ip -n "${prefix}balancer" link set lo up
    ip -n "${prefix}balancer" link add switch type bridge
    ip -n "${prefix}balancer" address add 10.0.0.1/24 dev switch
    ip -n "${prefix}balancer" link set switch up
    host=11
    for machine in one two three; do
        ip netns add "$prefix$machine"
        ip -n "${prefix}balancer" link add "$machine" type veth peer name eth0 netns "$prefix$machine"
        ip -n "${prefix}balancer" link set "$machine" master switch up
        ip -n "$prefix$machine" address add "10.0.0.$host/24" dev eth0
        ip -n "$prefix$machine" link set eth0 up
        ip -n "$prefix$machine" link set lo up
        host=$((host + 1))
    done
}

down() {
    # This deletes all that exist, even if `up` has failed halfway.
    for machine in one two three balancer; do
        if [ -e "/run/netns/$prefix$machine" ]; then ip netns delete "$prefix$machine"; fi
    done
}

"$action"
