#!/bin/bash
# Storage that fails while a run reads and writes: exit code 4 and one line that says why, no hang;
# the file opens, and goes on to the bits of an undisturbed run.
. tests/cli/lib.sh
[ -z "${CAMRANK_TEST_ASAN:-}" ] || skip "AddressSanitizer must be the first library that is preloaded"
"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
make_sample sample
make_fault
cd "$work/sample" || exit 1
file=$work/sample/out.h5
job=(job.yaml --set batch=4)

timeout 300 "$CAMRANK" run "${job[@]}" -o "$work/whole.h5" >"$work/whole.txt" 2>"$work/err" ||
    { cat "$work/err" && exit 1; }

# with_fault FAULT RANKS COMMAND...: leaves out, err and code. What the run reports of its progress,
# and what Open MPI says before us about a call that failed, is taken out of err.
with_fault() {
    local fault=$1 n=$2
    shift 2
    CAMRANK_STORAGE_FAULT=$fault run_into "$work" ranks "$n" env LD_PRELOAD="$work/fault.so" "$@"
    sed -i -e '/^camrank: job sample, /d' -e '/^camrank: model fc goes without /d' -e '/^mca_/d' \
        -e '/^camrank: memory: /d' -e '/passes are done already$/d' "$work/err"
}

same_as_whole() { # same_as_whole WHAT
    check "$1: the file is that of an undisturbed run" compare_h5 "$work/whole.h5" "$file"
    check "$1: so is the table" diff <(grep -v '^results: ' "$work/whole.txt") \
        <(grep -v '^results: ' "$work/out")
    check "$1: nothing is left behind" test ! -e "$file.lock" -a ! -e "$file.part"
}

opens() {
    "$PYTHON" -c 'import sys, h5py; h5py.File(sys.argv[1])["models/gap/done"][:]' "$file"
}

# goes_on WHAT RANKS: what a fault has left goes on to the end.
goes_on() {
    [ ! -e "$file" ] || check "$1: the file opens" opens
    checks=$((checks + 1))
    ranks "$2" "$CAMRANK" run "${job[@]}" -o "$file" --resume >"$work/out" 2>"$work/err" ||
        fail "$1: to go on: $(cat "$work/err")"
    same_as_whole "$1"
}

# stops RANKS FAULT LINE: the run ends with 4 and the line, and goes on without the fault.
stops() {
    rm -f "$file"*
    with_fault "$2" "$1" "$CAMRANK" run "${job[@]}" -o "$file"
    judge "$work" 4 "camrank: $3" "$2 at $1 ranks"
    goes_on "$2 at $1 ranks" $((3 - $1))
}

# While the file is made: by rank 0.
for n in 1 2; do
    stops $n "write:1:ENOSPC:$file" "$file.lock: No space left on device"
    stops $n "size:2:EDQUOT:$file" "$file: needs * bytes: Disk quota exceeded"
    stops $n "write:4:EIO:$file" "$file: *file write failed: Input/output error"
    stops $n "write:25:ENOSPC:$file" "$file: *file write failed: No space left on device"
    stops $n "size:3:ENOSPC:$file" "$file: *No space left on device"
    stops $n "sync:2:EIO:$file" "$file: cannot be created: Input/output error"
done
# All ranks open it, write rows, and the end; until then it has another name.
stops 2 "read:1:EIO:$file$:0" "*$file: *"
stops 2 "read:9:EIO:$file$:1" "rank 1: $file: *: Input/output error"
stops 1 "write:30:ENOSPC:$file$" "$file: /models/*: rows * to *: file write failed: No space left on device"
stops 2 "write:1:EDQUOT:$file$:1" "rank 1: $file: /models/*: rows * to *: file write failed: Disk quota exceeded"
stops 2 "write:2:EIO:$file$:0" "rank 0: $file: /models/*: rows * to *: file write failed: Input/output error"
stops 2 "write:5:short:$file$:1" "rank 1: $file: /models/*: rows * to *: file write failed*"
stops 2 "sync:1:EIO:$file$:1" "rank 1: $file: *Input/output error"

# What is read or written short is gone on with. (Where HDF5 reads through MPI it takes a short read
# for the end of the file: docs/reliability.md.)
for fault in write:2:short write:12:short; do
    rm -f "$file"*
    with_fault "$fault:$file.part" 1 "$CAMRANK" run "${job[@]}" -o "$file"
    judge "$work" 0 'camrank: 74 passes in *' "$fault"
    same_as_whole "$fault"
done
for fault in read:1:short read:2:short read:20:short; do
    with_fault "$fault:$file" 1 "$CAMRANK" report "$file"
    judge "$work" 0 '' "report, $fault"
    check "report, $fault" diff <(grep -v '^results: ' "$work/whole.txt" | head -n -1) "$work/out"
done
for name in job.yaml synsets.txt ground_truth.csv gap.onnx fc.onnx images/img_004; do
    rm -f "$file"*
    with_fault "read:1:short:$PWD/$name" 2 "$CAMRANK" run "${job[@]}" -o "$file"
    judge "$work" 0 'camrank: 74 passes in *' "short reads of $name"
    same_as_whole "short reads of $name"
done

# Storage that is slow is waited for, ahead or on the spot.
for n in 1 2; do
    rm -f "$file"*
    with_fault "read:1:slow:$PWD/images/" $n "$CAMRANK" run "${job[@]}" -o "$file"
    judge "$work" 0 'camrank: 74 passes in *' "slow reads at $n ranks"
    same_as_whole "slow reads at $n ranks"
done

# Input that cannot be read: an image too, which is no bad image.
for name in job.yaml synsets.txt ground_truth.csv gap.onnx images/img_004; do
    stops 2 "read:1:EIO:$PWD/$name" "*$name*: Input/output error*"
done
# What is scored: maps of other programs are no bad images either.
check "maps to score" timeout 300 "$CAMRANK" export "$work/whole.h5" --format npy --model gap \
    --method cam -o "$work/npy"
"$PYTHON" - "$work/npy" "$work/maps.h5" <<'END' || exit 1
import glob, sys, h5py, numpy as np
with h5py.File(sys.argv[2], "w") as file:
    file["maps"] = np.stack([np.load(name) for name in
                             sorted(glob.glob(f"{sys.argv[1]}/**/*.npy", recursive=True))])
END
for n in 1 2; do
    with_fault "read:5:EIO:$work/npy/" $n "$CAMRANK" score "$work/npy" "${job[@]}" -o "$work/again.h5" --force
    judge "$work" 4 "camrank: *.npy: Input/output error*" "score, $n ranks"
    with_fault "read:20:EIO:$work/maps.h5" $n "$CAMRANK" score "$work/maps.h5:maps" "${job[@]}" \
        -o "$work/again.h5" --force
    judge "$work" 4 "camrank: *maps.h5: dataset maps: map *: *Input/output error" "score HDF5, $n ranks"
done
with_fault "read:3:EIO:$file" 1 "$CAMRANK" report "$file"
judge "$work" 3 "camrank: $file: not a readable HDF5 file: file read failed: Input/output error" report

# A limit on the size of files, which Open MPI's own files outgrow: in the ranks alone.
needed=$(($(stat -c %s "$work/whole.h5") / 1024))
for limit in $((needed / 2)) $((needed - 1)); do
    rm -f "$file"*
    run_into "$work" ranks 2 bash -c "ulimit -f $limit"' && exec "$@"' - "$CAMRANK" run "${job[@]}" \
        -o "$file"
    sed -i '/^mca_/d' "$work/err"
    judge "$work" 4 "camrank: *$file: *: File too large" "ulimit -f $limit"
    goes_on "ulimit -f $limit" 2
done

# What a run leaves that is killed while Open MPI opens the file: a semaphore that nobody frees.
"$PYTHON" - "OMPIO_$(basename "$file")" <<'PYTHON'
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.sem_open.restype = ctypes.c_void_p
libc.sem_open(b"/" + sys.argv[1].encode(), os.O_CREAT, 0o600, 0)
PYTHON
for n in 1 2; do
    checks=$((checks + 1))
    ranks $n "$CAMRANK" run "${job[@]}" -o "$file" --force >"$work/out" 2>"$work/err" ||
        fail "a semaphore that is left: $n ranks: exit $?: $(cat "$work/err")"
    same_as_whole "a semaphore that is left, $n ranks"
done

# A full disk.
mkdir "$work/small"
if mount -t tmpfs -o size=$((needed - 60))k tmpfs "$work/small" 2>/dev/null; then
    trap 'umount "$work/small"; rm -rf "$work"' EXIT
    file=$work/small/out.h5
    for n in 1 2; do
        rm -f "$file"*
        expect 4 "camrank: $file: needs * bytes: No space left on device" \
            ranks $n "$CAMRANK" run "${job[@]}" -o "$file"
        check "nothing is left on the full disk" test -z "$(ls -A "$work/small")"
    done
    mount -o remount,size=$((2 * needed))k "$work/small"
    goes_on "more space" 2
else
    echo "skipped: the full disk: no tmpfs can be mounted here"
fi
finish
