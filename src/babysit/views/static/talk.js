// What the views share: asking the server, following what changes, the page's head, what is spoken.
import { node, themeButton } from "./draw.js";

const header = document.querySelector("header");
const spoken = document.getElementById("spoken");
export const main = document.getElementById("main");

export async function get(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) for (const one of [value].flat()) if (one !== undefined && one !== null) query.append(name, one);
  const answer = await fetch(`${path}?${query}`, { signal, credentials: "same-origin" });
  const body = await answer.json().catch(() => ({ problem: `${answer.status} ${answer.statusText}` }));
  if (!answer.ok) throw Object.assign(new Error(body.problem || answer.statusText), { status: answer.status });
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
code("/static/plotly.js").then(() => globalThis.Plotly || code("/static/plotly.min.js"))
  .then(() => dispatchEvent(new Event("babysit-redraw")), trouble);

export function head(name, facts, back = true) {
  const title = node("div", { class: "title" }, back ? node("nav", {}, node("a", { href: "#/" }, "all runs")) : "",
    node("h1", {}, name), node("p", { class: "facts" }, facts.join(" · ")));
  header.replaceChildren(title, node("span", { class: "lost", role: "status" }), themeButton());
  document.title = `${name} · babysit`;
}

export function facts(list) {
  const text = list.join(" · "), place = header.querySelector(".facts");
  if (place && place.textContent !== text) place.textContent = text;
}

let said = 0;
export function say(words) {
  const now = Date.now();
  if (now - said < 10_000) return;
  said = now;
  spoken.textContent = words;
}

export function lost(words) {
  const place = header.querySelector(".lost");
  if (place) place.textContent = words;
}

export function listen(parameters, changed) {
  const source = new EventSource(`/api/events?${new URLSearchParams(parameters)}`);
  source.onmessage = (message) => { lost(""); changed(JSON.parse(message.data)); };
  source.addEventListener("lost", (message) => { lost(JSON.parse(message.data)); source.close(); });
  source.onerror = () => lost("connection lost, trying again");
  source.onopen = () => lost("");
  return () => source.close();
}

export function trouble(error) {
  if (error.name === "AbortError") return;
  main.replaceChildren(node("p", { class: "empty", role: "alert" }, error.message));
}

