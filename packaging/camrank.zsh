#compdef camrank
# Completion of camrank in zsh: commands and options as the program's own help has them.
local -a names
if (( CURRENT == 2 )); then
    names=(${(f)"$($words[1] --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *\([a-z\[].*\)/\1:\2/p')"})
    _describe command names
elif [[ $words[CURRENT] == -* ]]; then
    names=(${(f)"$($words[1] $words[2] --help 2>/dev/null | grep -o -e '--[a-z][a-z-]*' | sort -u)"})
    compadd -a names
else
    _files
fi
