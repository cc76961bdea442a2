#!/bin/bash
# What a build finds, and what it says of what it does not find, on systems unlike Debian.
. tests/cli/lib.sh
unset MAKEFLAGS MAKELEVEL MFLAGS EXTRA CFLAGS HDF5_CFLAGS HDF5_LIBS ONNX_PROTO_DIR

# Every package but HDF5, and an h5pcc as Spack's is, are all that this system has.
mkdir "$work/pc" "$work/bin" "$work/include"
for folder in $(pkg-config --variable pc_path pkg-config | tr : ' '); do
    for file in "$folder"/*.pc; do
        [[ $file = *hdf5* ]] || ln -s "$file" "$work/pc" 2>/dev/null
    done
done
include=$(.ci/find hdf5-cflags) libraries=$(.ci/find hdf5-libs)
cat >"$work/bin/h5pcc" <<WRAPPER
#!/bin/sh
[ "\$1" = -show ] && echo /opt/mpi/bin/mpicc -D_LARGEFILE_SOURCE -O2 $include -L/opt/zlib/lib $libraries -lz -Wl,-rpath -Wl,/opt/hdf5/lib
WRAPPER
cp "$work/bin/h5pcc" "$work/bin/h5pcc.openmpi"
chmod +x "$work/bin/"*
elsewhere() {
    PKG_CONFIG_LIBDIR=$work/pc PATH=$work/bin:$PATH "$@"
}
words() { # the words of standard input, a line each
    tr -s ' \n' '\n' | grep .
}
elsewhere .ci/find hdf5-cflags | words >"$work/cflags"
elsewhere .ci/find hdf5-libs | words >"$work/libs"
check "flags of h5pcc" diff "$work/cflags" <(echo "$include" | words)
check "libraries of h5pcc" diff "$work/libs" \
    <(echo "-L/opt/zlib/lib $libraries -lz -Wl,-rpath -Wl,/opt/hdf5/lib" | words)
check "all is found with h5pcc" elsewhere .ci/deps --check build
check "what includes hdf5.h compiles with h5pcc" \
    elsewhere make -s BUILD="$work/build" "$work/build/core/results/layout.o"
check "no check again" make -q BUILD="$work/build" "$work/build/.deps-build"

# lacks WHAT CODE COMMAND...: it ends with the code and names WHAT and nothing else, in a row of the table.
lacks() {
    local what=$1 code=$2
    shift 2
    run_into "$work" "$@"
    checks=$((checks + 1))
    [ "$(cat "$work/code")" = "$code" ] || fail "$*: exit $(cat "$work/code"), expected $code"
    check "$*: names $what alone" test "$(sed -n '/^  missing /,/^  [^ ]*  /s/^  \([a-z]*:[^ ]*\)  .*/\1/p' "$work/out")" = "$what"
    checks=$((checks + 1))
    ! grep -q 'No rule' "$work/err" || fail "$*: $(cat "$work/err")"
}
for goal in all install "$work/other/camrank"; do
    lacks file:onnx/onnx.proto 2 make BUILD="$work/other" DESTDIR="$work" ONNX_PROTO_DIR="$work" $goal
done
check "nothing was built" test ! -e "$work/other"
lacks library:hdf5 2 make BUILD="$work/other" HDF5_LIBS=-lnone
contains "$work/out" 'cannot find -lnone'
lacks library:hdf5 2 make BUILD="$work/other" HDF5_CFLAGS= HDF5_LIBS=
contains "$work/out" 'library:hdf5 .*hdf5.h: No such file'
lacks library:mpi 1 env CC=gcc .ci/deps --check build
contains "$work/out" 'library:mpi .*mpi.h: No such file'

# What the user or a module says goes first.
mkdir "$work/include/onnx"
cp "$(.ci/find onnx-proto-dir)/onnx/onnx.proto" "$work/include/onnx"
check "CPATH" test "$(CPATH=/none:$work/include .ci/find onnx-proto-dir)" = "$work/include"
check "CMAKE_PREFIX_PATH" test "$(CMAKE_PREFIX_PATH=$work .ci/find onnx-proto-dir)" = "$work/include"
check "ONNX_PROTO_DIR" test "$(CPATH=/usr/include ONNX_PROTO_DIR=$work/include .ci/find onnx-proto-dir)" = "$work/include"
check "HDF5_LIBS" test "$(HDF5_LIBS=-lmine .ci/find hdf5-libs)" = -lmine
make help >"$work/help"
for name in CC HDF5_CFLAGS HDF5_LIBS ONNX_PROTO_DIR; do
    contains "$work/help" "$name"
    contains docs/building.md "\`$name\`"
done
finish
