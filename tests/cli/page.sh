#!/bin/bash
# `camrank report --format html`: one valid page that needs no network, shows text from files as text, and does what it
# offers in a browser without an error.
. tests/cli/lib.sh
cp -r jobs/demo "$work/demo"
rm -f "$work/demo"/*.h5
# Classes as nobody should call them.
sed -i '1s| .*| <script>document.title = "taken"</script>|; 2s| .*| rock \& "roll", it'"'"'s|' "$work/demo/synsets.txt"
file=$work/some.h5
check "a run" "$CAMRANK" run "$work/demo/demo.yaml" --limit 120 -o "$file"

expect 2 'camrank: report: -o writes csv, json, latex and html, which --format names; for text redirect the output: > FILE' "$CAMRANK" report "$file" -o "$work/a.txt"
expect 2 'camrank: report: --images is for pictures, which html alone has' "$CAMRANK" report "$file" --images "$work"
for format in csv json html; do
    expect 0 '' "$CAMRANK" report "$file" --format $format -o "$work/page.$format"
    expect 3 'camrank: *page.*' "$CAMRANK" report "$file" --format $format -o "$work/page.$format"
    expect 0 '' "$CAMRANK" report "$file" --format $format -o "$work/page.$format" --force
    "$CAMRANK" report "$file" --format $format >"$work/printed"
    check "$format is the same as printed" cmp "$work/printed" "$work/page.$format"
done
check "below 5 MB" [ "$(stat -c %s "$work/page.html")" -lt 5000000 ]
check "nothing from anywhere else" "$PYTHON" - "$work/page.html" <<'END'
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
assert set(re.findall(r"https?://[^\s\"'<>)]*", text)) == {"http://www.w3.org/2000/svg"}
assert not re.search(r"(?:src|href)=\"(?!data:image/|#)", text)
assert text.count("<script>") == 1 and "&lt;script&gt;document.title" in text
END

# Where something is missing the page says so.
rm -r "$work/demo/images"
expect 0 '' "$CAMRANK" report "$file" --format html -o "$work/bare.html" --model fc
contains "$work/bare.html" 'the image is needed for the picture (--images gives its folder or tar)'
contains "$work/bare.html" 'one row alone: nothing to compare it with'
expect 0 '' "$CAMRANK" report "$file" --format html -o "$work/whole.html" --model fc --images jobs/demo/images
contains "$work/whole.html" 'data:image/jpeg;base64,'
expect 0 '' "$CAMRANK" report "$file" --format html -o "$work/baselines.html" --model baseline
contains "$work/baselines.html" 'there are no rows but baselines: nothing to draw'

if command -v tidy >/dev/null; then
    for page in page bare whole baselines; do
        tidy -q -e "$work/$page.html" 2>"$work/tidy"
        check "$page.html is valid: $(head -n 3 "$work/tidy")" [ ! -s "$work/tidy" ]
    done
else
    echo "skipped: no tidy, so the pages are not validated"
fi
if command -v chromedriver >/dev/null && command -v chromium >/dev/null; then
    check "the page in a browser" timeout 250 "$PYTHON" "$cli/page.py" "$work/page.html" "$work/page.json" "${SHOTS:-}"
else
    echo "skipped: no chromium with its driver, so the page is not tried in a browser"
fi
finish
