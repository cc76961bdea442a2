#!/bin/bash
# Two network namespaces as two hosts: over TCP a run gives the bits that it gives on one host, and
# twice the ranks do twice the work in the same time.
. tests/cli/lib.sh
PATH=$PATH:/usr/sbin:/sbin
here=camrank-$$-here there=camrank-$$-there
made() { # made NAMESPACE...
    for name in "$@"; do
        ip netns add "$name" && ip -n "$name" link set lo up || return 1
    done
}
command -v ip >/dev/null || skip "ip (iproute2) is missing"
made $here $there 2>/dev/null || {
    ip netns del $here 2>/dev/null
    skip "network namespaces cannot be made here"
}
trap 'ip netns del $here; ip netns del $there; rm -rf "$work"' EXIT
ip link add name wire netns $here type veth peer name wire netns $there ||
    skip "no two namespaces can be joined here"
ip -n $here addr add 10.77.0.1/24 dev wire && ip -n $here link set wire up
ip -n $there addr add 10.77.0.2/24 dev wire && ip -n $there link set wire up

# What mpirun starts on the other host instead of ssh: AGENT ADDRESS COMMAND...
cat >"$work/agent" <<AGENT
#!/bin/sh
shift
exec ip netns exec $there unshare -u sh -c "hostname there; \$*"
AGENT
chmod +x "$work/agent"

# hosts N COMMAND...: N ranks on each of the two.
hosts() {
    local n=$1
    shift
    timeout 300 ip netns exec $here unshare -u sh -c 'hostname here; exec "$@"' sh \
        mpirun -q --host "10.77.0.1:$n,10.77.0.2:$n" -n $((2 * n)) \
        --mca plm_rsh_agent "$work/agent" --mca btl_tcp_if_include wire \
        --mca oob_tcp_if_include wire "$@"
}

received() { # bytes that have come over the link
    ip netns exec $there cat /proc/net/dev | awk -F'[: ]+' '/wire/ { print $3 }'
}

check "the ranks are on two hosts" hosts 2 sh -c 'hostname >'"$work"'/rank$OMPI_COMM_WORLD_RANK'
check "two ranks on each" diff <(cat "$work"/rank?) <(printf 'here\nhere\nthere\nthere\n')

make_sample sample
check "a run on one host" ranks 1 "$CAMRANK" run "$work/sample/job.yaml" -o "$work/one.h5"
before=$(received) networks=$(cat "$work"/sample/*.onnx | wc -c)
check "a run on two" hosts 2 "$CAMRANK" run "$work/sample/job.yaml" -o "$work/two.h5"
check "its networks went over the wire" [ $(($(received) - before)) -gt "$networks" ]
check "two hosts give the bits of one" compare_h5 "$work/one.h5" "$work/two.h5"
CAMRANK_TEST_DRIVES_FROM=2 check "rank 0 only drives" \
    hosts 2 "$CAMRANK" run "$work/sample/job.yaml" -o "$work/drives.h5"
check "and still they do" compare_h5 "$work/one.h5" "$work/drives.h5"

# Sleeping ranks need no cores: what is measured is the dispatch.
play=$(dirname "$CAMRANK")/tests/scale/play
seconds() {
    "$@" | sed 's/.*"seconds": \([0-9.]*\).*/\1/'
}
# What disturbs a run does so for a time.
until=$((SECONDS + 300))
while [ $SECONDS -le $until ]; do
    one=$(seconds ranks 2 "$play" 20 60 8 20 12 1) two=$(seconds hosts 2 "$play" 40 60 8 20 12 1)
    echo "2 ranks, 20 units: $one s; 2 + 2 ranks, 40 units: $two s"
    awk "BEGIN { exit !($two < 1.1 * $one) }" && break
done
check "twice the ranks take the same time for twice the work" \
    awk "BEGIN { exit !($two < 1.1 * $one) }"
finish
