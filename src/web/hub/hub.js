// The hub's page: asks for the sites every few seconds and shows what has changed. No frame, no other host, nothing inline.
"use strict";

const EVERY_MS = 5000;
const own = (id) => document.getElementById(id);
const shown = new Map();

function node(name, words, kind) {
  const made = document.createElement(name);
  if (words) made.textContent = words;
  if (kind) made.className = kind;
  return made;
}

function cell(name, words, more, kind) {
  const made = node("td");
  made.setAttribute("role", "cell");
  made.dataset.name = name;
  const inside = node("div");
  inside.append(node("span", words, kind));
  if (more) inside.append(node("small", more));
  made.append(inside);
  return made;
}

/** Seconds as a person says them. */
function span(seconds) {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

const LAMPS = { green: "fine", amber: "look at it", red: "does not work" };

function lamp(colour) {
  const made = node("span", "", `lamp ${colour}`);
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", LAMPS[colour] ?? colour);
  return made;
}

function heading(site) {
  const made = node("th");
  made.setAttribute("role", "rowheader");
  made.scope = "row";
  made.append(lamp(site.lamp), site.site);
  for (const why of site.why) made.append(node("small", why, `${site.lamp}-words`));
  return made;
}

function line(site, now) {
  const since = span(Math.max(0, Math.round((now - Date.parse(site.since)) / 1000)));
  if (site.up) return cell("Line", `Up by ${site.route === "quic" ? "QUIC" : "TLS"}`, `for ${since}`);
  return cell("Line", "Down", `for ${since}`, "amber-words");
}

function behind(site) {
  const events = site.lag_events.toLocaleString("en");
  const words = site.lag_events === 0 ? "Nothing" : `${events} events`;
  const megabytes = Math.ceil(site.files_octets / 1048576).toLocaleString("en");
  const files = site.files ? `; ${site.files.toLocaleString("en")} files of ${megabytes} MB` : "";
  const lost = site.lost ? `; ${site.lost.toLocaleString("en")} lost` : "";
  return cell("Behind", words, `newest ${span(site.event_age_s)} old${lost}${files}`);
}

function certificate(site, now) {
  if (!site.certificate_ends) return cell("Certificate", "Unknown");
  const left = Math.round((Date.parse(site.certificate_ends) - now) / 1000);
  const day = site.certificate_ends.slice(0, 10);
  if (left <= 0) return cell("Certificate", "Ended", day, "red-words");
  return cell("Certificate", span(left), day, left < 604800 ? "amber-words" : "");
}

function parts(site) {
  const made = cell("Parts", site.parts.length ? "" : "Not said");
  const list = node("ul");
  for (const part of site.parts) {
    const item = node("li");
    item.append(lamp(part.lamp), part.part);
    if (part.words) item.append(node("small", part.words));
    list.append(item);
  }
  if (site.parts.length) made.firstChild.append(list);
  return made;
}

function row(site, now) {
  const made = node("tr");
  made.setAttribute("role", "row");
  const disk = site.disk_percent;
  made.append(
    heading(site),
    line(site, now),
    behind(site),
    cell("Last contact", `${span(site.silent_s)} ago`, site.heard.slice(0, 16).replace("T", " ")),
    cell("Version", site.version || "Unknown"),
    certificate(site, now),
    cell("Disk", disk === null ? "Not said" : `${disk} %`, "", disk >= 90 ? "amber-words" : ""),
    parts(site),
  );
  return made;
}

function show(answer) {
  const now = Date.parse(answer.now);
  const wanted = own("find").value.trim().toLowerCase();
  const rows = answer.sites.map((site) => {
    const said = JSON.stringify(site);
    const known = shown.get(site.site);
    const made = known && known.said === said ? known.row : row(site, now);
    shown.set(site.site, { said, row: made });
    made.hidden = wanted !== "" && !site.site.toLowerCase().includes(wanted);
    return made;
  });
  own("rows").replaceChildren(...rows);
  const up = answer.sites.filter((site) => site.up).length;
  const look = answer.sites.filter((site) => site.lamp !== "green").length;
  const words = `${answer.sites.length} sites, ${up} up, ${look} to look at`;
  if (own("sum").textContent !== words) own("sum").textContent = words;
  own("table").hidden = answer.sites.length === 0;
  own("none").hidden = answer.sites.length !== 0;
}

let last = null;

async function ask() {
  try {
    const response = await fetch(new URL("/sites.json", location.origin), { cache: "no-store" });
    if (!response.ok) throw new Error(`the hub answered ${response.status}`);
    last = await response.json();
    own("trouble").hidden = true;
    show(last);
  } catch (error) {
    own("trouble").textContent = `Not up to date: ${error.message}. It is tried again.`;
    own("trouble").hidden = false;
  }
  setTimeout(ask, EVERY_MS);
}

own("find").addEventListener("input", () => last && show(last));
ask();
