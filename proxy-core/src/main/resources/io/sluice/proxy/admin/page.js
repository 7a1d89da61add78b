// The status page: shows what the daemon says, and asks for no more than it is shown. All text goes in as text.
"use strict";

const byId = id => document.getElementById(id);
const EVERY_MILLIS = 4000; // how often a view is asked for that no event brings
const STEP_MILLIS = 10000; // how far apart the samples of a plot are
let last = null; // the last event, and the one before
let before = null;

// ---- how things are written

function number(value) {
  if (value === undefined || value === null) return "";
  for (const [unit, of] of [["G", 1e9], ["M", 1e6], ["k", 1e4]]) {
    if (value >= of) return (value / (unit === "k" ? 1e3 : of)).toFixed(1) + unit;
  }
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 1 : 0);
}

function bytes(value) {
  for (const [unit, of] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (value >= of) return (value / of).toFixed(1) + " " + unit;
  }
  return Math.round(value) + " B";
}

function duration(millis) {
  const seconds = Math.max(0, Math.round(millis / 1000));
  for (const [unit, of] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * of) return Math.floor(seconds / of) + " " + unit;
  }
  return seconds + " s";
}

function micros(value) {
  if (value === undefined) return "";
  return value < 1e4 ? (value / 1e3).toFixed(2) + " ms" : value < 1e6 ? Math.round(value / 1e3) + " ms" : (value / 1e6).toFixed(1) + " s";
}

const reasons = counts => Object.entries(counts || {}).map(([reason, count]) => reason + " " + number(count)).join(", ");

// ---- elements

function element(name, text, style) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (style) made.className = style;
  return made;
}

// Each column: [heading, style]. Each row: cells, which are text, or nodes; a row may have a style.
function table(columns, rows) {
  const whole = element("table");
  const head = whole.appendChild(element("thead")).appendChild(element("tr"));
  for (const [name, style] of columns) head.appendChild(element("th", name, style)).scope = "col";
  const body = whole.appendChild(element("tbody"));
  for (const row of rows) {
    const line = body.appendChild(element("tr", null, row.style));
    row.cells.forEach((cell, i) => {
      const [name, style] = columns[i];
      const made = line.appendChild(element("td", cell instanceof Node ? null : cell, style));
      made.dataset.name = name;
      if (cell instanceof Node) made.append(cell);
    });
  }
  return whole;
}

// Replaces what a place shows, unless somebody selects text in it.
function show(id, node) {
  const place = byId(id);
  const chosen = document.getSelection();
  if (chosen && !chosen.isCollapsed && place.contains(chosen.anchorNode)) return;
  place.replaceChildren(node);
}

const state = word => element("span", word, "state " + word);

// ---- overview

function plot(name, values, now, write) {
  const figure = element("figure");
  figure.append(element("figcaption", name), element("b", write(now)));
  const most = Math.max(1e-9, ...values);
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("viewBox", "0 0 100 30");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("role", "img");
  const span = "the last " + duration(values.length * STEP_MILLIS);
  picture.setAttribute("aria-label", name + ", " + span + ", at most " + write(most));
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const step = 100 / Math.max(1, values.length - 1);
  line.setAttribute("d", values.map((it, i) => (i ? "L" : "M") + (i * step).toFixed(2) + " " + (29 - 28 * it / most).toFixed(2)).join(""));
  picture.append(line);
  figure.append(picture, element("figcaption", span + ": at most " + write(most < 1e-6 ? 0 : most)));
  return figure;
}

function overview(event) {
  const { status, rates, now } = event;
  const warnings = document.createDocumentFragment();
  for (const it of status.warnings) warnings.append(element("li", it));
  if (!status.warnings.length) warnings.append(element("li", "nothing is wrong that the daemon knows of", "fine"));
  show("warnings", warnings);

  const plots = document.createDocumentFragment();
  const perSecond = write => value => write(value) + "/s";
  plots.append(
    plot("New connections and flows", rates.sessions, now.sessions, perSecond(number)),
    plot("Bytes", rates.bytes, now.bytes, perSecond(bytes)),
    plot("Datagrams", rates.datagrams, now.datagrams, perSecond(number)),
    plot("Refusals", rates.refusals, now.refusals, perSecond(number)));
  show("plots", plots);

  show("limits", table([["limit"], ["used", "n"], ["of", "n"], [""]], status.limits.map(it => {
    const write = it.name.endsWith("Bytes") ? bytes : number;
    const meter = element("meter");
    meter.max = Math.max(1, it.most);
    meter.high = 0.8 * meter.max;
    meter.value = it.used;
    meter.setAttribute("aria-label", it.name);
    return { cells: [it.name, write(it.used), write(it.most), meter] };
  })));
  show("captures", table([["capture"], ["method"], ["state"], ["missing"]], status.captures.map(it =>
    ({ cells: [it.name, it.method, state(it.up ? "up" : "down"), it.missing] }))));
}

// ---- destinations

function destinations(status, earlier, seconds) {
  const known = new Map((earlier ? earlier.destinations : []).map(it => [it.protocol + it.label, it]));
  const rows = [];
  for (const it of status.destinations) {
    const old = known.get(it.protocol + it.label);
    const rate = old ? (it.lookups - old.lookups) / seconds : undefined;
    const full = it.maxSessions ? " of " + number(it.maxSessions) : "";
    rows.push({ style: "head", cells: [it.protocol + " " + it.label,
      it.targets.every(target => target.state === "down") ? state("down") : "", "", "", number(it.sessions) + full, number(rate),
      "", "", bytes(it.bytesIn), bytes(it.bytesOut), reasons(it.refusals), ""] });
    for (const target of it.targets) {
      const ago = duration(Date.now() - Date.parse(target.since));
      rows.push({ cells: [target.name ? target.name + " " + target.address : target.address, state(target.state),
        ago + (target.reason ? ": " + target.reason : ""), target.weight, number(target.sessions), "",
        micros(target.connectP50Micros), micros(target.connectP99Micros), bytes(target.bytesIn), bytes(target.bytesOut),
        reasons(target.failures), target.lastCheck || ""] });
    }
  }
  show("destinationsTable", table([["", "address"], ["state"], ["since and why"], ["weight", "n optional"], ["sessions", "n"],
    ["new/s", "n"], ["p50", "n optional"], ["p99", "n"], ["in", "n"], ["out", "n"], ["refused or failed"], ["last check", "optional"]], rows));
  const left = status.destinationsInAll - status.destinations.length;
  byId("destinationsNote").textContent = left > 0
    ? status.destinations.length + " of " + status.destinationsInAll + ", those in trouble first, then by bytes; search for others" : "";
}

// ---- views that are asked for

async function ask(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  const answer = await fetch("api/" + path + "?" + query, { cache: "no-store" });
  if (!answer.ok) {
    const text = await answer.text();
    let why = text;
    try { why = JSON.parse(text).error; } catch { /* it is no JSON */ }
    throw new Error(why);
  }
  return answer.headers.get("content-type").startsWith("application/json") ? answer.json() : answer.text();
}

const fields = section => Object.fromEntries(new FormData(byId(section).querySelector("form")));
let skip = 0;

const views = {
  async overview() {
    const { generations } = await ask("history", {});
    show("history", table([["generation", "n"], ["when"], ["by"], ["what"]], (generations || []).slice(0, 10).map(it =>
      ({ cells: [it.generation, it.at.slice(0, 19).replace("T", " "), it.who, Array.isArray(it.diff) ? it.diff.join("; ") : it.diff] }))));
  },
  async destinations() {
    const { search } = fields("destinations");
    if (search) destinations(await ask("status", { search, most: 200 }), null, 1);
    else if (last) destinations(last.status, before && before.status, (last.at - (before || last).at) / 1000);
  },
  async bindings() {
    const { search, match } = fields("bindings");
    const { bindings } = await ask("bindings", match ? { match } : { search, skip, most: 100 });
    show("bindingsTable", table([["label"], ["protocol"], ["prefix", "address"], ["port", "n"]], bindings.map((it, i) =>
      ({ style: match && !i ? "head" : "", cells: [it.label, it.protocol, it.prefix, it.port === 0 ? "any" : it.port] }))));
    byId("bindingsNote").textContent = match ? bindings.length ? "the first one wins" : "no binding matches" : "from " + (skip + 1) + " on";
    byId("bindingsMore").hidden = Boolean(match) || bindings.length < 100;
  },
  async refusals() {
    const counts = last ? last.status.drops : {};
    const old = before ? before.status.drops : counts;
    const seconds = before ? (last.at - before.at) / 1000 : 1;
    show("reasons", table([["reason"], ["now, per second", "n"], ["in all", "n"]], Object.entries(counts).map(([reason, count]) =>
      ({ cells: [reason, number((count - (old[reason] || 0)) / seconds), number(count)] }))));
    const { drops } = await ask("drops", fields("refusals"));
    show("refusalsTable", table([["when"], ["client", "address"], ["wanted", "address"], ["reason"], ["label"], ["decided by"], ["target", "address optional"]],
      drops.slice(-100).reverse().map(it => ({ cells: [it.at.slice(11, 19), it.protocol + " " + it.client, it.local, it.reason, it.label || "",
        [it.program, it.rule, it.errno].filter(Boolean).join(" "), it.target || ""] }))));
    byId("refusalsNote").textContent = drops.length ? "" : "nothing was refused";
  },
  async sessions() {
    const { count, sessions } = await ask("sessions", { ...fields("sessions"), limit: 100 });
    show("sessionsTable", table([["client", "address"], ["wanted", "address optional"], ["label"], ["target", "address"], ["state"], ["age", "n"], ["idle", "n optional"],
      ["in", "n"], ["out", "n"], ["rtt", "n optional"], ["sent again", "n optional"]], sessions.map(it => ({ cells: [it.protocol + " " + it.client, it.local, it.label, it.target,
        it.state, duration(it.ageMillis), duration(it.idleMillis), bytes(it.bytesIn), bytes(it.bytesOut),
        micros(it.clientTcp ? it.clientTcp.rttMicros : undefined), it.clientTcp ? it.clientTcp.retransmits : ""] }))));
    byId("sessionsNote").textContent = count + (count > sessions.length ? " in all; the first " + sessions.length + " of them:" : " in all");
  },
  async explain() {
    const { lookup } = fields("explain");
    byId("explainAnswer").textContent = lookup ? await ask("explain", { lookup, text: "true" }) : "";
  },
};

function current() {
  const name = location.hash.slice(1);
  return name in views ? name : "overview";
}

async function refresh() {
  const name = current();
  try {
    await views[name]();
    const note = byId(name + "Note");
    if (note) note.classList.remove("down");
  } catch (failure) {
    const note = byId(name + "Note");
    if (note && !(failure instanceof TypeError)) {
      note.textContent = failure.message;
      note.classList.add("down");
    }
  }
}

function turn() {
  skip = 0;
  for (const section of document.querySelectorAll("main section")) section.hidden = section.id !== current();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === "#" + current()) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  refresh();
}

// ---- life

function arrived(event) {
  before = last;
  last = event;
  last.at = Date.now();
  byId("lost").textContent = "";
  byId("lost").hidden = true;
  const { status } = event;
  byId("daemon").textContent = status.version + " on " + event.host + ", up " + duration(status.uptimeMillis) + ", generation "
    + status.generation + ", " + number(status.bindings) + (status.bindings === 1 ? " binding" : " bindings");
  overview(event);
  if (current() === "destinations" || current() === "refusals") refresh();
}

function connect() {
  const events = new EventSource("events");
  events.onmessage = message => arrived(JSON.parse(message.data));
  events.onerror = () => {
    const since = last ? "; what is shown is " + duration(Date.now() - last.at) + " old" : "";
    byId("lost").textContent = "the daemon doesn't answer" + since;
    byId("lost").hidden = false;
    if (events.readyState === EventSource.CLOSED) {
      events.close();
      setTimeout(connect, 2000);
    }
  };
}

addEventListener("hashchange", turn);
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", event => { event.preventDefault(); skip = 0; refresh(); });
}
byId("destinations").querySelector("input").addEventListener("input", refresh);
byId("bindingsMore").addEventListener("click", () => { skip += 100; refresh(); });
turn();
connect();
setInterval(() => { if (["overview", "sessions"].includes(current()) && !document.hidden) refresh(); }, EVERY_MILLIS);
