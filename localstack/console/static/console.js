"use strict";

// Keeps a page up to date: fetches it again and replaces its main part when that has changed.

const main = document.getElementById("main");
const offline = document.getElementById("offline");
let last = main.innerHTML;
let pressed = false;

function stages(root) {
  return new Map([...root.querySelectorAll("[data-stage]")].map((row) => [row.id, row.dataset.stage]));
}

// Highlights orders that have moved, and says so in one sentence for screen readers.
function announce(before) {
  for (const row of main.querySelectorAll("[data-stage]")) {
    if (before.get(row.id) === row.dataset.stage) continue;
    row.classList.add("moved");
    document.getElementById("said").textContent = `${row.dataset.name} ${row.dataset.stage}`;
  }
}

function replaceMain(next) {
  const before = stages(main);
  const said = document.getElementById("said")?.textContent;
  const focus = document.activeElement;
  const selector = focus.id ? `#${CSS.escape(focus.id)}` : `a[href="${CSS.escape(focus.getAttribute("href") || "")}"]`;
  for (const { id } of main.querySelectorAll("details[open]")) {
    const details = next.querySelector(`#${CSS.escape(id)}`);
    if (details) details.open = true;
  }
  main.replaceChildren(...next.childNodes);
  if (said) document.getElementById("said").textContent = said;
  if (before.size || stages(main).size) announce(before);
  if (!document.contains(focus)) main.querySelector(selector)?.focus({ preventScroll: true });
}

// Brings the page up to date. Returns whether it is still the same page: another one has to be loaded as a whole.
async function refresh() {
  if (document.hidden || document.querySelector("form.sent")) return true;
  let text;
  try {
    text = await (await fetch(location.href, { signal: AbortSignal.timeout(30_000) })).text();
  } catch {
    offline.hidden = false;
    return true;
  }
  offline.hidden = true;
  // A click whose button or link is replaced before it is released does nothing.
  if (pressed) return true;
  const page = new DOMParser().parseFromString(text, "text/html");
  const next = page.getElementById("main");
  if (page.title !== document.title) return false;
  if (next.innerHTML !== last) {
    last = next.innerHTML;
    replaceMain(next);
  }
  return true;
}

// The next look waits for the one before it, and a reload for none: on a slow stack each would delay the others.
async function follow(milliseconds, end) {
  let same = true;
  while (same && performance.now() < end) {
    await new Promise((resume) => setTimeout(resume, milliseconds));
    same = await refresh();
  }
  if (!same) location.reload();
}

document.addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel"]) {
  // The click comes after the end of the press.
  document.addEventListener(end, () => setTimeout(() => { pressed = false; }));
}
document.addEventListener("submit", (event) => event.target.classList.add("sent"));
if (main.dataset.refresh) {
  main.classList.add("on");
  follow(Number(main.dataset.refresh), Number(main.dataset.refreshFor || Infinity));
}
