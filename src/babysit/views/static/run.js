// One run, live: it asks for what can be seen and has changed.
import { Card, even, forget, node, verdict } from "./draw.js";
import { facts, get, head, listen, lost, main, say, trouble } from "./talk.js";

export async function run(name) {
  const cards = new Map(); // name -> {slot, card, version, wanted, visible}
  const stop = new AbortController();
  let known = {}, busy = false, verdictTold = "";
  const place = node("div");
  const body = node("div");

  // drawn first a little before it comes into view, brought up to date while it is in view
  const observer = (what, rootMargin) => new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const held = cards.get(entry.target.dataset.name);
      if (held) held[what] = entry.isIntersecting;
    }
    more();
  }, { rootMargin });
  const near = observer("near", "250px"), seen = observer("seen", "0px");

  const slot = (panel, info) => {
    const element = node("figure", { class: `card waiting${info.wide ? " wide" : ""}`, "data-name": panel });
    element.card = { data: { wide: info.wide } };
    near.observe(element);
    return { element, card: null, version: 0, near: false, seen: true, info };
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
    near.unobserve(held.element);
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
    const wanted = [...cards.entries()].filter(([panel, held]) => (held.card ? held.seen : held.near) && held.version < (known[panel]?.version || 0));
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
      if (error.name !== "AbortError") lost(error.message);
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
      forget(place);
      place.replaceChildren(state.heading.verdict ? verdict(state.heading.verdict) : "");
    } catch (error) { trouble(error); }
  };

  const first = await get("/api/run", { name }, stop.signal);
  head(first.heading.name, first.heading.facts);
  main.replaceChildren(place, body);
  verdictTold = first.heading.told;
  place.replaceChildren(first.heading.verdict ? verdict(first.heading.verdict) : "");
  changed(first);
  const close = listen({ name }, changed);
  return () => { stop.abort(); close(); near.disconnect(); seen.disconnect(); };
}

