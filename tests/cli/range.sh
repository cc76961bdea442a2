#!/bin/bash
# A network whose pixels come in the wrong scale is noticed by its logits, and no other is: the
# networks of the demo and, where it is, of the kit.
. tests/cli/lib.sh

networks="gap gmp fc"
hint='are range, mean and std of its input those of its training (pixels of 0 to 1, or of 0 to 255), and its weights trained ones?$'

# run_demo RANKS OPTIONS...: leaves the lines about models and logits in $work/lines.
run_demo() {
    local n=$1
    shift
    checks=$((checks + 1))
    ranks "$n" "$CAMRANK" run jobs/demo/demo.yaml -o "$work/demo.h5" --force \
        --set 'methods=[grad-cam]' --set heatmaps.classes=none "$@" >"$work/out" 2>"$work/err" ||
        fail "demo $*: $(cat "$work/err")"
    grep '^camrank: model ' "$work/err" | grep -v 'goes without' >"$work/lines"
}

for_each() { # for_each KEY VALUE: options that set it in the input of all three networks
    local m
    for m in 0 1 2; do
        echo "--set models.$m.input.$1=$2"
    done
}

noticed() { # noticed HOW: each network by one line
    local network
    check "$1: three lines" test "$(wc -l <"$work/lines")" = 3
    for network in $networks; do
        contains "$work/lines" "^camrank: model $network: $1.*; $hint"
    done
}

run_demo 1
check "right: no line" diff "$work/lines" /dev/null

too_large=$(for_each range 255)
for n in 1 3; do
    # shellcheck disable=SC2086 # options are separated by blanks
    run_demo $n $too_large
    noticed 'its logits are far apart (the fifth is [0-9]* below the first)'
    cp "$work/lines" "$work/lines$n"
done
check "the same lines at 1 and 3 ranks" diff "$work/lines1" "$work/lines3"

too_small="$(for_each mean '[123.7,116.3,103.5]') $(for_each std '[58.4,57.1,57.4]')"
# shellcheck disable=SC2086
run_demo 2 $too_small
noticed 'its logits hardly differ between images (the first by 0\.[0-9]*; the fifth is [0-9.]* below)'

# Too few images to tell.
# shellcheck disable=SC2086
run_demo 2 $too_small --limit 99
check "99 images: no line" diff "$work/lines" /dev/null

if [ -d "${CAMRANK_KIT:-}" ]; then
    kit() { # kit OPTIONS...: SqueezeNet on 100 images
        checks=$((checks + 1))
        timeout 300 "$CAMRANK" run jobs/kit-squeezenet.yaml -o "$work/kit.h5" --force --limit 100 \
            --set 'methods=[cam]' --set heatmaps.classes=none \
            --set "dataset.images=$CAMRANK_KIT/dev/images" \
            --set "dataset.ground_truth=$CAMRANK_KIT/dev/ground_truth.csv" \
            --set "dataset.synsets=$CAMRANK_KIT/dev/LOC_synset_mapping.txt" \
            --set "models.0.file=$CAMRANK_KIT/models/squeezenet1_0.onnx" "$@" \
            >"$work/out" 2>"$work/err" || fail "kit $*: $(cat "$work/err")"
        grep '^camrank: model ' "$work/err" >"$work/lines"
    }
    kit
    check "kit, right: no line" diff "$work/lines" /dev/null
    kit --set 'models.0.input.mean=[0,0,0]'
    check "kit, no mean: no line" diff "$work/lines" /dev/null
    kit --set models.0.input.range=1
    contains "$work/lines" "^camrank: model squeezenet1_0: its logits hardly differ .*; $hint"
    kit --set models.0.input.range=1 --set 'models.0.input.mean=[0,0,0]'
    contains "$work/lines" "^camrank: model squeezenet1_0: it gives [0-9]* % of the images the same class; $hint"
    check "kit: no line about the order of classes" test "$(wc -l <"$work/lines")" = 1
else
    echo "skipped: the kit, CAMRANK_KIT names no folder"
fi
finish
