# cluster.sh - a real Slurm of nodes with two processors each, for tests; to be sourced after
# tests/cli/lib.sh. Everything lies below $work and ends with the test.

PATH=$PATH:/usr/sbin:/sbin
cluster=$work/slurm

# Every process of the cluster, and no other, has this setting in its environment.
with_slurm() {
    SLURM_CONF=$cluster/slurm.conf "$@"
}

free_ports() { # free_ports N
    "$PYTHON" -c 'import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
[s.bind(("127.0.0.1", 0)) for s in held]
print(*[s.getsockname()[1] for s in held])' "$1"
}

configure() { # configure CONTROL_PORT NODE_PORT...: the nodes are $nodes
    local host control_port=$1 node
    host=$(hostname -s)
    shift
    cat <<EOF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$control_port
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$cluster/munge/munge.sock,cred_expire=5
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool/%n
TmpFS=$cluster/tmp/%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd-%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd-%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
CompleteWait=0
SlurmdTimeout=10
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
    for node in $nodes; do
        echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$1 CPUs=2" \
            "RealMemory=8000 State=UNKNOWN"
        shift
    done
}

# cluster_processes [NODE]: their ids; those of a node are its daemon and what that started.
cluster_processes() {
    local files
    files=$(grep -lszx "SLURM_CONF=$cluster/slurm.conf" /proc/[0-9]*/environ)
    [ $# = 0 ] || [ -z "$files" ] ||
        files=$(grep -lszx -e "CLUSTER_NODE=$1" -e "SLURMD_NODENAME=$1" $files)
    sed -n 's#^/proc/\([0-9]*\)/environ$#\1#p' <<<"$files"
}

# node_dies NODE: all of it, at once.
node_dies() {
    local processes
    while processes=$(cluster_processes "$1") && [ -n "$processes" ]; do
        kill -KILL $processes 2>/dev/null
    done
}

# Ends every process of the cluster, the jobs' too.
cluster_stop() {
    local signal processes i
    for signal in TERM KILL; do
        for i in $(seq $([ $signal = TERM ] && echo 30 || echo 3000)); do
            # Again and again: a daemon that ends may still start something.
            processes=$(cluster_processes)
            [ -n "$processes" ] || return 0
            kill -$signal $processes 2>/dev/null
            sleep 0.1
        done
    done
    fail "processes of the cluster are left: $processes"
}

# cluster_start [N]: a cluster of N nodes, 1 by itself. Skips the test where there is no Slurm; fails
# it where there is one that does not start.
cluster_start() {
    local program node i n=${1:-1}
    [ "$(id -u)" = 0 ] || skip "Slurm's daemons are started by root only"
    for program in slurmctld slurmd sbatch srun scontrol munged; do
        command -v $program >/dev/null || skip "$program is not installed"
    done
    # mpirun starts ranks without further daemons only on a node of the host's name.
    nodes=$(hostname -s)
    [ "$n" = 1 ] || nodes=$(seq -f node%g "$n")
    mkdir -p "$cluster"/state "$cluster"/munge
    for node in $nodes; do
        mkdir -p "$cluster/spool/$node" "$cluster/tmp/$node"
    done
    configure $(free_ports $((n + 1))) >"$cluster/slurm.conf"
    [ -d /sys/fs/cgroup ] && mountpoint -q /sys/fs/cgroup ||
        echo "CgroupPlugin=cgroup/v1" >"$cluster/cgroup.conf"
    # Segments of shared memory are named by host and job: those of another cluster on this machine, whose
    # jobs have the same numbers, would be the same.
    segments=$(mktemp -d -p /dev/shm)
    export OMPI_MCA_btl_vader_backing_directory=$segments
    trap 'cluster_stop; rm -rf "$work" "$segments"' EXIT
    trap 'exit 143' TERM INT HUP
    (umask 077 && head -c 128 /dev/urandom >"$cluster/munge/munge.key")
    # --force: the folders above may be closed to other users.
    with_slurm munged --force --socket="$cluster/munge/munge.sock" \
        --key-file="$cluster/munge/munge.key" --pid-file="$cluster/munge/munged.pid" \
        --log-file="$cluster/munge/munged.log" --seed-file="$cluster/munge/munged.seed" \
        >"$cluster/start.log" 2>&1 &&
        with_slurm slurmctld -f "$cluster/slurm.conf" >>"$cluster/start.log" 2>&1 &&
        for node in $nodes; do
            CLUSTER_NODE=$node with_slurm slurmd -N "$node" -f "$cluster/slurm.conf" \
                >>"$cluster/start.log" 2>&1
        done
    for i in $(seq 3000); do
        [ "$(with_slurm sinfo -h -N -o %T 2>/dev/null | grep -c '^idle$')" = "$n" ] && return 0
        sleep 0.1
    done
    fail "the cluster does not start: $(tail -n 5 "$cluster/start.log" "$cluster"/*.log)"
    finish
}

# hold_runs: $CAMRANK is from now on the program whose runs of the demo stand still in the middle, as
# long as there is $held, and have made $held.RANK by then. It forwards SIGUSR1, and makes $told once
# a rank has it.
hold_runs() {
    held=$work/held told=$work/told
    make_fault
    cat >"$work/held_camrank" <<END
#!/bin/bash
trap 'again=1; kill -USR1 \$run; touch "$told"' USR1
CAMRANK_STORAGE_FAULT='read:200:held:$PWD/jobs/demo/images' CAMRANK_STORAGE_HELD='$held' \\
    LD_PRELOAD='$work/fault.so' '$CAMRANK' "\$@" &
run=\$!
# A signal ends the wait for the program, not the program.
while again= && { wait \$run; code=\$?; } && [ "\$again" ]; do :; done
exit \$code
END
    chmod +x "$work/held_camrank"
    export CAMRANK=$work/held_camrank
}

# wait_for_file PATTERN: until there is a file of that name.
wait_for_file() {
    local until=$((SECONDS + 300))
    checks=$((checks + 1))
    until compgen -G "$1" >/dev/null; do
        [ $SECONDS -le $until ] || { fail "there is no $1" && return; }
        sleep 0.1
    done
}

# wait_for ID: until the job has ended; $job_end is then its state and exit code, such as
# "COMPLETED 0:0", and $show what Slurm knows of it.
wait_for() {
    local until=$((SECONDS + 600))
    job_end=none
    while [ $SECONDS -le $until ]; do
        show=$(with_slurm scontrol -o show job "$1" 2>&1)
        job_end=$(sed -n 's/.* JobState=\([A-Z_]*\) .* ExitCode=\([0-9:]*\) .*/\1 \2/p' <<<"$show")
        case $job_end in PENDING* | RUNNING* | COMPLETING* | CONFIGURING* | REQUEUE*) ;; *) return ;; esac
        sleep 0.2
    done
}

# submit NAME ARGUMENTS OF SBATCH...: waits for the job to end, as wait_for does.
submit() {
    local name=$1 id
    shift
    id=$(with_slurm sbatch --parsable --output="$work/$name.log" "$@" 2>"$work/$name.err") ||
        fail "sbatch $*: $(cat "$work/$name.err")"
    wait_for "$id"
}
