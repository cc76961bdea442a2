#!/bin/bash
# `camrank patterns`: of each class the regions that maps pick out, their mean and the labels that go with them, counted
# again in NumPy; sets without boxes and without labels; the page.
. tests/cli/lib.sh
"$PYTHON" -c 'import h5py, scipy' 2>/dev/null || skip "h5py or SciPy is missing"
cp -r jobs/demo "$work/demo"
rm -f "$work/demo"/*.h5
sed -i '1s| .*| <script>document.title = "taken"</script>|' "$work/demo/synsets.txt"
cd "$work"

"$PYTHON" - "$work" <<'END'
import os
import random
import re
import sys

work = sys.argv[1]
random.seed(4)
ids = sorted(os.path.splitext(name)[0] for name in os.listdir(f"{work}/demo/images"))[:60]
with open(f"{work}/labels.csv", "w", newline="") as file:
    file.write("image,attribute\nelsewhere,sky\n")
    for i in ids:
        for label, share in ("sky", .5), ('"a, b"', .3), ("<b>bold</b>", .4):
            if random.random() < share:
                file.write(f"{i},{label}\n" * (1 + (random.random() < .1)))
# Class folders of these; and jobs of one network, with boxes, with folders, and with nothing.
wnids = [line.split()[0] for line in open(f"{work}/demo/synsets.txt")]
rows = {row.split(",")[0]: row.split(",")[1].split()[0] for row in open(f"{work}/demo/ground_truth.csv").readlines()[1:]}
for i in ids:
    os.makedirs(f"{work}/folders/{rows[i]}", exist_ok=True)
    name = [n for n in os.listdir(f"{work}/demo/images") if n.startswith(i + ".")][0]
    os.symlink(f"{work}/demo/images/{name}", f"{work}/folders/{rows[i]}/{name}")
job = open(f"{work}/demo/demo.yaml").read()
job = re.sub(r"(  - name: gap\n(?:    .*\n)*)(?:  .*\n)*", r"\1", job)
job = job.replace("methods: [cam, grad-cam]", "methods: [{name: cam, keep: all}]")
bare = job.replace("  ground_truth: ground_truth.csv\n", "")
jobs = {"boxes": job, "none": bare.replace("layout: kaggle", "layout: none"),
        "folders": bare.replace("layout: kaggle", "layout: folders").replace("images: images", "images: ../folders")}
for name, text in jobs.items():
    with open(f"{work}/demo/{name}.yaml", "w") as file:
        file.write(text)
END
for set in boxes folders none; do
    check "a run of $set" "$CAMRANK" run "demo/$set.yaml" --limit 60 -o "$set.h5"
done

expect 2 'camrank: patterns: -o FOLDER or -o FILE.html is missing' "$CAMRANK" patterns boxes.h5
expect 2 'camrank: --by class: must be truth or predicted' "$CAMRANK" patterns boxes.h5 -o a --by class
expect 2 'camrank: --share 100: must be 1 to 99' "$CAMRANK" patterns boxes.h5 -o a --share 100
sed 's/attribute/label/' labels.csv >bad.csv
expect 3 'camrank: bad.csv:1: the header is not image,attribute' \
    "$CAMRANK" patterns boxes.h5 -o a --attributes bad.csv
printf 'image,attribute\nelsewhere,sky\n' >other.csv
expect 3 'camrank: other.csv: no row is of an image of the results file' \
    "$CAMRANK" patterns boxes.h5 -o a --attributes other.csv
check "nothing is left of these" [ ! -e a ]

count_again() { # FILE, by, further options
    rm -rf shown
    expect 0 '' "$CAMRANK" patterns "$1.h5" -o shown --attributes labels.csv --count 5 --share 30 "${@:3}"
    check "$1: the numbers are NumPy's" "$PYTHON" "$cli/patterns.py" numbers "$1.h5" shown labels.csv "$2" 5 .3
}
count_again boxes truth
count_again boxes predicted --by predicted
count_again folders truth
count_again none predicted
expect 3 'camrank: *shown/index.html*' "$CAMRANK" patterns none.h5 -o shown
expect 0 '' "$CAMRANK" patterns none.h5 -o shown --force

expect 0 '' "$CAMRANK" patterns boxes.h5 -o page.html --attributes labels.csv
check "nothing from anywhere else" "$PYTHON" - page.html <<'END'
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
assert not re.search(r"https?://|(?:src|href)=\"(?!data:image/|#)", text)
assert text.count("<script>") == 1 and "&lt;script&gt;document.title" in text
END
expect 0 '' "$CAMRANK" patterns boxes.h5 -o scenes --attributes demo/labels.csv
contains scenes/labels.csv '"sky",'
# The sample's second set, text against no text: two folders, without boxes.
check "a run of text" "$CAMRANK" run demo/text.yaml -o text.h5
expect 0 '' "$CAMRANK" patterns text.h5 -o words --count 20
check "regions of both classes" [ "$(grep -c '^"text",\|^"no-text",' words/regions.csv)" = 40 ]
rm -r demo/images
expect 0 '' "$CAMRANK" patterns boxes.h5 -o bare.html
contains bare.html 'the image is needed for the picture (--images gives its folder or tar)'
if command -v tidy >/dev/null; then
    for page in page bare; do
        tidy -q -e "$page.html" 2>tidy
        check "$page.html is valid: $(head -n 3 tidy)" [ ! -s tidy ]
    done
else
    echo "skipped: no tidy, so the pages are not validated"
fi
if command -v chromedriver >/dev/null && command -v chromium >/dev/null; then
    check "the page in a browser" timeout 250 "$PYTHON" "$cli/patterns.py" page page.html "${SHOTS:-}"
else
    echo "skipped: no chromium with its driver, so the page is not tried in a browser"
fi
finish
