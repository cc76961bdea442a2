#!/bin/bash
# The same with VGG-16, 553 MB of weights.
"${PYTHON:-/usr/bin/python3}" -c 'import torchvision' 2>/dev/null || { echo "skipped: torchvision is missing"; exit 77; }
NETWORK=vgg16 exec bash tests/cli/memory.sh
