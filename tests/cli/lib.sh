# lib.sh - what the tests of the command line share. Sourced from the top of the repo, after
# CAMRANK (the program's absolute path), PYTHON and TMPDIR are set, as tests/run does.
#
# A check that fails is printed and counted, and the test goes on; `finish` ends it.
set -u

. tests/mpi.env
cli=$PWD/tests/cli
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 checks=0

skip() { # skip WHY...
    echo "skipped: $*"
    exit 77
}

fail() { # fail WHAT...
    failures=$((failures + 1))
    printf 'failed: %s\n' "$*"
}

finish() {
    [ "$checks" -gt 0 ] || fail "nothing was checked"
    echo "$checks checks, $failures failures"
    [ "$failures" = 0 ]
    exit
}

# ranks N COMMAND...: over N ranks; 1 is the program alone, without mpirun. What takes 300 seconds
# hangs, however busy the machine is.
ranks() {
    local n=$1
    shift
    if [ "$n" = 1 ]; then
        timeout 300 "$@"
    else
        timeout 300 mpirun -q -n "$n" "$@"
    fi
}

# Without what libevent, inside Open MPI, says of a descriptor that another thread has closed
# meanwhile, as happens where ranks end on a busy machine.
without_libevent() { # without_libevent FILE
    sed -i '/^\[\(warn\|err\)\] Epoll [A-Z]*(/d' "$1"
}

# run_into FOLDER COMMAND...: leaves its out, err and code there. Code 124 is a hang.
run_into() {
    local folder=$1
    shift
    mkdir -p "$folder"
    "$@" >"$folder/out" 2>"$folder/err" </dev/null
    echo $? >"$folder/code"
    without_libevent "$folder/err"
}

# judge FOLDER CODE LINE WHAT: of what run_into left, the exit code and standard error: exactly the
# one line that the pattern LINE matches, or, where LINE is empty, none.
judge() {
    local folder=$1 code=$2 line=$3 what=$4 got lines
    checks=$((checks + 1))
    got=$(cat "$folder/code") lines=$(wc -l <"$folder/err")
    [ "$got" = "$code" ] || fail "$what: exit $got, expected $code; $(head -n 3 "$folder/err")"
    if [ -z "$line" ]; then
        [ ! -s "$folder/err" ] || fail "$what: on standard error: $(cat "$folder/err")"
    elif [ "$lines" != 1 ]; then
        fail "$what: $lines lines on standard error, expected one: $(cat "$folder/err")"
    elif [[ $(cat "$folder/err") != $line ]]; then
        fail "$what: expected $line"$'\n'"        got $(cat "$folder/err")"
    fi
}

# expect CODE LINE COMMAND...: both. The output is in $work/out and $work/err.
expect() {
    local code=$1 line=$2
    shift 2
    run_into "$work" "$@"
    judge "$work" "$code" "$line" "$*"
}

# check WHAT COMMAND...: the command must succeed. Its output is shown where it does not.
check() {
    local what=$1
    shift
    checks=$((checks + 1))
    "$@" >"$work/check" 2>&1 || fail "$what: $(head -n 20 "$work/check")"
}

# contains FILE PATTERN: a line of the file matches the basic regular expression.
contains() {
    checks=$((checks + 1))
    grep -q -e "$2" "$1" || fail "no line \"$2\" in: $(head -n 30 "$1")"
}

# Makes the sample in $work/NAME.
make_sample() {
    local code
    "$PYTHON" "$cli/make_sample.py" "$work/$1" >"$work/made" 2>&1
    code=$?
    [ $code = 77 ] && cat "$work/made" && exit 77
    [ $code = 0 ] || { cat "$work/made" && exit 1; }
}

# Makes $work/fault.so, to be preloaded.
make_fault() {
    cc -shared -fPIC -D_GNU_SOURCE -O1 "$cli/fault.c" -o "$work/fault.so" -ldl >"$work/made" 2>&1 ||
        { cat "$work/made" && exit 1; }
}

compare_h5() {
    "$PYTHON" "$cli/compare_h5.py" "$@"
}
