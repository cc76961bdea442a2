"use strict";
// Sorting, searching, filtering, copying and the large pictures. Without it the page is whole, but does none of these.

const say = text => { document.getElementById("said").textContent = text; };

function valueOf(row, column) {
    const text = row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
    const number = Number(text);
    return text !== "" && !Number.isNaN(number) ? number : text;
}

function compare(a, b) {
    if (typeof a === "number" && typeof b === "number")
        return a - b;
    if (typeof a !== typeof b)
        return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
}

function sortBy(button) {
    const head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
    const up = head.getAttribute("aria-sort") !== "ascending";
    const column = Number(head.dataset.c);
    for (const other of table.tHead.querySelectorAll("th"))
        other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...body.rows].map((row, place) => [valueOf(row, column), place, row]);
    // What has no value stays last.
    const none = value => value === "-" || value === "";
    rows.sort(([a, i], [b, k]) => none(a) !== none(b) ? (none(a) ? 1 : -1) : (up ? 1 : -1) * compare(a, b) || i - k);
    body.append(...rows.map(([, , row]) => row));
    say("sorted by " + button.textContent.trim() + (up ? ", ascending" : ", descending"));
}

function search(input) {
    const table = document.getElementById(input.dataset.table), wanted = input.value.toLowerCase();
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        shown += !row.hidden;
    }
    say(shown + " lines");
}

async function copy(button) {
    const table = document.getElementById(button.dataset.table);
    const text = [...table.rows].filter(row => !row.hidden)
        .map(row => [...row.cells].map(cell => cell.innerText.trim().replace(/\s+/g, " ")).join("\t")).join("\n");
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        const area = document.createElement("textarea");
        area.value = text;
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
    }
    say("the table is in the clipboard");
}

const items = [...document.querySelectorAll(".gallery li")];
const filters = [...document.querySelectorAll("[data-filter]")];

function filter() {
    let shown = 0;
    for (const item of items) {
        item.hidden = filters.some(f => f.value && item.dataset[f.dataset.filter] !== f.value);
        shown += !item.hidden;
    }
    document.getElementById("shown").textContent = shown + " of " + items.length + " pictures";
}

const dialog = document.querySelector("dialog");
let current = null;

function show(item) {
    current = item;
    const image = item.querySelector("img"), large = dialog.querySelector("img");
    large.src = image.src;
    large.alt = image.alt;
    dialog.querySelector(".about").textContent = item.querySelector("p").innerText;
    if (!dialog.open)
        dialog.showModal();
}

function step(by) {
    const shown = items.filter(item => !item.hidden && item.querySelector("img"));
    const place = shown.indexOf(current) + by;
    if (shown[place])
        show(shown[place]);
}

document.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (!button)
        return;
    if (button.closest("th"))
        sortBy(button);
    else if (button.dataset.copy !== undefined)
        copy(button);
    else if (button.closest(".gallery li"))
        show(button.closest("li"));
    else if (button.dataset.close !== undefined)
        dialog.close();
    else if (button.dataset.step)
        step(Number(button.dataset.step));
});
for (const input of document.querySelectorAll("input[data-table]"))
    input.addEventListener("input", () => search(input));
for (const select of filters)
    select.addEventListener("change", filter);
if (dialog)
    dialog.addEventListener("keydown", event => {
        if (event.key === "ArrowRight" || event.key === "ArrowLeft")
            step(event.key === "ArrowRight" ? 1 : -1);
    });
if (items.length)
    filter();
for (const tools of document.querySelectorAll(".tools[hidden]"))
    tools.hidden = false;
