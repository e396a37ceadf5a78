// The list of runs.
import { node } from "./draw.js";
import { facts, get, head, listen, main, trouble } from "./talk.js";

const MARK = { error: "✖", warning: "▲", running: "●", ended: "·", stopped: "·", silent: "?", died: "✖", damaged: "?" };

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
    node("td", { class: `state ${run.state}`, title: run.told || null }, node("span", { class: "mark", "aria-hidden": "true" }, MARK[run.state]), " ", run.words),
    node("td", { class: "wideonly" }, curve(run.curve)),
    node("td", { class: "number roomy" }, run.loss), node("td", { class: "number wideonly" }, run.val), node("td", { class: "number" }, run.score),
    node("td", { class: "number wideonly" }, run.kind === "study" ? `${run.steps} trials` : run.steps), node("td", { class: "number wideonly" }, run.seconds),
    node("td", { class: "wideonly" }, run.findings.join(", ")));
}

export async function list() {
  head("Runs", [], false);
  const chosen = new Set();
  const compare = node("button", { type: "button", class: "quiet", disabled: true, onclick: () => { location.hash = `#/compare/${[...chosen].map(encodeURIComponent).join("/")}`; } }, "compare");
  const search = node("input", { type: "search", placeholder: "filter by name or finding", "aria-label": "filter by name or finding" });
  const body = node("tbody");
  const titles = ["", "run", "state", "loss curve", "loss", "val loss", "val score", "steps", "time", "findings"];
  const few = new Set(["loss curve", "val loss", "steps", "time", "findings"]), right = new Set(["loss", "val loss", "val score", "steps", "time"]);
  const table = node("div", { class: "list", role: "region", "aria-label": "Runs", tabindex: "0" }, node("table", {}, node("thead", {}, node("tr", {}, titles.map((one) =>
    one ? node("th", { scope: "col", class: `${few.has(one) ? "wideonly" : one === "loss" ? "roomy" : ""} ${right.has(one) ? "number" : ""}`.trim() || null }, one) : node("td", {})))), body));
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
  return listen({}, load);
}

