"""A page of `camrank report --format html` in headless Chromium, over WebDriver: sorts, searches, filters, copies, opens
pictures, and logs no error. usage: page.py PAGE.html REPORT.json [FOLDER for screenshots]"""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request

page, report, shots = sys.argv[1], json.load(open(sys.argv[2])), sys.argv[3] if len(sys.argv) > 3 else ""
scratch = tempfile.TemporaryDirectory()
driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
port = None
for line in driver.stdout:
    if found := re.search(r"successfully on port (\d+)", line):
        port = found[1]
        break


def call(method, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["value"]


def start(*more):
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 f"--user-data-dir={scratch.name}/{len(more)}", "--window-size=1300,2400", *more]
    return call("POST", "/session", {"capabilities": {"alwaysMatch": {
        "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]


def shot(session, name):
    if shots:
        os.makedirs(shots, exist_ok=True)
        with open(f"{shots}/{name}.png", "wb") as out:
            out.write(base64.b64decode(call("GET", f"/session/{session}/screenshot")))


try:
    session = start()

    def run(script):
        return call("POST", f"/session/{session}/execute/sync", {"script": script, "args": []})

    def column(table, title):
        return run(f"""const table = document.getElementById({json.dumps(table)});
            const place = [...table.tHead.rows[0].cells].findIndex(c => c.textContent.startsWith({json.dumps(title)}));
            return [...table.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[place].dataset.v)""")

    def press(table, title):
        run(f"""[...document.querySelectorAll({json.dumps('#' + table + ' th button')})]
            .find(b => b.textContent.startsWith({json.dumps(title)})).click()""")

    call("POST", f"/session/{session}/url", {"url": "file://" + page})
    shot(session, "top")
    assert run("return document.title") == "demo - camrank"
    assert run("return document.body.textContent.includes('<script>document.title = \"taken\"</script>')")
    assert run("return document.body.textContent.includes('rock & \"roll\", it\\'s')")

    # The numbers are those of the report, and sorting puts them in order, what has none last.
    rows = report["rows"]
    want = ["-" if r["top1_loc_error"] is None else f"{r['top1_loc_error']:.2f}" for r in rows]
    assert column("error-table", "top-1 loc") == want
    press("error-table", "top-1 loc")
    there = sorted((w for w in want if w != "-"), key=float)
    assert column("error-table", "top-1 loc") == there + ["-"] * want.count("-")
    assert run("return document.querySelectorAll('#error-table [aria-sort=ascending]').length") == 1
    press("error-table", "top-1 loc")
    assert column("error-table", "top-1 loc") == there[::-1] + ["-"] * want.count("-")
    press("error-table", "model")
    assert column("error-table", "model") == sorted(r["model"] for r in rows)
    assert "sorted by model" in run("return document.getElementById('said').textContent")

    # Search among classes.
    assert len(column("class-table", "class")) == 10
    run("""const i = document.querySelector('input[data-table=class-table]'); i.value = 'ROLL';
        i.dispatchEvent(new Event('input'))""")
    assert column("class-table", "class") == ['rock & "roll", it\'s']

    # Filters of the gallery.
    def pick(key, value):
        run(f"""const s = document.querySelector('[data-filter={key}]'); s.value = {json.dumps(value)};
            s.dispatchEvent(new Event('change'))""")

    def visible():
        return run("return [...document.querySelectorAll('.gallery li')].filter(i => !i.hidden).map(i => ({...i.dataset}))")

    everything = visible()
    assert len(everything) == 5 * 4 * 8 and {i["why"] for i in everything} == {"worst", "best", "random", "flipped"}
    pick("why", "worst")
    assert visible() == [i for i in everything if i["why"] == "worst"]
    pick("row", "gmp/cam")
    assert len(visible()) == 8
    pick("outcome", "wrong class")
    assert visible() == [i for i in everything
                         if i["why"] == "worst" and i["row"] == "gmp/cam" and i["outcome"] == "wrong class"]
    pick("outcome", "")
    assert run("return document.getElementById('shown').textContent") == f"8 of {len(everything)} pictures"
    pick("class", '<script>document.title = "taken"</script>')
    pick("row", "")
    pick("why", "")
    assert 0 < len(visible()) < len(everything)
    pick("class", "")
    assert len(visible()) == len(everything)

    # A picture, by mouse and by keys.
    assert run("""return [...document.querySelectorAll('.gallery img')]
        .every(i => i.complete && i.naturalWidth > 0 && i.naturalWidth <= 168 && i.alt)""")
    run("document.querySelector('.gallery button').focus(); document.activeElement.click()")
    assert run("return document.querySelector('dialog').open")
    first = run("return document.querySelector('dialog .about').textContent")
    shot(session, "picture")
    run("document.querySelector('dialog [data-step=\"1\"]').click()")
    assert run("return document.querySelector('dialog .about').textContent") not in ("", first)
    call("POST", f"/session/{session}/actions", {"actions": [{"type": "key", "id": "k", "actions": [
        {"type": "keyDown", "value": "\ue012"}, {"type": "keyUp", "value": "\ue012"}]}]})
    assert run("return document.querySelector('dialog .about').textContent") == first
    call("POST", f"/session/{session}/actions", {"actions": [{"type": "key", "id": "k", "actions": [
        {"type": "keyDown", "value": "\ue00c"}, {"type": "keyUp", "value": "\ue00c"}]}]})
    assert not run("return document.querySelector('dialog').open")

    # Copying, figures, names for readers, and no error.
    run("document.querySelector('[data-copy][data-table=error-table]').click()")
    assert run("return document.querySelectorAll('figure svg[role=img] title').length") >= 10
    assert run("return document.querySelectorAll('figure').length") == 10
    assert run("""return [...document.querySelectorAll('section')]
        .every(s => document.getElementById(s.getAttribute('aria-labelledby')))""")
    assert run("return [...document.querySelectorAll('select, input')].every(e => e.closest('label'))")
    assert run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    # Words that are too wide for their place would be drawn narrower.
    assert run("""return [...document.querySelectorAll('svg text')]
        .every(t => t.getBBox().width <= Number(t.getAttribute('textLength')) + 1)""")
    run("document.getElementById('pictures').scrollIntoView()")
    shot(session, "pictures")
    run("document.getElementById('figures').scrollIntoView()")
    shot(session, "figures")
    assert call("POST", f"/session/{session}/se/log", {"type": "browser"}) == []
    pdf = base64.b64decode(call("POST", f"/session/{session}/print", {}))
    assert pdf.startswith(b"%PDF-") and len(pdf) > 50000
    call("DELETE", f"/session/{session}")
finally:
    driver.terminate()
    driver.wait()
    scratch.cleanup()
