#!/bin/bash
# `make install` puts program, man pages, completion, jobs, scripts and docs below PREFIX; `make uninstall` takes all away.
. tests/cli/lib.sh
at=$work/root/usr
build=$(dirname "$CAMRANK")
check "installs" make -s BUILD="$build" DESTDIR="$work/root" PREFIX=/usr install
for file in bin/camrank share/man/man1/camrank.1 share/camrank/jobs/cam2016-table1-2.yaml share/doc/camrank/README.md \
    share/camrank/slurm/camrank.sbatch share/camrank/python/camrank.py share/doc/camrank/docs/figures.md; do
    check "$file is there" [ -s "$at/$file" ]
done

# A page for each command, with every option of its help.
commands=$("$CAMRANK" --help | sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p' | grep -v help)
check "commands are listed" [ "$(echo "$commands" | wc -l)" -gt 12 ]
for command in $commands; do
    page=$at/share/man/man1/camrank-$command.1
    "$CAMRANK" "$command" --help | grep -o -e '--[a-z][a-z-]*' | sort -u >"$work/options"
    sed 's/\\-/-/g' "$page" >"$work/page"
    while read -r option; do
        contains "$work/page" "$option"
    done <"$work/options"
    if command -v groff >/dev/null; then
        groff -man -Tutf8 -ww "$page" >"$work/shown" 2>"$work/err"
        check "$command's page is well formed: $(head -n 1 "$work/err")" [ ! -s "$work/err" ]
    fi
done

# Completion offers commands, and a command's options.
complete_line() { # complete_line WORD...
    COMP_WORDS=("$CAMRANK" "$@") COMP_CWORD=$#
    _camrank
    echo "${COMPREPLY[*]}"
}
. "$at/share/bash-completion/completions/camrank"
check "commands are completed" [ "$(complete_line comp)" = compare ]
check "options are completed" [ "$(complete_line plot --wi)" = --width ]

if command -v zsh >/dev/null; then
    # What zsh's own functions would be told.
    cat >"$work/complete.zsh" <<'END'
_describe() { print -l -- ${(P)2} }
compadd() { print -l -- ${(P)2} }
words=("$@") CURRENT=$#
source $completion
END
    export completion=$at/share/zsh/site-functions/_camrank
    zsh -f "$work/complete.zsh" "$CAMRANK" co >"$work/commands" 2>"$work/err"
    contains "$work/commands" '^compare:.* '
    check "zsh has every command: $(cat "$work/err")" [ "$(wc -l <"$work/commands")" -ge "$(echo "$commands" | wc -l)" ]
    zsh -f "$work/complete.zsh" "$CAMRANK" plot --wi >"$work/options" 2>"$work/err"
    contains "$work/options" '^--width$'
fi

check "uninstalls" make -s BUILD="$build" DESTDIR="$work/root" PREFIX=/usr uninstall
check "nothing is left: $(find "$work/root" -type f)" [ -z "$(find "$work/root" -type f)" ]
finish
