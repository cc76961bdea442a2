# Completion of camrank in bash: commands and options as the program's own help has them.
_camrank() {
    local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} words=
    if [ "$COMP_CWORD" = 1 ]; then
        words=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *[a-z\[].*/\1/p')
    elif [ "${word#-}" != "$word" ]; then
        words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null | grep -o -e '--[a-z][a-z-]*' | sort -u)
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _camrank camrank
