#!/bin/bash
# What commands write: never what they read, never a file of another kind, nothing without --force;
# whole or not at all; through links, at long paths, and without locks.
. tests/cli/lib.sh
source_of_shim=$cli/no_locks.c
make_sample sample
cd "$work/sample" || exit 1
check "a run" timeout 300 "$CAMRANK" run job.yaml --output case.h5
cp case.h5 kept.h5
ln case.h5 hard.h5
ln -s case.h5 soft.h5
image=img_001

# kept CODE LINE COMMAND...: refused, and its input is what it was.
kept() {
    expect "$@"
    check "$3 $4 leaves its input alone" cmp case.h5 kept.h5
}
for name in case hard soft; do
    kept 3 "camrank: *$name.h5: would replace the maps that are scored (case.h5); give another output with -o" \
        "$CAMRANK" score case.h5 job.yaml --force -o $name.h5
    kept 3 "camrank: $name.h5: is read by this command (case.h5); name another file to write" \
        "$CAMRANK" export case.h5 --format csv --force -o $name.h5
    kept 2 "camrank: $name.h5: a picture's name must end in .png, .jpg, .pdf or .svg" \
        "$CAMRANK" show case.h5 $image --force -o $name.h5
    kept 2 "camrank: merge: $name.h5 is to be made and to be merged (case.h5): *" \
        "$CAMRANK" merge $name.h5 case.h5 --force
done

# Nor by the name that the output has while it is made.
ln case.h5 made.h5.part
ln -s made.h5 made_link.h5
for name in made made_link; do
    kept 3 "camrank: *$name.h5: would replace the maps that are scored (made.h5.part); *" \
        "$CAMRANK" score made.h5.part job.yaml -o $name.h5
    kept 2 "camrank: merge: $name.h5 is to be made and to be merged (case.h5): *" \
        "$CAMRANK" merge $name.h5 case.h5
    check "made.h5.part is kept" cmp made.h5.part kept.h5
done
rm -f made.h5.part made_link.h5

# Of another kind, even with --force.
echo "precious" >notes.txt
"$PYTHON" -c 'import h5py; h5py.File("other.h5", "w")["maps"] = [1.0]'
"$PYTHON" -c 'import numpy; numpy.save("a.npy", [1.0])'
cp notes.txt notes.kept && cp other.h5 other.kept
for to in notes.txt other.h5 a.npy; do
    expect 3 "camrank: *$to: exists and is no results file of camrank; it is not replaced" \
        "$CAMRANK" run job.yaml -o $to --force
    expect 3 "camrank: $to: exists and is a file of another kind; it is not replaced" \
        "$CAMRANK" export case.h5 --format csv -o $to --force
    cp $to picture.png
    expect 3 "camrank: picture.png: exists and is a file of another kind; it is not replaced" \
        "$CAMRANK" show case.h5 $image -o picture.png --force
done
# Ground truth looks like predictions.
cp ground_truth.csv truth.csv
printf '%s\n' 490 361 171 >truth.txt
cp truth.txt truth.kept
for form in kaggle:csv devkit:txt; do
    expect 3 "camrank: truth.${form#*:}: exists and is a file of another kind; it is not replaced" \
        "$CAMRANK" export case.h5 --format ${form%:*} --model gap --method cam -o truth.${form#*:} --force
done
check "ground truth is kept" cmp truth.csv ground_truth.csv
check "the devkit's ground truth is kept" cmp truth.txt truth.kept
check "notes are kept" cmp notes.txt notes.kept
check "other's HDF5 is kept" cmp other.h5 other.kept

# Of the same kind: with --force alone. A name that is free needs none.
row=$("$CAMRANK" report case.h5 --format csv | sed -n 2p | tr -d '"')
one="--model $(echo "$row" | cut -d, -f1) --method $(echo "$row" | cut -d, -f4)"
for form in csv kaggle; do
    check "export $form" "$CAMRANK" export case.h5 --format $form $one -o $form.txt
    expect 3 "camrank: $form.txt: exists already; --force replaces it" \
        "$CAMRANK" export case.h5 --format $form $one -o $form.txt
    check "export $form again" "$CAMRANK" export case.h5 --format $form $one -o $form.txt --force
done
check "show" "$CAMRANK" show case.h5 $image -o a.png
expect 3 "camrank: a.png: exists already; --force replaces it" "$CAMRANK" show case.h5 $image -o a.png
check "show again" "$CAMRANK" show case.h5 $image -o a.png --force
check "npy" "$CAMRANK" export case.h5 --format npy $one -o maps
expect 3 "camrank: *maps/*.npy: exists already; --force replaces it" \
    "$CAMRANK" export case.h5 --format npy $one -o maps
check "npy again" "$CAMRANK" export case.h5 --format npy $one -o maps --force
check "score" "$CAMRANK" score case.h5 job.yaml -o scored.h5
expect 3 "camrank: *scored.h5: exists already; --force replaces it" \
    "$CAMRANK" score case.h5 job.yaml -o scored.h5
check "a device" "$CAMRANK" export case.h5 --format csv -o /dev/stdout

# The name of a file that is being written is nobody's: not a link to an input, nor another's file.
ln -s case.h5 linked.csv.part
ln case.h5 held.csv.part
for to in linked held; do
    check "export beside $to.csv.part" "$CAMRANK" export case.h5 --format csv $one -o $to.csv
    check "$to.csv is a file" test ! -L $to.csv
    check "$to.csv.part still leads to the input" cmp $to.csv.part kept.h5
done
rm linked.csv.part held.csv.part
check "nothing is left behind" test -z "$(find . -name '*.??????' ! -name '*.sample')"
# As far as names go with the results file itself.
for what in lock part; do
    cp notes.txt mine.h5.$what
    expect 3 "camrank: *mine.h5: cannot be *mine.h5.$what*" "$CAMRANK" run job.yaml -o mine.h5
    check "mine.h5.$what is kept" cmp mine.h5.$what notes.kept
    rm mine.h5.$what
done
# /dev has files too.
shm=$(mktemp -d -p /dev/shm 2>/dev/null) && {
    cp notes.txt "$shm/notes"
    expect 3 "camrank: $shm/notes: exists and is a file of another kind; it is not replaced" \
        "$CAMRANK" export case.h5 --format csv --force -o "$shm/notes"
    check "$shm/notes is kept" cmp "$shm/notes" notes.kept
    rm -r "$shm"
}

# Through links, also one that leads nowhere yet.
mkdir scratch
ln -s scratch/real.h5 link.h5
check "through a link" "$CAMRANK" run job.yaml -o link.h5
check "the link is one" test -L link.h5
check "what it leads to" compare_h5 scratch/real.h5 case.h5
ln -s scratch/real.png link.png
check "a picture through a link" "$CAMRANK" show case.h5 $image -o link.png
check "the picture" cmp scratch/real.png a.png
ln -s loop loop
expect 3 'camrank: *loop: *' "$CAMRANK" export case.h5 --format csv -o loop

# A reader that goes away loses nothing but what it does not read.
checks=$((checks + 1))
"$CAMRANK" run job.yaml -o piped.h5 2>"$work/err" | head -c 1 >"$work/out"
[ "${PIPESTATUS[0]}" = 0 ] || fail "a closed pipe: exit ${PIPESTATUS[0]}"
check "the file behind a closed pipe" compare_h5 piped.h5 case.h5
(trap '' PIPE && "$CAMRANK" report case.h5 | true; exit "${PIPESTATUS[0]}")
check "report into a closed pipe" test $? = 0

# A path of more than 256 bytes.
deep=$PWD
while [ ${#deep} -lt 300 ]; do deep=$deep/a-folder-with-a-rather-long-name; done
mkdir -p "$deep"
for n in 1 2; do
    check "a long path at $n ranks" ranks $n "$CAMRANK" run job.yaml -o "$deep/$n.h5"
    check "its file" compare_h5 "$deep/$n.h5" case.h5
done
long=$(printf '%0210d' 0)
expect 3 "camrank: *$long: a name of more than *" "$CAMRANK" run job.yaml -o "$long"
check "nothing is made of too long a name" test ! -e "$long"
cp case.h5 "$long"
expect 3 "camrank: *$long: a name of more than *" "$CAMRANK" run job.yaml -o "$long" --force
check "the file of a long name is kept" cmp "$long" case.h5

# Without locks a run works, says so in a line, and its file is read.
if cc -shared -fPIC -o no_locks.so "$source_of_shim" -ldl 2>"$work/cc" &&
    [ -z "${CAMRANK_TEST_ASAN:-}" ]; then
    for n in 1 2; do
        LD_PRELOAD=$PWD/no_locks.so run_into "$work/bare" ranks $n "$CAMRANK" run job.yaml -o bare$n.h5
        checks=$((checks + 1))
        [ "$(cat "$work/bare/code")" = 0 ] || fail "without locks at $n ranks: $(cat "$work/bare/err")"
        contains "$work/bare/err" "bare$n.h5: its file system knows no locks: a second run that writes"
        LD_PRELOAD=$PWD/no_locks.so check "report without locks" "$CAMRANK" report bare$n.h5
    done
fi
finish
