// Draws cards: a panel's texts, its Plotly figure, its pictures or its table. All text goes in as text.

export function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== "") made.append(child);
  return made;
}

// colours: a figure names them ("@blue/0.2"), the page's own scheme says what they are

function tone(text, style) {
  const [name, alpha] = text.slice(1).split("/");
  const value = style.getPropertyValue(`--${name}`).trim();
  if (!value) return text;
  if (!alpha) return value;
  const part = (at) => parseInt(value.slice(at, at + 2), 16);
  return `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
}

export function coloured(value, style = getComputedStyle(document.documentElement)) {
  if (Array.isArray(value)) return value.map((one) => coloured(one, style));
  if (value && typeof value === "object") {
    if ("bdata" in value) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, coloured(one, style)]));
  }
  return typeof value === "string" && value.startsWith("@") ? tone(value, style) : value;
}

// theme

export function themeButton() {
  const root = document.documentElement;
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = node("button", { class: "quiet", type: "button", "aria-label": "Switch between light and dark" }, "◐");
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("babysit-theme", root.dataset.theme); } catch { /* a file or a private window */ }
    dispatchEvent(new Event("babysit-redraw"));
  });
  return button;
}

export function rememberTheme() {
  try {
    const kept = localStorage.getItem("babysit-theme");
    if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  } catch { /* as above */ }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("babysit-redraw")));
}

const CONFIG = { displayModeBar: false, displaylogo: false, responsive: false, doubleClick: "reset", scrollZoom: false, showTips: false };

const waiting = new Set();

// one card after another, the page's own work in between: the first is seen while the others are still drawn
function drawNext() {
  const [first] = waiting;
  if (!first) return;
  first.draw();
  waiting.delete(first);
  if (waiting.size) setTimeout(drawNext);
}
const cards = new Set();

addEventListener("babysit-redraw", () => {
  for (const one of cards) { one.stale = true; one.drawSoon(); }
});

// on paper there is nothing to scroll to: all is drawn before, at the paper's width and in light colours
let theme;
addEventListener("beforeprint", () => {
  const root = document.documentElement;
  if (!root.classList.contains("printing")) theme = root.dataset.theme;
  root.dataset.theme = "light";
  root.classList.add("printing");
  for (const one of document.querySelectorAll("details:not([open])")) { one.open = true; one.dataset.printed = ""; }
  for (const one of cards) { one.stale = true; one.draw(true); }
});
addEventListener("afterprint", () => {
  const root = document.documentElement;
  root.classList.remove("printing");
  if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
  for (const one of document.querySelectorAll("details[data-printed]")) { one.open = false; delete one.dataset.printed; }
  for (const one of cards) { one.stale = true; one.drawSoon(); }
});

// cards that have left the page are let go, with what plotly.js keeps of them
export function forget(within) {
  for (const one of cards) if (within.contains(one.element)) one.gone();
}
const near = typeof IntersectionObserver === "undefined" ? null : new IntersectionObserver((seen) => {
  for (const one of seen) one.target.card?.visible(one.isIntersecting);
}, { rootMargin: "200px" });

// A card draws itself when it is near the window, again when its data, its size or the theme changed.
export class Card {
  constructor(data, { onZoom = null, onChoose = null } = {}) {
    this.data = data;
    this.onZoom = onZoom;
    this.onChoose = onChoose;
    this.log = null; // as the panel says, until the reader chooses
    this.zoom = null;
    this.shown = false;
    this.stale = true;
    this.build();
    if (near) near.observe(this.element); else queueMicrotask(() => this.visible(true));
    cards.add(this);
    this.width = 0; // that it was drawn at
    this.sized = new ResizeObserver(() => {
      if (Math.floor(this.plot?.clientWidth || 0) === this.width) return;
      this.stale = true;
      this.drawSoon();
    });
    if (this.plot) this.sized.observe(this.plot);
  }

  build() {
    const data = this.data;
    this.values = node("ul", { class: "values" });
    this.tools = node("div", { class: "tools" });
    this.note = node("p", { class: "note" });
    const head = node("figcaption", {}, node("h3", {}, data.title), this.values, this.tools);
    this.element = node("figure", { class: `card${data.wide ? " wide" : ""}`, "data-name": data.name }, head);
    this.element.card = this;
    if (data.choices && data.choices.length > 1) {
      this.select = node("select", { "aria-label": `${data.title}: choose` }, data.choices.map((one) => node("option", { value: one }, one)));
      this.select.value = data.choice;
      this.select.addEventListener("change", () => this.choose(this.select.value));
      this.tools.append(this.select);
    }
    if (data.switch) {
      this.scale = node("button", { type: "button", class: "quiet", "aria-pressed": "false" }, "log");
      this.scale.addEventListener("click", () => { this.log = !this.isLog(); this.stale = true; this.drawSoon(); });
      this.tools.append(this.scale);
    }
    if (data.figure) {
      this.back = node("button", { type: "button", class: "quiet", hidden: true }, "whole");
      this.back.addEventListener("click", () => this.zoomed(null));
      this.tools.append(this.back);
      this.plot = node("div", { class: "plot", role: "img", "aria-label": data.spoken });
      this.plot.style.height = `${data.figure.layout.height}px`;
      this.element.append(this.plot);
    }
    this.body = node("div", { class: "body" });
    this.element.append(this.body, this.note);
    this.fill();
  }

  // the words, changed only where they did change, so that nothing jumps
  fill() {
    const data = this.data;
    const told = JSON.stringify([data.values, data.note, data.table, (data.pictures || []).length && data.pictures]);
    if (told === this.told) return;
    this.told = told;
    this.values.replaceChildren(...data.values.map((one) => node("li", { class: one.tone ? `tone-${one.tone}` : "" }, node("span", {}, one.name), " ", node("b", {}, one.text))));
    this.note.textContent = data.note;
    this.note.hidden = !data.note;
    this.body.replaceChildren(...this.inside());
    if (this.plot) this.plot.setAttribute("aria-label", data.spoken);
    if (this.select && this.select.length !== data.choices.length) {
      this.select.replaceChildren(...data.choices.map((one) => node("option", { value: one }, one)));
      this.select.value = data.choice;
    }
  }

  *inside() {
    const { table, pictures } = this.data;
    if (table) {
      const plain = table.header.every((cell) => !cell);
      const head = plain ? null : node("thead", {}, node("tr", {}, table.header.map((cell) => (cell ? node("th", { scope: "col" }, cell) : node("td")))));
      const rows = table.rows.map((row) => node("tr", {}, row.map((cell, index) => (index ? node("td", { class: cell.length < 24 && "short" }, cell) : node("th", { scope: "row", class: cell.length > 24 && "long" }, cell)))));
      yield node("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": this.data.title }, node("table", {}, head, node("tbody", {}, rows)));
    }
    if (pictures) {
      yield node("div", { class: "pictures" }, pictures.map((one, index) => node("div", {},
        node("img", { src: one.source, alt: one.caption || `${this.data.title} ${index + 1}` }), one.caption ? node("small", {}, one.caption) : "")));
    }
  }

  update(data) {
    this.data = data;
    this.fill();
    this.stale = true;
    this.drawSoon();
  }

  choose(choice) {
    if (this.data.all && this.data.all[choice]) this.update({ ...this.data.all[choice], all: this.data.all, choices: this.data.choices, section: this.data.section });
    else if (this.onChoose) this.onChoose(this, choice);
  }

  zoomed(range) {
    this.zoom = range;
    if (this.back) this.back.hidden = !range;
    this.stale = true;
    if (this.onZoom) this.onZoom(this, range); else this.drawSoon();
  }

  gone() {
    cards.delete(this);
    near?.unobserve(this.element);
    this.sized.disconnect();
    if (this.plot && globalThis.Plotly) Plotly.purge(this.plot);
    this.plot = null;
  }

  visible(shown) {
    this.shown = shown;
    if (shown) this.drawSoon();
  }

  isLog() { return this.log === null ? this.data.log : this.log; }

  drawSoon() {
    if (!this.plot || !this.shown || !this.stale || waiting.has(this)) return;
    if (!waiting.size) requestAnimationFrame(drawNext);
    waiting.add(this);
  }

  draw(unseen = false) {
    if (!(this.shown || unseen) || !this.plot?.isConnected || !globalThis.Plotly) return; // plotly.js may still be on its way
    this.stale = false;
    const { data, layout } = coloured(this.data.figure);
    const log = this.isLog();
    if (this.scale) this.scale.setAttribute("aria-pressed", String(log));
    if (log !== this.data.log) rescale(layout, log);
    const width = Math.floor(this.plot.clientWidth);
    if (!width) return;
    layout.width = this.width = width;
    layout.autosize = false;
    if (width < 420) narrow(layout);
    if (this.zoom) Object.assign(layout.xaxis, { range: this.zoom, autorange: false });
    Plotly.react(this.plot, data, layout, CONFIG);
    if (!this.listening) {
      this.listening = true;
      this.plot.on("plotly_relayout", (change) => {
        if ("xaxis.range[0]" in change) this.zoomed([change["xaxis.range[0]"], change["xaxis.range[1]"]]);
        else if (change["xaxis.autorange"]) this.zoomed(null);
      });
    }
  }
}

// Plotly gives the places of annotations on a logarithmic axis as exponents
function rescale(layout, log) {
  layout.yaxis.type = log ? "log" : "linear";
  delete layout.yaxis.tickformat;
  const still = layout.yaxis.range && layout.yaxis.tickvals?.at(-1); // of what never changes
  if (!still) { delete layout.yaxis.tickvals; delete layout.yaxis.ticktext; }
  else if (still > 0) layout.yaxis.range = log ? [Math.log10(still) - 1, Math.log10(still) + 1] : [0, 2 * still];
  layout.annotations = layout.annotations.filter((one) => one.yref !== "y" || !log || one.y > 0)
    .map((one) => (one.yref === "y" ? { ...one, y: log ? Math.log10(one.y) : 10 ** one.y } : one));
}

function narrow(layout) {
  layout.font.size = 11;
  layout.xaxis.nticks = 4;
  if (layout.yaxis.visible === false) layout.annotations = layout.annotations.filter((one) => one.text.length < 9); // parallel axes stand close
  for (const one of layout.annotations) if (one.font) one.font.size = 11;
}

// the verdict

const MARK = { error: "✖", warning: "▲", info: "●" };

export function verdict(data) {
  const state = data.status === "healthy" ? "healthy" : data.worst || "unknown";
  const box = node("section", { class: `verdict ${state}`, "aria-label": "Verdict" },
    node("h2", {}, node("span", { class: "mark", "aria-hidden": "true" }, state === "healthy" ? "✔" : MARK[data.worst] || "?"), " ", data.words),
    data.reason ? node("p", {}, data.reason) : "");
  for (const one of data.findings) box.append(finding(one));
  return box;
}

function finding(one) {
  const told = one.stage === "confirmed" ? "confirmed" : `${one.stage}, ${one.sure} sure`;
  const words = node("div", { class: "words" },
    node("h3", {}, node("span", { class: "mark", "aria-hidden": "true" }, MARK[one.severity] || "●"), " ", one.id),
    node("p", { class: "meta" }, `${one.severity === "info" ? "note" : one.severity} · ${told} · step ${one.step.toLocaleString("en")}`,
      one.where ? node("code", {}, one.where) : "", one.source ? node("code", {}, one.source) : ""),
    node("p", { class: "message" }, one.message),
    one.why ? node("p", { class: "why" }, one.why) : "",
    one.evidence.length ? node("ul", { class: "evidence" }, one.evidence.map((each) => node("li", {}, each))) : "",
    one.remedies.map((each) => node("div", { class: "remedy" }, node("p", {}, node("span", { "aria-hidden": "true" }, "→ "), each.title), each.code ? node("pre", {}, node("code", {}, each.code)) : "")),
    one.proof.map((each) => node("p", { class: "proof" }, node("span", { "aria-hidden": "true" }, "✔ "), `Proven: ${each}`)));
  if (one.explains.length) {
    words.append(node("details", {}, node("summary", {}, `explains ${one.explains.map((each) => each.id).join(", ")}`),
      node("ul", {}, one.explains.map((each) => node("li", {}, node("b", {}, each.id), ` ${each.message}`)))));
  }
  const article = node("article", { class: `finding ${one.severity}` }, words);
  if (one.card) article.append(new Card(one.card).element);
  return article;
}

// a narrow card that would stand alone in its row takes the whole of it
export function even(into) {
  for (const grid of into.querySelectorAll(".grid")) {
    let left = null;
    const shown = [...grid.children].filter((one) => !one.hidden);
    grid.parentNode.hidden = !shown.length;
    for (const card of shown) {
      card.classList.toggle("wide", card.card.data.wide);
      if (card.card.data.wide) { left?.classList.add("wide"); left = null; } else left = left ? null : card;
    }
    left?.classList.add("wide");
  }
}

// cards under their headings, in two columns where there is room

export function sections(cards, into, make = (data) => new Card(data)) {
  let name = null, grid = null;
  const made = [];
  for (const data of cards) {
    if (data.section !== name) {
      name = data.section;
      grid = node("div", { class: "grid" });
      into.append(node("section", { "aria-label": name }, node("h2", { class: "part" }, name), grid));
    }
    const card = make(data);
    made.push(card);
    grid.append(card.element);
  }
  even(into);
  return made;
}
