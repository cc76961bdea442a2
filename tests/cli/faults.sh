#!/bin/bash
# One rank fails at every place where ranks agree on what may have failed: its exit code, one line,
# no hang, nothing left behind, and the run goes on afterwards to the file it always gives. Every
# place at 1, 2 or 4 ranks in turn; with CAMRANK_FAULTS=all at each of them.
. tests/cli/lib.sh
make_sample sample

# The sites, from the sources: a function, and how often it agrees, follows or may fail.
sites=$(awk '
    FNR == 1 { name = "" }
    /^[a-z].*\(/ && !/;$/ { split($0, head, "("); n = split(head[1], words, /[ *]/); name = words[n] }
    name && /[^_]cr_par_(agree|follow|fault)\(/ { count[name]++ }
    END { for (name in count) print name, count[name] }' core/*/*.c worker/*.c driver/*.c driver/*/*.c | sort)
[ "$(wc -l <<<"$sites")" -gt 20 ] || fail "there are more places where ranks agree: $sites"

"$PYTHON" tests/cli/external.py "$work/sample" || exit 1
cd "$work/sample" || exit 1
sed -i 's/gap.onnx/one.onnx/' job.yaml
run=("$CAMRANK" run job.yaml --limit 20)
check "camrank run alone" "${run[@]}" -o whole.h5
score=("$CAMRANK" score whole.h5 job.yaml --limit 20)
check "camrank score alone" "${score[@]}" -o scored.h5
"$PYTHON" -c '
import h5py, shutil
shutil.copy("whole.h5", "half.h5")
with h5py.File("half.h5", "r+") as f:
    f["models/fc/done"][8:] = 0' || fail "half.h5"

# try HOW RANKS FAULT: whether it comes to the fault; in $code, $work/out, $work/err.
try() {
    local how=$1 n=$2
    rm -f f.h5
    export CAMRANK_FAULT=$3
    case $how in
    begin) ranks "$n" "${run[@]}" -o f.h5 ;;
    resume) cp half.h5 f.h5 && ranks "$n" "${run[@]}" -o f.h5 --resume ;;
    check) ranks "$n" "$CAMRANK" check job.yaml --limit 20 ;;
    score) ranks "$n" "${score[@]}" -o f.h5 ;;
    random) ranks "$n" "$CAMRANK" check job.yaml --limit 20 --set 'models.0.randomise={logit: true}' ;;
    elsewhere) ranks "$n" "$CAMRANK" check job.yaml --limit 20 --set threshold_from=whole.h5 ;;
    baselines) ranks "$n" "$CAMRANK" check job.yaml --limit 20 --set dataset.baselines=images \
        --set 'methods=[{name: expected-gradients, baselines: images}]' ;;
    init) ranks "$n" "$CAMRANK" init gap.onnx --force -o init.yaml ;;
    esac >"$work/out" 2>"$work/err" </dev/null
    code=$?
    unset CAMRANK_FAULT
    without_libevent "$work/err"
    [ $code != 0 ] || grep -q CAMRANK_FAULT "$work/err"
}

# inject SITE NTH CODE RANKS: at the last rank or, if it does not come there, at rank 0.
inject() {
    local site=$1 nth=$2 expected=$3 n=$4 candidates=0 rank how what
    checks=$((checks + 1))
    [ "$n" = 1 ] || candidates="$((n - 1)) 0"
    for how in begin resume check score random elsewhere baselines init none; do
        for rank in $candidates; do
            [ $how = none ] || ! try $how "$n" "$site:$rank:$expected:$nth" || break 2
        done
    done
    what="$site, time $nth, rank $rank of $n ($how)"
    [ $how != none ] || { fail "$what: no run comes there" && return; }
    [ $code = "$expected" ] || fail "$what: exit $code, expected $expected: $(cat "$work/err")"
    [ "$(grep -c 'fails, as CAMRANK_FAULT asks$' "$work/err")" = 1 ] &&
        [[ $(tail -n 1 "$work/err") = "camrank: "*"$site fails, as CAMRANK_FAULT asks" ]] ||
        fail "$what: not one line that says so: $(cat "$work/err")"
    [ ! -e f.h5.part ] && [ ! -e f.h5.lock ] || fail "$what: leaves $(echo f.h5.*)"
    case $how in
    check | random | elsewhere | baselines | init) return ;;
    score) "${score[@]}" -o f.h5 --force && cmp scored.h5 f.h5 ;;
    *) "${run[@]}" -o f.h5 --resume && cmp whole.h5 f.h5 ;;
    esac >"$work/out" 2>&1 </dev/null ||
        fail "$what: does not go on to the file it always gives: $(cat "$work/out")"
}

codes=(3 4 5) sizes=(2 4 1) place=0 done=0
while read -r site times; do
    for nth in $(seq "$times"); do
        for i in 0 1 2; do
            [ "${CAMRANK_FAULTS:-}" = all ] || [ $((place % 3)) = $i ] || continue
            inject "$site" "$nth" "${codes[done++ / 3 % 3]}" "${sizes[i]}"
        done
        place=$((place + 1))
    done
done <<<"$sites"
finish
