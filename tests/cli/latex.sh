#!/bin/bash
# The LaTeX that report and compare print compiles as it is, with every character that TeX takes for its own.
# Where there is a TeX: on Debian texlive-latex-recommended, which is too large to be asked for.
. tests/cli/lib.sh
command -v pdflatex >/dev/null || skip "pdflatex is missing"
kpsewhich booktabs.sty >/dev/null || skip "booktabs is missing"

"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
check "a run" "$CAMRANK" run jobs/demo/demo.yaml --limit 40 --set 'protocols=[cam-paper, gradcam-paper]' \
    -o "$work/odd.h5"
# As another program may name them: a job's names are plainer.
"$PYTHON" - "$work/odd.h5" <<'END' || fail "names"
import sys
import h5py
with h5py.File(sys.argv[1], "r+") as file:
    odd = r"""[f]* 50 % _x_ #1 & {y} \d `c' $a^b$ ~ <c> | "e" """
    file.move("models/fc", "models/f_c")
    file.move("models/gap/cam", f"models/gap/{odd}")
    file[f"models/gap/{odd}"].attrs.create("as", odd, dtype=h5py.string_dtype("utf-8", len(odd)))
    file["classes/name"][0] = b"*[%]_"[:file["classes/name"].dtype.itemsize]
END

compiles() { # compiles NAME: $work/NAME.tex, inside a document, without a box that is too wide to matter
    mkdir -p "$work/tex"
    {
        printf '%s\n' '\documentclass{article}' '\usepackage[margin=1cm,paperwidth=200cm,paperheight=200cm]{geometry}' \
            '\usepackage{booktabs,longtable}\begin{document}'
        cat "$work/$1.tex"
        printf '%s\n' '\end{document}'
    } >"$work/tex/$1.tex"
    check "$1 compiles" timeout 120 pdflatex -halt-on-error -interaction=batchmode \
        -output-directory "$work/tex" "$work/tex/$1.tex"
    check "$1 is a page" test -s "$work/tex/$1.pdf"
    check "$1 fits its page" sh -c "! grep -i overfull '$work/tex/$1.log'"
}

# fits NAME COLUMNS: $work/NAME.tex, as a float of a page that has the size of the conferences' styles.
fits() {
    local float=table
    [ "$2" = 1 ] || float='table*'
    {
        printf '%s\n' '\documentclass[twocolumn]{article}' '\usepackage{booktabs}' \
            '\setlength{\textwidth}{496pt}\setlength{\columnsep}{22pt}\begin{document}' "\\begin{$float}\\centering"
        cat "$work/$1.tex"
        printf '%s\n' "\\caption{C}\\end{$float}" '\end{document}'
    } >"$work/tex/fits.tex"
    check "$1 compiles for $2 columns" timeout 120 pdflatex -halt-on-error -interaction=batchmode \
        -output-directory "$work/tex" "$work/tex/fits.tex"
    check "$1 fits $2 columns" sh -c "! grep -i 'overfull .hbox' '$work/tex/fits.log'"
}

odd=$work/odd.h5
"$CAMRANK" report "$odd" --format latex -o "$work/report.tex" 2>"$work/err" || fail "report: $(cat "$work/err")"
expect 0 '' "$CAMRANK" report "$odd" --format latex -o "$work/report.tex" --force
"$CAMRANK" report "$odd" --by-class --format latex >"$work/classes.tex" 2>&1 || fail "report --by-class"
"$CAMRANK" compare "$odd" --only cam-paper --by-class --flips 3 --format latex >"$work/few.tex" 2>&1 || fail "compare: $(cat "$work/few.tex")"
"$CAMRANK" compare "$odd" --format latex >"$work/many.tex" 2>&1 || fail "compare"
"$CAMRANK" compare "$odd" --against gmp/cam/cam-paper --format latex >"$work/against.tex" 2>&1 || fail "compare --against"
"$CAMRANK" compare "$odd" --group 'g*' --format latex >"$work/group.tex" 2>&1 || fail "compare --group"
contains "$work/report.tex" 'textbackslash{}d'
contains "$work/against.tex" '^% A: gap/.*   B: gmp/cam/cam-paper$'
for name in report classes few many against group; do
    compiles $name
done

"$CAMRANK" run jobs/demo/demo.yaml --limit 40 --set 'protocols=[cam-paper, gradcam-paper]' -o "$work/two.h5" >/dev/null 2>&1
for columns in 1 2; do
    one=
    [ $columns = 2 ] || one=--one-column
    for some in "" "--protocol cam-paper"; do
        "$CAMRANK" report "$work/two.h5" --format latex $one $some >"$work/wide.tex"
        fits wide $columns
    done
done
"$CAMRANK" compare "$work/two.h5" --only gap,cam,grad-cam,cam-paper --format latex >"$work/pairs.tex"
fits pairs 2
"$CAMRANK" report "$work/two.h5" --by-class --format latex >"$work/long.tex"
contains "$work/long.tex" '^% .usepackage{booktabs,longtable}; for pages of one column'
compiles long
expect 2 'camrank: report: * lines of classes are more than a column holds: --worst N, or without --one-column' \
    "$CAMRANK" report "$work/two.h5" --by-class --one-column --format latex
contains "$work/wide.tex" '\\textbf{[0-9.]*}'
contains "$work/wide.tex" '{\\scriptsize [0-9.]*--[0-9.]*}'
finish
