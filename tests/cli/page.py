"""A page of `camrank report --format html` in headless Chromium, over WebDriver: sorts, searches, filters, copies, opens
pictures, and logs no error. usage: page.py PAGE.html REPORT.json [FOLDER for screenshots]"""
import base64
import json
import sys

from browser import Browser

page, report, shots = sys.argv[1], json.load(open(sys.argv[2])), sys.argv[3] if len(sys.argv) > 3 else ""
with Browser(shots) as browser:
    browser.open(page)
    browser.shot("top")
    assert browser.run("return document.title") == "demo - camrank"
    assert browser.run("return document.body.textContent.includes('<script>document.title = \"taken\"</script>')")
    assert browser.run("return document.body.textContent.includes('rock & \"roll\", it\\'s')")

    # The numbers are those of the report, and sorting puts them in order, what has none last.
    rows = report["rows"]
    want = ["-" if r["top1_loc_error"] is None else f"{r['top1_loc_error']:.2f}" for r in rows]
    assert browser.column("error-table", "top-1 loc") == want
    browser.press("error-table", "top-1 loc")
    there = sorted((w for w in want if w != "-"), key=float)
    assert browser.column("error-table", "top-1 loc") == there + ["-"] * want.count("-")
    assert browser.run("return document.querySelectorAll('#error-table [aria-sort=ascending]').length") == 1
    browser.press("error-table", "top-1 loc")
    assert browser.column("error-table", "top-1 loc") == there[::-1] + ["-"] * want.count("-")
    browser.press("error-table", "model")
    assert browser.column("error-table", "model") == sorted(r["model"] for r in rows)
    assert "sorted by model" in browser.run("return document.getElementById('said').textContent")

    # Every column says what it is, and no table of what was run is cut on a small screen.
    unsaid = browser.run("""return [...document.querySelectorAll('th button')].filter(b => !(b.title.length > 10))
        .map(b => b.closest('table').id + ': ' + b.textContent)""")
    assert unsaid == [], unsaid
    meant = browser.run("return [...document.querySelectorAll('#errors dt')].map(e => e.textContent)")
    for title in browser.run("""return [...document.querySelectorAll('#error-table th button')]
            .map(b => b.textContent.replace(/[\u2191\u2193]/g, ''))"""):
        assert title in meant, (title, meant)
    browser.resize(1200, 900)
    cut = browser.run("""return [...document.querySelectorAll('#run .scroll')]
        .filter(s => s.scrollWidth > s.clientWidth).map(s => s.querySelector('table').id)""")
    assert cut == [], cut
    browser.resize(1300, 2400)

    # Search among classes.
    assert len(browser.column("class-table", "class")) == 10
    browser.search("class-table", "ROLL")
    assert browser.column("class-table", "class") == ['rock & "roll", it\'s']

    # Filters of the gallery.
    everything = browser.visible()
    assert len(everything) == 5 * 4 * 8 and {i["why"] for i in everything} == {"worst", "best", "random", "flipped"}
    browser.pick("why", "worst")
    assert browser.visible() == [i for i in everything if i["why"] == "worst"]
    browser.pick("row", "gmp/cam")
    assert len(browser.visible()) == 8
    browser.pick("outcome", "wrong class")
    assert browser.visible() == [i for i in everything
                         if i["why"] == "worst" and i["row"] == "gmp/cam" and i["outcome"] == "wrong class"]
    browser.pick("outcome", "")
    assert browser.run("return document.getElementById('shown').textContent") == f"8 of {len(everything)} pictures"
    browser.pick("class", '<script>document.title = "taken"</script>')
    browser.pick("row", "")
    browser.pick("why", "")
    assert 0 < len(browser.visible()) < len(everything)
    browser.pick("class", "")
    assert len(browser.visible()) == len(everything)

    # A picture, by mouse and by keys.
    assert browser.run("""return [...document.querySelectorAll('.gallery img')]
        .every(i => i.complete && i.naturalWidth > 0 && i.naturalWidth <= 168 && i.alt)""")
    browser.run("document.querySelector('.gallery button').focus(); document.activeElement.click()")
    assert browser.run("return document.querySelector('dialog').open")
    first = browser.run("return document.querySelector('dialog .about').textContent")
    browser.shot("picture")
    browser.run("document.querySelector('dialog [data-step=\"1\"]').click()")
    assert browser.run("return document.querySelector('dialog .about').textContent") not in ("", first)
    browser.key("left")
    assert browser.run("return document.querySelector('dialog .about').textContent") == first
    browser.key("escape")
    assert not browser.run("return document.querySelector('dialog').open")

    # Copying, figures, names for readers, and no error.
    browser.run("document.querySelector('[data-copy][data-table=error-table]').click()")
    assert browser.run("return document.querySelectorAll('figure svg[role=img] title').length") >= 10
    assert browser.run("return document.querySelectorAll('figure').length") == 10
    assert browser.run("""return [...document.querySelectorAll('section')]
        .every(s => document.getElementById(s.getAttribute('aria-labelledby')))""")
    assert browser.run("return [...document.querySelectorAll('select, input')].every(e => e.closest('label'))")
    assert browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    # Words that are too wide for their place would be drawn narrower.
    assert browser.run("""return [...document.querySelectorAll('svg text')]
        .every(t => t.getBBox().width <= Number(t.getAttribute('textLength')) + 1)""")
    browser.run("document.getElementById('pictures').scrollIntoView()")
    browser.shot("pictures")
    browser.run("document.getElementById('figures').scrollIntoView()")
    browser.shot("figures")
    assert browser.errors() == []
    pdf = base64.b64decode(browser.call("POST", "/print", {}))
    assert pdf.startswith(b"%PDF-") and len(pdf) > 50000
