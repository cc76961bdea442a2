#!/bin/bash
# A model with more than 2 GB of external data gives the logits of the same network without the layers
# that change nothing.
. tests/cli/lib.sh
[ "$(awk '/^MemAvailable/ { print int($2 / 1e6) }' /proc/meminfo)" -ge 7 ] || skip "7 GB are not free"
make_sample sample
"$PYTHON" tests/cli/external_large.py "$work/sample" || exit 1
cd "$work/sample" || exit 1
set -- --set 'methods=[grad-cam@conv2_relu]' --limit 8
check "without the layers" "$CAMRANK" run job.yaml "$@" -o small.h5
check "with them" timeout 300 mpirun -q -n 2 "$CAMRANK" run job.yaml "$@" -o large.h5 \
    --set models.0.file=large.onnx
check "the same logits and maps" "$PYTHON" - <<'PYTHON'
import h5py
import numpy as np
with h5py.File("small.h5") as a, h5py.File("large.h5") as b:
    a, b = a["models/gap"], b["models/gap"]
    assert np.ptp(a["top_logit"][()]) > 0
    assert (a["top_class"][()] == b["top_class"][()]).all()
    worst = np.abs(a["top_logit"][()] - b["top_logit"][()]).max()
    variant = next(name for name in a if isinstance(a[name], h5py.Group))
    maps = [f[variant]["maps"][()] for f in (a, b)]
    assert maps[0].std() > 0
    # A product with ones and zeros is exact; what is added up in another order is not.
    assert worst < 1e-5 and np.abs(maps[0] - maps[1]).max() < 1e-5 * np.abs(maps[0]).max(), worst
PYTHON
finish
