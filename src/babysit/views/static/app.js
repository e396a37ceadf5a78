// The live page: the list of runs, one run, a study, a comparison. It asks for what it can see and what changed.
import { Card, even, node, rememberTheme, sections, themeButton, verdict } from "./draw.js";

const header = document.querySelector("header");
const main = document.getElementById("main");
const spoken = document.getElementById("spoken");
let leave = () => {};

async function get(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) for (const one of [value].flat()) if (one !== undefined && one !== null) query.append(name, one);
  const answer = await fetch(`${path}?${query}`, { signal, credentials: "same-origin" });
  const body = await answer.json().catch(() => ({ problem: `${answer.status} ${answer.statusText}` }));
  if (!answer.ok) throw new Error(body.problem || answer.statusText);
  return body;
}

// plotly.js comes while the first answers come: the part of it that is needed, the whole where that part doesn't run
function code(source) {
  return new Promise((done, failed) => {
    const make = document.createElement;
    const script = document.createElement("script");
    script.src = source;
    // its styles for maps aren't needed, and the page's policy would refuse them
    document.createElement = function (tag, ...more) { return make.call(this, tag === "style" ? "template" : tag, ...more); };
    script.onload = () => { document.createElement = make; done(); };
    script.onerror = () => { document.createElement = make; failed(new Error("plotly.js could not be loaded")); };
    document.head.append(script);
  });
}
const plotly = code("/static/plotly.js").then(() => globalThis.Plotly || code("/static/plotly.min.js"))
  .then(() => dispatchEvent(new Event("babysit-redraw")));

function head(name, facts, back = true) {
  const title = node("div", { class: "title" }, back ? node("nav", {}, node("a", { href: "#/" }, "all runs")) : "",
    node("h1", {}, name), node("p", { class: "facts" }, facts.join(" · ")));
  header.replaceChildren(title, node("span", { class: "lost", role: "status" }), themeButton());
  document.title = `${name} · babysit`;
}

function facts(list) {
  const text = list.join(" · "), place = header.querySelector(".facts");
  if (place && place.textContent !== text) place.textContent = text;
}

let said = 0;
function say(words) {
  const now = Date.now();
  if (now - said < 10_000) return;
  said = now;
  spoken.textContent = words;
}

function listen(parameters, changed) {
  const source = new EventSource(`/api/events?${new URLSearchParams(parameters)}`);
  const lost = (words) => { const place = header.querySelector(".lost"); if (place) place.textContent = words; };
  source.onmessage = (message) => { lost(""); changed(JSON.parse(message.data)); };
  source.addEventListener("lost", (message) => { lost(JSON.parse(message.data)); source.close(); });
  source.onerror = () => lost("connection lost, trying again");
  source.onopen = () => lost("");
  return () => source.close();
}

function trouble(error) {
  if (error.name === "AbortError") return;
  main.replaceChildren(node("p", { class: "empty", role: "alert" }, error.message));
}

// the list

const MARK = { error: "✖", warning: "▲", running: "●", done: "·", stopped: "·", damaged: "?" };

function curve(values) {
  const box = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  box.setAttribute("width", "120"); box.setAttribute("height", "24"); box.setAttribute("viewBox", "0 0 120 24"); box.setAttribute("aria-hidden", "true");
  if (values.length > 1) {
    const log = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 30;
    const shown = log ? values.map(Math.log10) : values;
    const low = Math.min(...shown), high = Math.max(...shown);
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    line.setAttribute("points", shown.map((one, index) => `${(index / (shown.length - 1)) * 118 + 1},${22 - ((one - low) / (high - low || 1)) * 20}`).join(" "));
    line.setAttribute("fill", "none"); line.setAttribute("stroke", "var(--blue)"); line.setAttribute("stroke-width", "1.5"); line.setAttribute("stroke-linejoin", "round");
    box.append(line);
  }
  return box;
}

function row(run, chosen, choose) {
  const link = `#/${run.kind === "study" ? "study" : "run"}/${encodeURIComponent(run.key)}`;
  const box = node("input", { type: "checkbox", "aria-label": `compare ${run.name}`, onchange: (event) => choose(run.key, event.target.checked) });
  box.checked = chosen.has(run.key);
  if (run.kind === "damaged") {
    return node("tr", { class: "bad" }, node("td", {}), node("th", { scope: "row" }, run.name), node("td", { class: "state damaged" }, node("span", { class: "mark", "aria-hidden": "true" }, "?"), " damaged"),
      node("td", { colspan: "7" }, run.problem));
  }
  return node("tr", {},
    node("td", {}, run.kind === "run" ? box : ""),
    node("th", { scope: "row" }, node("a", { href: link }, run.name)),
    node("td", { class: `state ${run.state}` }, node("span", { class: "mark", "aria-hidden": "true" }, MARK[run.state]), " ", run.kind === "study" ? "study" : run.words),
    node("td", { class: "wideonly" }, curve(run.curve)),
    node("td", { class: "number" }, run.loss), node("td", { class: "number" }, run.val), node("td", { class: "number" }, run.score),
    node("td", { class: "number wideonly" }, run.kind === "study" ? `${run.steps} trials` : run.steps), node("td", { class: "number wideonly" }, run.seconds),
    node("td", { class: "wideonly" }, run.findings.join(", ")));
}

async function list() {
  head("Runs", [], false);
  const chosen = new Set();
  const compare = node("button", { type: "button", class: "quiet", disabled: true, onclick: () => { location.hash = `#/compare/${[...chosen].map(encodeURIComponent).join("/")}`; } }, "compare");
  const search = node("input", { type: "search", placeholder: "filter by name or finding", "aria-label": "filter by name or finding" });
  const body = node("tbody");
  const titles = ["", "run", "state", "loss curve", "loss", "val loss", "score", "steps", "time", "findings"];
  const few = new Set(["loss curve", "steps", "time", "findings"]), right = new Set(["loss", "val loss", "score", "steps", "time"]);
  const table = node("div", { class: "list", role: "region", "aria-label": "Runs", tabindex: "0" }, node("table", {}, node("thead", {}, node("tr", {}, titles.map((one) =>
    one ? node("th", { scope: "col", class: `${few.has(one) ? "wideonly" : ""} ${right.has(one) ? "number" : ""}`.trim() || null }, one) : node("td", {})))), body));
  main.replaceChildren(node("div", { class: "filters" }, search, compare), table);
  let runs = [];
  const choose = (key, on) => { if (on) chosen.add(key); else chosen.delete(key); compare.disabled = chosen.size < 2; };
  const draw = () => {
    const words = search.value.toLowerCase();
    const shown = runs.filter((run) => !words || run.name.toLowerCase().includes(words) || run.findings.join(" ").toLowerCase().includes(words));
    body.replaceChildren(...shown.map((run) => row(run, chosen, choose)));
    if (!shown.length) body.append(node("tr", {}, node("td", { colspan: "10", class: "empty" }, runs.length ? "no run of that name" : "no runs yet: babysit train digits makes one")));
  };
  search.addEventListener("input", draw);
  let busy = false, again = false;
  const load = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await get("/api/runs");
      runs = answer.runs;
      const bad = runs.filter((run) => run.kind === "damaged").length;
      facts([`${runs.length} ${runs.length === 1 ? "run" : "runs"} in ${answer.folder}`, ...(bad ? [`${bad} damaged`] : [])]);
      draw();
    } catch (error) { trouble(error); }
    busy = false;
    if (again) { again = false; load(); }
  };
  await load();
  leave = listen({}, load);
}

// one run

async function one(name) {
  const cards = new Map(); // name -> {slot, card, version, wanted, visible}
  const stop = new AbortController();
  let known = {}, busy = false, verdictTold = "";
  const place = node("div");
  const body = node("div");

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const held = cards.get(entry.target.dataset.name);
      if (held) held.visible = entry.isIntersecting;
    }
    more();
  }, { rootMargin: "250px" });

  const slot = (panel, info) => {
    const element = node("figure", { class: `card waiting${info.wide ? " wide" : ""}`, "data-name": panel });
    element.card = { data: { wide: info.wide } };
    seen.observe(element);
    return { element, card: null, version: 0, visible: false, info };
  };

  const arrange = (versions) => {
    const names = Object.keys(versions).filter((panel) => !cards.has(panel));
    if (!names.length) return;
    for (const panel of names) cards.set(panel, slot(panel, versions[panel]));
    const order = [...cards.entries()].sort((a, b) => a[1].info.order - b[1].info.order || (a[0] < b[0] ? -1 : 1));
    for (const [, held] of order) {
      const part = held.info.section;
      let grid = body.querySelector(`[data-part="${CSS.escape(part)}"] .grid`);
      if (!grid) {
        const section = node("section", { "aria-label": part, "data-part": part, "data-order": String(held.info.order) }, node("h2", { class: "part" }, part), node("div", { class: "grid" }));
        const next = [...body.children].find((one) => Number(one.dataset.order) > held.info.order);
        body.insertBefore(section, next || null);
        grid = section.querySelector(".grid");
      }
      const at = held.card ? held.card.element : held.element;
      const next = [...grid.children].find((one) => one !== at && Number(one.dataset.place) > held.info.order);
      at.dataset.place = String(held.info.order);
      if (at.parentNode !== grid || (next && at.nextSibling !== next)) grid.insertBefore(at, next || null);
    }
    even(body);
  };

  const show = (data) => {
    const held = cards.get(data.name);
    if (!held) return;
    held.version = data.version;
    if (held.card) { held.card.update(data); return; }
    held.card = new Card(data, { onZoom: (card, range) => ask(card, { from: range?.[0], to: range?.[1] }), onChoose: (card, choice) => ask(card, { choice }) });
    held.card.element.dataset.place = String(held.info.order);
    seen.unobserve(held.element);
    held.element.replaceWith(held.card.element);
    seen.observe(held.card.element);
    held.extra = {};
  };

  // a zoom or a choice: this card alone, at full resolution for its window
  const ask = async (card, extra) => {
    const held = cards.get(card.data.name);
    held.extra = { ...held.extra, ...extra };
    try {
      const [data] = await get("/api/cards", { name, panel: card.data.name, width: width(card), ...held.extra }, stop.signal);
      if (data) { held.version = data.version; card.update(data); }
    } catch (error) { if (error.name !== "AbortError") card.note.textContent = error.message; }
  };

  const width = (card) => Math.round((card.plot?.clientWidth || 600) * Math.min(devicePixelRatio || 1, 2));

  // what is visible and older than the record, in one request; the next one when it is answered
  const more = async () => {
    if (busy) return;
    const wanted = [...cards.entries()].filter(([panel, held]) => held.visible && held.version < (known[panel]?.version || 0));
    if (!wanted.length) return;
    busy = true;
    const plain = wanted.filter(([, held]) => !held.extra || !Object.values(held.extra).some((value) => value !== undefined && value !== null));
    const special = wanted.filter((entry) => !plain.includes(entry));
    try {
      const wide = Math.round(Math.max(300, (body.clientWidth || 800) / (innerWidth > 860 ? 1.6 : 1)) * Math.min(devicePixelRatio || 1, 2));
      if (plain.length) {
        const found = await get("/api/cards", { name, panel: plain.map(([panel]) => panel), width: wide }, stop.signal);
        for (const data of found) show(data);
        const given = new Set(found.map((data) => data.name));
        for (const [panel, held] of plain) {
          if (given.has(panel)) continue;
          held.version = known[panel].version; // nothing to show yet
          if (!held.card) held.element.hidden = true;
        }
        even(body);
      }
      for (const [, held] of special) await ask(held.card, {});
    } catch (error) {
      if (error.name !== "AbortError") header.querySelector(".lost").textContent = error.message;
    }
    busy = false;
    setTimeout(more, 60);
  };

  const changed = (state) => {
    known = state.versions;
    for (const [panel, held] of cards) {
      if (held.element.hidden && !held.card && known[panel] && held.version < known[panel].version) held.element.hidden = false;
    }
    facts(state.heading.facts);
    say(state.heading.spoken);
    if (state.heading.told !== verdictTold) { verdictTold = state.heading.told; judged(); }
    arrange(known);
    more();
  };

  const judged = async () => {
    try {
      const state = await get("/api/run", { name }, stop.signal);
      place.replaceChildren(state.heading.verdict ? verdict(state.heading.verdict) : "");
    } catch (error) { trouble(error); }
  };

  const first = await get("/api/run", { name }, stop.signal);
  head(first.heading.name, first.heading.facts);
  main.replaceChildren(place, body);
  verdictTold = first.heading.told;
  place.replaceChildren(first.heading.verdict ? verdict(first.heading.verdict) : "");
  await plotly;
  changed(first);
  const close = listen({ name }, changed);
  leave = () => { stop.abort(); close(); seen.disconnect(); };
}

async function whole(path, parameters) {
  const found = await get(path, parameters);
  head(found.heading.name, found.heading.facts);
  const body = node("div");
  main.replaceChildren(found.heading.verdict ? verdict(found.heading.verdict) : "", body);
  await plotly;
  sections(found.cards, body);
  say(found.heading.spoken);
}

async function route() {
  leave();
  leave = () => {};
  const [kind, ...rest] = location.hash.replace(/^#\//, "").split("/");
  try {
    const names = rest.map(decodeURIComponent);
    if (kind === "run" && names.length) await one(names[0]);
    else if (kind === "study" && names.length) await whole("/api/study", { name: names[0] });
    else if (kind === "compare" && names.length) await whole("/api/compare", { name: names, width: 1000 });
    else await list();
  } catch (error) { if (!header.children.length) head("babysit", []); trouble(error); }
}

if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", `/${location.hash}`); // it is in the cookie now
rememberTheme();
addEventListener("hashchange", route);
route();
