#!/bin/bash
# Built with MPICH and HDF5 for MPICH, camrank gives the bits that it gives with Open MPI.
. tests/cli/lib.sh
unset MAKEFLAGS MAKELEVEL MFLAGS EXTRA
mpich=(CC=mpicc.mpich MPIRUN=mpiexec.mpich)
env "${mpich[@]}" .ci/deps --check demo >"$work/missing" ||
    skip "there is no MPICH with its HDF5: $(sed -n '/^  missing/,$s/^  \([a-z]*:[^ ]*\)  .*/\1/p' "$work/missing" | tr '\n' ' ')"

run_into "$work" make -s demo BUILD="$work/mpich" "${mpich[@]}"
check "make demo with MPICH: $(tail -n 5 "$work/err")" test "$(cat "$work/code")" = 0
grep -v -e '^results: ' -e '^picture: ' "$work/out" >"$work/mpich.txt"
check "the program is MPICH's" sh -c "ldd '$work/mpich/camrank' | grep -q libmpich && ! ldd '$work/mpich/camrank' | grep -q 'libmpi\.so'"
contains "$work/err" ' 300 images.*, 2 ranks$'

check "the same with Open MPI" ranks 2 "$CAMRANK" run jobs/demo/demo.yaml -o "$work/open.h5"
grep -v '^results: ' "$work/check" | grep -v '^camrank: ' >"$work/open.txt"
check "the tables are the same" diff "$work/open.txt" "$work/mpich.txt"
checks=$((checks + 1))
compare_h5 "$work/open.h5" "$work/mpich/demo.h5" >"$work/differences"
check "the files differ in the names of the libraries alone: $(cat "$work/differences")" \
    test "$(sed 's/: b.*//' "$work/differences")" = '/: attribute libraries'
contains "$work/differences" "is not b'MPICH Version: [0-9.]*; HDF5 .*; kernels [a-z0-9]*'"

# The number of ranks does not matter here either, and the launcher of another MPI is noticed.
check "3 ranks of MPICH" mpiexec.mpich -n 3 "$work/mpich/camrank" run jobs/demo/demo.yaml -o "$work/three.h5"
check "have the bits of 2" compare_h5 "$work/mpich/demo.h5" "$work/three.h5"
run_into "$work" mpirun -q -n 2 "$work/mpich/camrank" run jobs/demo/demo.yaml -o "$work/never.h5"
check "mpirun of Open MPI is refused: exit 2" test "$(cat "$work/code")" = 2
contains "$work/err" 'started 2 times by the mpirun of Open MPI'
check "nothing was made" test ! -e "$work/never.h5"
finish
