# cluster.sh - a real Slurm of one node with two processors, for tests; to be sourced after
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

configure() {
    local host=$1 control_port=$2 node_port=$3
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
SlurmdSpoolDir=$cluster/spool
TmpFS=$cluster/tmp
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.log
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
NodeName=$host NodeAddr=127.0.0.1 Port=$node_port CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
}

cluster_processes() { # their ids
    local environment
    for environment in /proc/[0-9]*/environ; do
        if grep -qzx "SLURM_CONF=$cluster/slurm.conf" "$environment" 2>/dev/null; then
            environment=${environment#/proc/}
            echo "${environment%/environ}"
        fi
    done
}

# Ends every process of the cluster, the jobs' too.
cluster_stop() {
    local signal processes i
    for signal in TERM KILL; do
        for i in $(seq 30); do
            # Again and again: a daemon that ends may still start something.
            processes=$(cluster_processes)
            [ -n "$processes" ] || return 0
            kill -$signal $processes 2>/dev/null
            sleep 0.1
        done
    done
    fail "processes of the cluster are left: $processes"
}

# Skips the test where there is no Slurm; fails it where there is one that does not start.
cluster_start() {
    local program i
    [ "$(id -u)" = 0 ] || skip "Slurm's daemons are started by root only"
    for program in slurmctld slurmd sbatch srun scontrol munged; do
        command -v $program >/dev/null || skip "$program is not installed"
    done
    mkdir -p "$cluster"/state "$cluster"/munge "$cluster"/spool "$cluster"/tmp
    configure "$(hostname -s)" $(free_ports 2) >"$cluster/slurm.conf"
    [ -d /sys/fs/cgroup ] && mountpoint -q /sys/fs/cgroup ||
        echo "CgroupPlugin=cgroup/v1" >"$cluster/cgroup.conf"
    trap 'cluster_stop; rm -rf "$work"' EXIT
    trap 'exit 143' TERM INT HUP
    (umask 077 && head -c 128 /dev/urandom >"$cluster/munge/munge.key")
    # --force: the folders above may be closed to other users.
    with_slurm munged --force --socket="$cluster/munge/munge.sock" \
        --key-file="$cluster/munge/munge.key" --pid-file="$cluster/munge/munged.pid" \
        --log-file="$cluster/munge/munged.log" --seed-file="$cluster/munge/munged.seed" \
        >"$cluster/start.log" 2>&1 &&
        with_slurm slurmctld -f "$cluster/slurm.conf" >>"$cluster/start.log" 2>&1 &&
        with_slurm slurmd -f "$cluster/slurm.conf" >>"$cluster/start.log" 2>&1
    for i in $(seq 100); do
        with_slurm sinfo -h -o %T 2>/dev/null | grep -q '^idle$' && return 0
        sleep 0.1
    done
    fail "the cluster does not start: $(tail -n 5 "$cluster/start.log" "$cluster"/*.log)"
    finish
}

# submit NAME ARGUMENTS OF SBATCH...: waits for the job to end; its state and exit code, such as
# "COMPLETED 0:0", are then in $job_end. A job that takes longer than 60 s has failed.
submit() {
    local name=$1 id show i
    shift
    job_end=none
    id=$(with_slurm sbatch --parsable --output="$work/$name.log" "$@" 2>"$work/$name.err") ||
        fail "sbatch $*: $(cat "$work/$name.err")"
    for i in $(seq 300); do
        show=$(with_slurm scontrol -o show job "$id" 2>&1)
        job_end=$(sed -n 's/.* JobState=\([A-Z_]*\) .* ExitCode=\([0-9:]*\) .*/\1 \2/p' <<<"$show")
        case $job_end in PENDING* | RUNNING* | COMPLETING* | CONFIGURING*) ;; *) return ;; esac
        sleep 0.2
    done
}
