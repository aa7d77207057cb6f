// The one script of these pages: what changes is fetched again, rows and pages are reached by keys.
"use strict";
const EVERY_MS = 1000;
const at = id => document.getElementById(id);

// --- live: the parts marked data-live are exchanged when the page has changed ---
let tag = null, failed = 0;

async function refresh() {
  const head = tag ? {"if-none-match": tag} : {};
  const answer = await fetch(location.href, {headers: head, cache: "no-store"});
  if (answer.status === 304) return;
  if (!answer.ok) throw new Error(answer.statusText);
  tag = answer.headers.get("etag");
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    if (now && now.innerHTML !== part.innerHTML) exchange(part, now);
  }
}

function exchange(part, now) {
  const known = new Map([...part.querySelectorAll("details")].map(one => [one.id, one.open]));
  const had = part.contains(document.activeElement) ? document.activeElement : null;
  const focused = had && had.getAttribute("href");
  const written = [...part.querySelectorAll("input[id], select[id]")].map(one => [one.id, one.value]);
  for (const one of now.querySelectorAll("details")) if (known.has(one.id)) one.open = known.get(one.id);
  part.replaceChildren(...now.childNodes);
  for (const [id, value] of written) if (at(id)) at(id).value = value;
  if (had && had.id && at(had.id)) at(had.id).focus();
  const again = focused && part.querySelector(`a[href="${CSS.escape(focused)}"]`);
  if (again) again.focus();
  if (again && again.closest("[data-row]")) again.closest("[data-row]").classList.add("here");
}

async function keepFresh() {
  try {
    if (!document.hidden) await refresh();
    failed = 0;
  } catch (error) {
    failed += 1;
  }
  at("live-note").textContent = failed > 2 ? "turnwise view does not answer any more: what you see stands still" : "";
  setTimeout(keepFresh, EVERY_MS);
}

// --- keys ---
const rows = () => [...document.querySelectorAll("[data-row]")];

function move(by) {
  const all = rows();
  if (!all.length) return;
  const here = all.findIndex(row => row.classList.contains("here"));
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1);
  for (const row of all) row.classList.remove("here");
  all[next].classList.add("here");
  const link = all[next].querySelector("a, button, summary");
  if (link) link.focus(); else all[next].scrollIntoView({block: "nearest"});
}

function follow(relation) {
  const link = document.querySelector(`a[rel~="${relation}"]`);
  if (link) link.click();
}

function pressed(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing || event.ctrlKey || event.altKey || event.metaKey || at("keys").open) return;
  const doing = {
    j: () => move(1), k: () => move(-1), n: () => follow("next"), p: () => follow("prev"), u: () => follow("up"),
    "?": () => at("keys").showModal(), "/": () => { const first = document.querySelector("[data-first]"); if (first) first.focus(); },
  }[event.key];
  if (doing) { event.preventDefault(); doing(); }
}

at("keys-open").onclick = () => at("keys").showModal();
addEventListener("keydown", pressed);
if (document.querySelector("[data-live]")) keepFresh();
