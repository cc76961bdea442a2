#!/bin/bash
# A Caffe network, two files, through all commands that take one.
. tests/cli/lib.sh
judge=$PWD/tests/judge
make_sample sample
cd "$work/sample" || exit 1
PYTHONPATH=$judge "$PYTHON" - "$(wc -l <synsets.txt)" <<'END' || fail "the network"
import sys
from caffe_writer import Network
net = Network((10, 3, 32, 32), seed=3)
x = net.relu("relu1", net.conv("conv1", "data", 3, 8, 3, "pad: 1"))
net.layer("Softmax", "prob", net.dense("fc", net.global_pool("pool", x), 8, int(sys.argv[1])))
with open("deploy.prototxt", "wb") as file:
    file.write(net.text())
with open("net.caffemodel", "wb") as file:
    file.write(net.model())
END
model='{name: caffe, file: deploy.prototxt, weights: net.caffemodel, input: {preset: caffe, size: [32, 32], short_side: 36}}'
run=(timeout 300 "$CAMRANK" run job.yaml --set "methods=[cam, grad-cam]" -o caffe.h5)

check "a run" "${run[@]}" --set "models=[$model]"
contains "$work/check" '^camrank: model caffe: its logits are those before Softmax prob$'
check "a check" "$CAMRANK" check job.yaml --set "models=[$model]" --set "methods=[cam]" --set output=none.h5
check "it is resumed" "${run[@]}" --set "models=[$model]" --resume
expect 3 'camrank: *deploy.prototxt: is a network without its weights; name their file with `weights:` of the model, or --weights' \
    "${run[@]}" --force --set "models=[${model/ weights: net.caffemodel,/}]"
expect 3 'camrank: *net.caffemodel: is not an ONNX model but the weights of a Caffe network; give `file: deploy.prototxt` and *' \
    "${run[@]}" --force --set "models=[${model/deploy.prototxt, weights: /}]"
expect 3 'camrank: *gap.onnx: holds its weights itself; leave *net.caffemodel out' \
    "${run[@]}" --force --set "models=[${model/deploy.prototxt/gap.onnx}]"
printf 'x' >>net.caffemodel
expect 3 'camrank: *net.caffemodel: *' "${run[@]}" --set "models=[$model]" --resume
truncate -s -1 net.caffemodel

# The weights are found from the job's folder, wherever that is.
mkdir jobs
check "init" "$CAMRANK" init deploy.prototxt --weights net.caffemodel --images images --ground-truth ground_truth.csv \
    --synsets synsets.txt -o jobs/init.yaml
contains jobs/init.yaml "^    weights: '/.*/net.caffemodel'\$"
contains jobs/init.yaml "input: caffe"
check "what init wrote" timeout 300 "$CAMRANK" run jobs/init.yaml -o init.h5
check "inspect" "$CAMRANK" inspect deploy.prototxt --weights net.caffemodel --layers
contains "$work/check" '^default of cam: relu1$'
run_into "$work" "$CAMRANK" explain deploy.prototxt images --weights net.caffemodel -o explained
check "explain" test "$(cat "$work/code")" = 0
finish
