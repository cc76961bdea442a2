#!/bin/bash
# Whatever is wrong with a command line or its input: one clear line, the documented exit code, no
# hang and nothing left behind, alone and over 4 ranks.
. tests/cli/lib.sh
make_sample sample
cd "$work/sample" || exit 1

# refused CODE LINE ARGUMENTS...: camrank with these arguments, at 1 and at 4 ranks.
refused() {
    local code=$1 line=$2 n
    shift 2
    for n in 1 4; do
        run_into "$work/$n" ranks $n "$CAMRANK" "$@"
        judge "$work/$n" "$code" "camrank: $line" "$* at $n ranks"
        [ ! -s "$work/$n/out" ] || fail "$* at $n ranks: on standard output: $(cat "$work/$n/out")"
    done
    find . | sort | diff "$work/files" - >"$work/left" || fail "$*: leaves $(cat "$work/left")"
}

# alone CODE LINE ARGUMENTS...: the same without mpirun, for what a rank never comes to or all ranks
# come to in the same way.
alone() {
    local code=$1 line=$2
    shift 2
    expect "$code" "camrank: $line" timeout 300 "$CAMRANK" "$@"
    [ ! -s "$work/out" ] || fail "$* : prints to standard output: $(cat "$work/out")"
}

head -n 5 synsets.txt >five.txt
head -c 2000 fc.onnx >cut.onnx
head -c 3000 /dev/zero | tr '\0' '\125' >noise.onnx
: >empty.onnx
{ head -n 5 ground_truth.csv; echo "img_000,n00001000 1 2 3"; } >short_box.csv
{ head -n 3 ground_truth.csv; echo "img_000,n00001000 5 5 x 9"; } >no_number.csv
{ cat ground_truth.csv; echo "img_900,n00001000 1 2 3 4"; } >no_file.csv
# As if the images had been resized to a quarter after they were annotated.
awk 'NR > 1 { n = split($0, w, " "); for (i = 2; i <= n; i++) if (w[i] ~ /^[0-9]+$/) w[i] *= 4
    $0 = w[1]; for (i = 2; i <= n; i++) $0 = $0 " " w[i] } { print }' ground_truth.csv >resized.csv
sed 's/^models:/modles:/' job.yaml >misspelt.yaml
sed 's/^batch: 8/batch: many/' job.yaml >no_int.yaml
printf 'name: [\n' >broken.yaml
echo "not an HDF5 file" >there.h5
mkdir folder
find . | sort >"$work/files"

# A launcher that MPI does not know: each process would be a run of its own.
for launcher in SLURM_STEP_NUM_TASKS:SLURM_PROCID:srun PMI_SIZE:PMI_RANK:PMI \
    OMPI_COMM_WORLD_SIZE:OMPI_COMM_WORLD_RANK:mpirun; do
    IFS=: read -r size rank name <<<"$launcher"
    expect 2 "camrank: started 4 times by *$name*, but MPI knows of one process each: *" \
        env $size=4 $rank=0 timeout 300 "$CAMRANK" run job.yaml
    expect 2 '' env $size=4 $rank=1 timeout 300 "$CAMRANK" run job.yaml
done

refused 3 '*resized.csv: boxes reach beyond their image in * of * images looked at, first in img_*' \
    run job.yaml --set dataset.ground_truth=resized.csv
refused 3 '*resized.csv: boxes reach beyond their image in *' \
    check job.yaml --set dataset.ground_truth=resized.csv

# The command line.
refused 2 'a command is missing; see camrank --help'
refused 2 'unknown command "bogus"; see camrank --help' bogus
refused 2 'unknown command "rnu" (did you mean "run"?); see camrank --help' rnu
alone 2 'unknown command "shwo" (did you mean "show"?); see camrank --help' help shwo
alone 2 'run: option --limt is unknown or ambiguous (did you mean "--limit"?); see *' run job.yaml --limt 3
alone 2 '--set *: unknown method "gradcam" (did you mean "grad-cam"?); see camrank methods' \
    run job.yaml --set 'methods=[gradcam]'
alone 2 '--set protocol=cam_papr: protocol: unknown protocol "cam_papr" (did you mean "cam-paper"?); known: *' \
    run job.yaml --set protocol=cam_papr
alone 2 '--set *: unknown metric "pointing" (did you mean "pointing-game"?); *' \
    run job.yaml --set 'metrics=[pointing]'
alone 2 '--set dataset.layout=kagle: dataset.layout: must be *, not "kagle" (did you mean "kaggle"?)' \
    run job.yaml --set dataset.layout=kagle
alone 3 'misspelt.yaml:7: unknown key "modles" (did you mean "models"?); *' run misspelt.yaml
alone 3 './gap.onnx: no method that is asked for applies: grad-cam@cnov1: no layer is named "cnov1" (did you mean "conv1"?); *' \
    run job.yaml --set 'methods=[grad-cam@cnov1]'
alone 2 'unknown command "--bogus"; see camrank --help' --bogus
refused 2 'run: the job file is missing; see camrank run --help' run
alone 2 'run: "b.yaml" is one argument too many' run job.yaml b.yaml
alone 2 'run: option --colour is unknown or ambiguous; see camrank run --help' run job.yaml --colour
alone 2 'run: option -y is unknown or ambiguous; see camrank run --help' run job.yaml -yz
alone 2 'run: option --force=3 takes no value' run --force=3 job.yaml
alone 2 'run: option --limit needs a value' run job.yaml --limit
alone 2 '--limit 0: must be a whole number of at least 1' run job.yaml --limit 0
alone 2 '--limit 3x: must be a whole number of at least 1' run job.yaml --limit 3x
alone 2 '--set batch: must be key=value' run job.yaml --set batch
alone 2 '--set output=$NOWHERE/a.h5: output: $NOWHERE is not set in the environment*' \
    run job.yaml --set 'output=$NOWHERE/a.h5'
refused 2 '--set colour=red: unknown key "colour"; allowed: name, *' run job.yaml --set colour=red
alone 2 '--set batch=0: batch: 0, must be 1 to 1024' run job.yaml --set batch=0
alone 2 'check: option --colour is unknown or ambiguous; see *' check job.yaml --colour

alone 2 'report: the results file is missing; see camrank report --help' report
alone 2 'unknown format `xml`: one of text, csv, json, markdown, latex, html' report there.h5 --format xml
alone 2 'show: a results file, an image and -o FILE are needed; see camrank show --help' show there.h5
alone 2 '--rank 6: must be 1 to 5' show there.h5 img_000 -o x.png --rank 6
alone 2 "inspect: the model's file is missing; see camrank inspect --help" inspect
alone 2 '--size 3: must be WIDTHxHEIGHT, such as 224x224' inspect fc.onnx --size 3
alone 3 'there.h5: not a readable HDF5 file: *' report there.h5
alone 3 'there.h5: not a readable HDF5 file: *' show there.h5 img_000 -o x.png
alone 3 'none.h5: No such file or directory' report none.h5
alone 3 'none.onnx: No such file or directory' inspect none.onnx
alone 3 'cut.onnx: is not an ONNX model, or is damaged; export it, or copy it, again' inspect cut.onnx
alone 3 'fc.onnx: *has height 32, not 64: give the size *' inspect fc.onnx --size 64x64
[ -e x.png ] && fail "show leaves a picture behind"

# A file in another's place is called what it is.
mkdir -p ../given && printf '\211HDF\r\n\032\n' >../given/some.h5 && cp job.yaml ../given/job
refused 3 '../given/some.h5: is an HDF5 file, not a job: if it holds results, camrank report *' run ../given/some.h5
refused 3 'fc.onnx: is a network, not a job: camrank init writes a job for it' check fc.onnx
alone 3 'job.yaml: is a job, not a results file: camrank run computes it, *' report job.yaml
alone 3 'job.yaml: is a job, not a results file: *' compare job.yaml
alone 3 'fc.onnx: is a network, not a results file: *' show fc.onnx img_000 -o x.png
alone 3 'images/img_001.jpg: is an image, not a network: *' explain images/img_001.jpg fc.onnx -o ../given/pictures
alone 3 '../given/some.h5: is an HDF5 file, not a network: *' inspect ../given/some.h5
alone 3 '../given/some.h5: not a readable HDF5 file: *' report ../given/some.h5

# Variables of the environment that mean nothing.
for variable in CAMRANK_ISA=nope CAMRANK_NODE_RANKS=0 CAMRANK_NODE_RANKS=2x CAMRANK_FAULT=cr_par_agree; do
    export "${variable?}"
    refused 2 "$variable: must be *" run job.yaml
    alone 2 "$variable: must be *" report there.h5
    expect 0 '' "$CAMRANK" report --help
    unset "${variable%%=*}"
done

# The job file.
refused 3 'none.yaml: No such file or directory' run none.yaml
alone 3 'folder: not a regular file' run folder
alone 3 'no_int.yaml:16: batch: *' run no_int.yaml
refused 3 'broken.yaml:2: *' run broken.yaml

# The image set.
refused 3 './nowhere: No such file or directory' run job.yaml --set dataset.images=nowhere
refused 2 '--set dataset.images=none: dataset.images: none is for a job without models (models: [])' \
    run job.yaml --set dataset.images=none
refused 3 './ground_truth.csv: the baselines need the sizes of the images, which this layout *' \
    run job.yaml --set dataset.images=none --set 'models=[]'
refused 3 './none.csv: No such file or directory' run job.yaml --set dataset.ground_truth=none.csv
refused 3 './none.txt: No such file or directory' run job.yaml --set dataset.synsets=none.txt
alone 3 './none.txt: No such file or directory' run job.yaml --set dataset.exclude=none.txt
refused 3 './short_box.csv:6: box 1 has no y1; *' run job.yaml --set dataset.ground_truth=short_box.csv
refused 3 './no_number.csv:4: *' run job.yaml --set dataset.ground_truth=no_number.csv
refused 3 './synsets.txt:1: *' run job.yaml --set dataset.ground_truth=synsets.txt
refused 3 './images: 1 of 38 images have no file: img_900' \
    run job.yaml --set dataset.ground_truth=no_file.csv
refused 3 './ground_truth.csv:*: class * is not in the synset list ./five.txt' \
    run job.yaml --set dataset.synsets=five.txt

# The networks.
refused 3 './none.onnx: No such file or directory' run job.yaml --set models.1.file=none.onnx
for file in cut noise; do
    refused 3 "./$file.onnx: is not an ONNX model, or is damaged; *" \
        run job.yaml --set models.1.file=$file.onnx
done
alone 3 './empty.onnx: is empty, not an ONNX model' run job.yaml --set models.1.file=empty.onnx
refused 3 './gap.onnx: no method that is asked for applies: grad-cam@nowhere: no layer is named "nowhere"; *' \
    run job.yaml --set 'methods=[grad-cam@nowhere]'
refused 3 'methods: grad-cam@nowhere: none of the networks has such a layer; *' \
    run job.yaml --set 'methods=[grad-cam, grad-cam@nowhere]'
refused 3 './gap.onnx: grad-cam@nowhere: no layer is named "nowhere"; *' \
    run job.yaml --set 'models.0.methods=[grad-cam, grad-cam@nowhere]'
refused 3 './gap.onnx: layer "logits" is no map of channels, height and width; *' \
    run job.yaml --set models.0.layer=logits
refused 3 './gap.onnx: no kernel of convolutions is named "fft": there are *' \
    run job.yaml --set 'models.0.kernels=[fft]'
refused 3 './gap.onnx: no convolution is named "nowhere"' \
    run job.yaml --set 'models.0.kernels=[gather@nowhere]'
refused 3 './gap.onnx: the kernel depthwise does not fit the convolution "conv1"' \
    run job.yaml --set 'models.0.kernels=[gather, depthwise@conv1]'
refused 3 './fc.onnx: no method that is asked for applies: cam: *' run job.yaml --set 'methods=[cam]'
refused 3 './gap.onnx: *has height 32, not 64: give the size *' run job.yaml --set 'models.0.input.size=[64, 64]'
# A file of 150 bytes that wants gigabytes, and a limit of one's own.
"$PYTHON" -c '
from onnx import TensorProto, helper, save
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
        for name, dims in (("x", [1, 3, 18000, 18000]), ("y", [1, 3])))
nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("GlobalAveragePool", ["r"], ["g"]),
         helper.make_node("Flatten", ["g"], ["y"])]
save(helper.make_model(helper.make_graph(nodes, "g", [x], [y]), opset_imports=[
    helper.make_opsetid("", 13)], ir_version=7), "wide.onnx")' || fail "wide.onnx"
find . | sort >"$work/files"
beyond='its activations take * MB for * inputs at a time, more than the limit of * MB (activations_mb)'
alone 3 "wide.onnx: $beyond" inspect wide.onnx --plan
alone 2 '--activations-mb 0: must be a whole number of at least 1' \
    inspect wide.onnx --plan --activations-mb 0
refused 3 "./gap.onnx: $beyond" run job.yaml --set batch=1024 --set limits.activations_mb=16
# One class more, which no image has: the networks do not fit.
{ cat synsets.txt && echo "n99999999 extra"; } >eleven.txt
find . | sort >"$work/files"
refused 3 './gap.onnx: it has 10 outputs, the synset list 11 classes' \
    run job.yaml --set dataset.synsets=eleven.txt

# The results file.
refused 3 'there.h5: exists already; --resume continues it, --force replaces it' run job.yaml -o there.h5
alone 3 'folder: is a folder; a results file is wanted' run job.yaml -o folder
refused 3 'there.h5/in/a.h5: its folder cannot be made: Not a directory' run job.yaml -o there.h5/in/a.h5
refused 3 'there.h5/in/a.h5: cannot be written: Not a directory' check job.yaml -o there.h5/in/a.h5
contains there.h5 "not an HDF5 file"
refused 3 './none.onnx: No such file or directory' \
    run job.yaml -o there.h5 --force --set models.1.file=none.onnx
contains there.h5 "not an HDF5 file" # --force replaces nothing before the input is known to be good

# What root may always do.
if [ "$(id -u)" != 0 ]; then
    chmod 000 gap.onnx synsets.txt
    refused 3 './synsets.txt: Permission denied' run job.yaml
    chmod 644 synsets.txt
    refused 3 './gap.onnx: Permission denied' run job.yaml
    chmod 644 gap.onnx
    chmod 555 folder
    refused 3 'folder/a.h5: cannot be written: Permission denied' run job.yaml -o folder/a.h5
fi

# Standard output on a full disk.
checks=$((checks + 1))
timeout 300 "$CAMRANK" inspect fc.onnx >/dev/full 2>"$work/err"
[ "$? $(cat "$work/err")" = "4 camrank: standard output: No space left on device" ] ||
    fail "inspect >/dev/full: $(cat "$work/err")"

# One rank only fails. on_rank R COMMANDS: the shell commands that rank R runs before camrank.
on_rank() {
    printf '%s\n' "[ \$OMPI_COMM_WORLD_RANK != $1 ] || { $2; }" 'exec "$@"' >"$work/on_rank.sh"
}
# It does not see what the others see.
mkdir "$work/elsewhere"
on_rank 2 "cd $work/elsewhere"
expect 3 'camrank: rank 2: a.h5: not the file that rank 0 made: No such file or directory' \
    ranks 4 bash "$work/on_rank.sh" "$CAMRANK" run "$PWD/job.yaml" -o a.h5
[ -e a.h5 ] && fail "a refused run leaves its results file behind"
# It cannot write the end of the file (and gets no signal for it).
"$CAMRANK" run job.yaml -o b.h5 >"$work/out" 2>&1 || fail "b.h5: $(cat "$work/out")"
alone 3 'b.h5: its maps take 1? MB for 1024 images at a time, more than the limit of 5 MB (activations_mb)' \
    score b.h5 job.yaml -o d.h5 --set batch=1024 --set limits.activations_mb=5
on_rank 0 "ulimit -f $(($(stat -c %s b.h5) / 1024 - 1)); trap '' XFSZ"
expect 4 'camrank: b.h5: *: File too large' \
    ranks 4 bash "$work/on_rank.sh" "$CAMRANK" run job.yaml -o b.h5 --force

# In the middle of a run the rank that gets image 20 runs out of memory: all stop.
if [ -z "${CAMRANK_TEST_ASAN:-}" ]; then
    "$PYTHON" -c 'from PIL import Image; Image.new("1", (65500, 4000)).save("huge.png")'
    mv huge.png images/img_020.png
    # What the program itself needs, to 200 MB; the image needs 786 MB more.
    limit=400000
    until (ulimit -v $limit; exec "$CAMRANK" inspect fc.onnx >/dev/null 2>&1); do
        limit=$((limit + 200000))
        [ $limit -lt 8000000 ] || break
    done
    for n in 1 4; do
        checks=$((checks + 1))
        (ulimit -v $((limit + 400000)); ranks $n "$CAMRANK" run job.yaml -o c.h5 --force \
            --set batch=1 --set limits.image_mpixels=268 --set 'methods=[grad-cam]') >"$work/out" 2>"$work/err"
        code=$?
        [ $code = 5 ] || fail "out of memory at $n ranks: exit $code, expected 5: $(cat "$work/err")"
        sed -i '/^camrank: job sample, /d' "$work/err"
        without_libevent "$work/err"
        [[ $(cat "$work/err") = "camrank: "*"out of memory: "* && $(wc -l <"$work/err") = 1 ]] ||
            fail "out of memory at $n ranks: expected one line, got $(cat "$work/err")"
    done
fi
finish
