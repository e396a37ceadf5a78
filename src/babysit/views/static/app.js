// The live page: which view is shown. Each view gives a function that ends it.
import { forget, node, rememberTheme } from "./draw.js";
import { list } from "./list.js";
import { run } from "./run.js";
import { head, listen, main, trouble } from "./talk.js";
import { whole } from "./whole.js";

let leave = () => {};
let turn = 0;

function view(kind, names) {
  if (kind === "run" && names.length) return run(names[0]);
  if (kind === "study" && names.length) return whole("/api/study", { name: names[0] }, { name: names[0] });
  if (kind === "compare" && names.length) return whole("/api/compare", { name: names, width: 1000 }, {});
  return list();
}

// a page may be opened before its training has written anything: it begins when the folder changes
function awaited(name, error) {
  if (error.status !== 404) { trouble(error); return () => {}; }
  head(name, ["not there yet"]);
  main.replaceChildren(node("p", { class: "empty", role: "status" }, `${error.message}. It is shown as soon as it is there.`));
  let heard = false;
  return listen({}, () => { if (heard) route(); heard = true; });
}

async function route() {
  const mine = ++turn;
  leave();
  leave = () => {};
  forget(main);
  const [kind, ...rest] = location.hash.replace(/^#\//, "").split("/");
  let end = () => {}, names = [];
  try {
    names = rest.map(decodeURIComponent);
    end = await view(kind, names);
  } catch (error) {
    if (mine !== turn || error.name === "AbortError") return;
    if (names.length === 1) end = awaited(names[0], error);
    else { head("babysit", []); trouble(error); }
  }
  if (mine === turn) leave = end;
  else end(); // another view was asked for meanwhile
}

if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", `/${location.hash}`); // it is in the cookie now
rememberTheme();
addEventListener("hashchange", route);
route();
