// The report: everything is in the file itself.
import { node, rememberTheme, sections, themeButton, verdict } from "./draw.js";

rememberTheme();
const record = JSON.parse(document.getElementById("record").textContent);
const main = document.querySelector("main");
document.querySelector("header").append(
  node("div", { class: "title" }, node("h1", {}, record.heading.name), node("p", { class: "facts" }, record.heading.facts.join(" · "))),
  themeButton());
if (record.heading.verdict) main.append(verdict(record.heading.verdict));
sections(record.cards, main);
