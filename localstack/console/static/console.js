"use strict";

// Keeps a page as the stack is: the list of orders by server-sent events, any other page by asking again.

function keepFocus(change) {
  const at = document.activeElement;
  const id = at && at.id;
  const href = at && at.getAttribute && at.getAttribute("href");
  change();
  if (document.contains(at)) return;
  const again = id ? document.getElementById(id) : href ? document.querySelector(`#main a[href="${CSS.escape(href)}"]`) : null;
  if (again) again.focus({ preventScroll: true });
}

function watchOrders(table) {
  const rows = document.getElementById("rows");
  const said = document.getElementById("said");
  const down = document.getElementById("down");
  const connection = document.getElementById("connection");
  const stages = new Map();
  let pending = "";
  for (const row of rows.children) stages.set(row.id, row.dataset.stage);

  // One sentence at a time: a screen reader would never end with a busy list.
  setInterval(() => {
    if (pending && pending !== said.textContent) said.textContent = pending;
    pending = "";
  }, 2000);

  function place(row) {
    const holder = document.createElement("template");
    holder.innerHTML = row.html;
    const fresh = holder.content.querySelector("tr");
    const old = document.getElementById(fresh.id);
    const stage = fresh.dataset.stage;
    if (stages.get(fresh.id) !== stage) {
      pending = `${fresh.dataset.name} ${stage}`;
      fresh.classList.add("moved");
    }
    stages.set(fresh.id, stage);
    if (old) old.replaceWith(fresh);
    else rows.prepend(fresh);
  }

  const source = new EventSource(table.dataset.events);
  let opened = false;
  source.addEventListener("open", () => {
    connection.textContent = "live";
    connection.parentElement.dataset.state = "live";
    opened = true;
  });
  source.addEventListener("error", () => {
    connection.textContent = "not connected";
    connection.parentElement.dataset.state = "lost";
    if (opened) {
      down.textContent = "The console does not answer. Run make up, which starts it; this page then goes on.";
      down.hidden = false;
    }
  });
  source.addEventListener("anew", () => location.reload());
  source.addEventListener("down", (event) => {
    down.textContent = JSON.parse(event.data).text;
    down.hidden = false;
  });
  source.addEventListener("rows", (event) => {
    const { rows: fresh, keep } = JSON.parse(event.data);
    down.hidden = true;
    keepFocus(() => {
      fresh.forEach(place);
      const kept = new Set(keep.map((id) => `row-${id}`));
      for (const row of [...rows.children]) {
        if (kept.has(row.id)) continue;
        stages.delete(row.id);
        row.remove();
      }
      keep.forEach((id) => {
        const row = document.getElementById(`row-${id}`);
        const at = keep.indexOf(id);
        if (row && rows.children[at] !== row) rows.insertBefore(row, rows.children[at] || null);
      });
    });
    document.getElementById("none").hidden = rows.children.length > 0;
  });
}

function askAgain(main) {
  let last = main.innerHTML;
  async function ask() {
    if (document.hidden || document.querySelector("form.act-sent")) return;
    let answer;
    try {
      answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    } catch {
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.getElementById("main");
    if (!next) return;
    if (fresh.title !== document.title) {
      location.reload();
      return;
    }
    if (next.innerHTML === last) return;
    last = next.innerHTML;
    const open = [...main.querySelectorAll("details[open]")].map((details) => details.id);
    for (const id of open) {
      const details = next.querySelector(`#${CSS.escape(id)}`);
      if (details) details.open = true;
    }
    keepFocus(() => main.replaceChildren(...next.childNodes));
  }
  setInterval(ask, Number(main.dataset.refresh));
}

const table = document.querySelector("[data-events]");
const main = document.getElementById("main");
if (table) watchOrders(table);
else if (main.dataset.refresh) askAgain(main);
document.addEventListener("submit", (event) => event.target.classList.add("act-sent"));
