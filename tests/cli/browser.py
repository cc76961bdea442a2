"""A page in headless Chromium, over WebDriver."""
import base64
import json
import os
import re
import subprocess
import tempfile
import urllib.request

KEYS = {"left": "\ue012", "escape": "\ue00c"}


class Browser:
    """One session; `shots` is a folder for screenshots, or "" for none."""

    def __init__(self, shots=""):
        self.shots, self.scratch = shots, tempfile.TemporaryDirectory()
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       text=True)
        for line in self.driver.stdout:
            if found := re.search(r"successfully on port (\d+)", line):
                self.port = found[1]
                break

    def __enter__(self):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     f"--user-data-dir={self.scratch.name}/user", "--window-size=1300,2400"]
        self.session = ""
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", "")  # or the browser outlives its driver
        except OSError:
            pass
        self.driver.terminate()
        self.driver.wait()
        self.scratch.cleanup()

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.session}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def open(self, path):
        self.call("POST", "/url", {"url": "file://" + os.path.abspath(path)})

    def run(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def key(self, name):
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": [
            {"type": "keyDown", "value": KEYS[name]}, {"type": "keyUp", "value": KEYS[name]}]}]})

    def resize(self, width, height):
        self.call("POST", "/window/rect", {"width": width, "height": height})

    def errors(self):
        return self.call("POST", "/se/log", {"type": "browser"})

    def shot(self, name):
        if self.shots:
            os.makedirs(self.shots, exist_ok=True)
            with open(f"{self.shots}/{name}.png", "wb") as out:
                out.write(base64.b64decode(self.call("GET", "/screenshot")))

    # What the pages of camrank have.

    def column(self, table, title):
        """The values of a column, of the lines that are shown."""
        return self.run(f"""const table = document.getElementById({json.dumps(table)});
            const place = [...table.tHead.rows[0].cells].findIndex(c => c.textContent.startsWith({json.dumps(title)}));
            return [...table.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[place].dataset.v)""")

    def press(self, table, title):
        self.run(f"""[...document.querySelectorAll({json.dumps('#' + table + ' th button')})]
            .find(b => b.textContent.startsWith({json.dumps(title)})).click()""")

    def search(self, table, text):
        self.run(f"""const i = document.querySelector('input[data-table={table}]'); i.value = {json.dumps(text)};
            i.dispatchEvent(new Event('input'))""")

    def pick(self, key, value):
        self.run(f"""const s = document.querySelector('[data-filter={key}]'); s.value = {json.dumps(value)};
            s.dispatchEvent(new Event('change'))""")

    def visible(self):
        return self.run("return [...document.querySelectorAll('.gallery li')].filter(i => !i.hidden)"
                        ".map(i => ({...i.dataset}))")
