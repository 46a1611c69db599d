#!/bin/sh
# A sweep as a job array of a real Slurm on this machine alone: part of it is cancelled, it
# is submitted again, and what is merged is the same as from a single process.
# Needs the Debian packages slurm-wlm and munge, and root; skipped where they are absent.
PATH=$PATH:/usr/sbin:/sbin
export PATH
for tool in munged slurmctld slurmd sbatch scontrol scancel squeue; do
    command -v $tool >/dev/null 2>&1 || {
        echo "skipped: $tool is not installed (Debian packages slurm-wlm and munge)"
        exit 77
    }
done
[ "$(id -u)" = 0 ] || {
    echo "skipped: starting a private Slurm needs root"
    exit 77
}
. "$top_srcdir/tests/cli/lib.sh"
chmod 755 "$work"
pids=
stop_all() {
    # Only what was started here, by its id.
    for file in slurmd.pid slurmctld.pid munged.pid; do
        [ ! -s "$work/$file" ] || kill "$(cat "$work/$file")" 2>/dev/null || :
    done
    for pid in $pids; do kill "$pid" 2>/dev/null || :; done
    sleep 1
    rm -rf "$work"
}
trap stop_all EXIT

mkdir -m 755 state spool run
dd if=/dev/urandom of=munge.key bs=1 count=1024 2>/dev/null
chmod 400 munge.key
munged --force --key-file="$work/munge.key" --socket="$work/run/munge.socket" \
    --pid-file="$work/munged.pid" --log-file="$work/munged.log" \
    --seed-file="$work/munge.seed" --num-threads=2 >munged.out 2>&1 || {
    echo "skipped: munged does not start here: $(tail -n 1 munged.out)"
    exit 77
}
# Three ports nobody else is likely to use.
port=$((20000 + $$ % 20000))
host=$(hostname -s)
cat >slurm.conf <<END
ClusterName=coreplay
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/run/munge.socket
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
MaxArraySize=40
MinJobAge=60
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=10 State=UP
END
SLURM_CONF=$work/slurm.conf
export SLURM_CONF COREPLAY
slurmctld -D -c >ctld.out 2>&1 &
pids="$pids $!"
slurmd -D >d.out 2>&1 &
pids="$pids $!"
ready=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    if scontrol show node "$host" 2>/dev/null | grep -q 'State=IDLE '; then
        ready=yes
        break
    fi
    sleep 0.5
done
[ -n "$ready" ] || {
    echo "skipped: Slurm does not start here"
    tail -n 3 slurmctld.log slurmd.log 2>/dev/null
    exit 77
}

# Waits until no job is left, for half a minute.
wait_jobs() {
    for _ in $(seq 1 60); do
        [ -n "$(squeue -h 2>/dev/null)" ] || return 0
        sleep 0.5
    done
    fail "jobs are left after half a minute: $(squeue -h)"
}

cat >w.cpw <<'END'
param work = 5ms
machine { cores 2 }
process p { thread t x 4 { repeat 50 { cpu exp(work); wait 1ms } } }
END
sweep() {
    cp_run sweep w.cpw --sweep work=1ms..40ms+1ms --sweep cores=1,2 --repeat 2 "$@"
}

must "the single process gives the rows to compare with"
sweep -o whole.db -q
is_code 0
cp_run query whole.db --csv
wanted=$(sha256sum <out)

must "the script is accepted and runs"
sweep -o "all of it.db" --emit slurm
is_code 0
cp out submit.sh
SHARDS=8 sh submit.sh >submit.out 2>err || fail "submitting failed"
grep -q 'array [0-9]*: 8 tasks; merge [0-9]* writes all of it.db' submit.out ||
    fail "$(cat submit.out)"
array=$(sed -n 's/^array \([0-9]*\):.*/\1/p' submit.out)

must "what is cancelled in the middle is run by submitting again"
scancel "${array}_3" "${array}_7" "${array}_6"
wait_jobs
rm -f "all of it.db.shards/shard-5.db"
cp_run merge part.db "all of it.db.shards"/shard-*.db
is_code 0
sh submit.sh >submit.out 2>err || fail "submitting again failed"
wait_jobs
cp_run query "all of it.db" --csv
is_code 0
[ "$(sha256sum <out)" = "$wanted" ] || fail "the rows differ from those of one process"
finish
