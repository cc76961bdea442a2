#!/bin/bash
# The Debian package is built from the tracked files, installed, runs, and leaves nothing behind when it is purged.
. tests/cli/lib.sh
for tool in dpkg-buildpackage dh; do
    command -v $tool >/dev/null || skip "$tool is missing"
done
[ "$(id -u)" = 0 ] || skip "only root installs packages"
dpkg -s camrank >/dev/null 2>&1 && skip "a package camrank is installed already"
mkdir "$work/camrank"
git ls-files -z | xargs -0 cp --parents -t "$work/camrank"
cp -r packaging/debian "$work/camrank/debian"
check "dpkg-buildpackage" sh -c "cd '$work/camrank' && env -u MAKEFLAGS -u MAKELEVEL -u EXTRA -u BUILD \
    dpkg-buildpackage -b -us -uc -d >'$work/log' 2>&1 || { tail -n 20 '$work/log'; false; }"
package=$(echo "$work"/camrank_*.deb)
check "a package" [ -s "$package" ]
check "its version is the program's" [ "$(dpkg-deb -f "$package" Version)" = "$("$CAMRANK" --version | sed -n 's/^camrank //p')" ]
check "installs" dpkg -i "$package"
expect 0 '' /usr/bin/camrank --version
contains "$work/out" "^camrank [0-9]"
dpkg -L camrank >"$work/files"
for file in /usr/share/man/man1/camrank-run.1.gz /usr/share/zsh/vendor-completions/_camrank \
    /usr/share/bash-completion/completions/camrank /usr/share/camrank/slurm/camrank.sbatch; do
    contains "$work/files" "^$file$"
done
check "is purged" dpkg -P camrank
check "nothing is left" sh -c "! ls /usr/bin/camrank /usr/share/camrank 2>/dev/null"
finish
