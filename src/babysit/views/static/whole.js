// A study or a comparison: all of it at once, again when its files change.
import { Card, even, forget, node, sections, verdict } from "./draw.js";
import { facts, get, head, listen, main, say } from "./talk.js";

// path: what gives the cards; follow: which changes to hear of
export async function whole(path, parameters, follow) {
  const stop = new AbortController();
  const place = node("div"), body = node("div");
  let made = [], told = null, busy = false, again = false;

  const show = (found) => {
    facts(found.heading.facts);
    say(found.heading.spoken);
    const words = JSON.stringify(found.heading.verdict);
    if (words !== told) {
      told = words;
      forget(place);
      place.replaceChildren(found.heading.verdict ? verdict(found.heading.verdict) : "");
    }
    const same = made.length === found.cards.length && found.cards.every((data, index) => data.name === made[index].data.name);
    if (same) { found.cards.forEach((data, index) => made[index].update(data)); return; }
    const kept = new Map(made.map((card) => [card.data.name, card]));
    body.replaceChildren();
    made = sections(found.cards, body, (data) => {
      const card = kept.get(data.name);
      if (!card) return new Card(data);
      kept.delete(data.name);
      card.update(data);
      return card;
    });
    for (const card of kept.values()) card.gone();
    even(body);
  };

  // the next look waits twenty times as long as the last one took: a large study costs little
  const load = async () => {
    if (busy) { again = true; return; }
    busy = true;
    const began = performance.now();
    try { show(await get(path, parameters, stop.signal)); } catch { /* the next change tells */ }
    setTimeout(() => { busy = false; if (again && !stop.signal.aborted) { again = false; load(); } }, 20 * (performance.now() - began));
  };

  const first = await get(path, parameters, stop.signal);
  head(first.heading.name, first.heading.facts);
  main.replaceChildren(place, body);
  show(first);
  let heard = false; // the first message tells how it is, not that it changed
  const close = listen(follow, () => { if (heard) load(); heard = true; });
  return () => { stop.abort(); close(); };
}
