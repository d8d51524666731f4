"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const count = (n) => n.toLocaleString("en");
// As the command prints addresses: 0x8020_0000.
const hex = (n) => "0x" + n.toString(16).replace(/\B(?=(.{4})+$)/g, "_");
const range = (base, top) => `${hex(base)}..${hex(top)}`;
function el(ns, name, attrs, text) {
  const made = ns ? document.createElementNS(ns, name) : document.createElement(name);
  for (const key in attrs) made.setAttribute(key, attrs[key]);
  if (text !== undefined) made.textContent = text;
  return made;
}
// Paths without their folders; the whole ones stand in the titles and among the inputs.
const short = (text) => text.replace(/[^\s:]*\/(?=[^\s/])/g, "");
// What kind of event a text is of, by its command.
const KINDS = [["REALM", "realm"], ["RTT_INIT", "ripas"], ["REC", "rec"], ["DATA", "contents"],
  ["RTT_DATA", "contents"]];
const kindOf = (text) => (KINDS.find(([start]) => text.startsWith(start)) || ["", "other"])[1];
// The first of ranges in order that ends past an address.
function firstPast(bars, at) {
  let low = 0, high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].top > at) high = middle; else low = middle + 1;
  }
  return low;
}
// Neighbours of one kind and name are one bar.
function merged(bars) {
  const made = [];
  for (const bar of bars.sort((a, b) => a.base - b.base)) {
    const last = made[made.length - 1];
    if (last && last.top === bar.base && last.kind === bar.kind && last.name === bar.name)
      last.top = bar.top;
    else made.push({ ...bar });
  }
  return made;
}
const HIPAS = { ASSIGNED: "data", ASSIGNED_NS: "ns" };
function lanes(realm) {
  const parts = realm.map.map(([base, top, level, hipas, ripas]) =>
    ({ base, top, level, hipas, ripas }));
  const of = (label, height, bars) => ({ label, height, bars: merged(bars) });
  const made = [
    of("Contents", 24, realm.shown.map(([base, top, name, kind]) => ({ base, top, name, kind }))),
    of("RIPAS", 24, parts.filter((p) => p.ripas)
      .map((p) => ({ ...p, name: p.ripas, kind: p.ripas.toLowerCase() }))),
    of("HIPAS", 24, parts.map((p) => ({ ...p, name: p.hipas, kind: HIPAS[p.hipas] || "empty" }))),
  ];
  for (const level of [...new Set(parts.map((p) => p.level))].sort((a, b) => a - b)) {
    const bars = parts.filter((p) => p.level === level).map((p) => ({ ...p, name: "",
      kind: HIPAS[p.hipas] || (p.ripas || "empty").toLowerCase() }));
    made.push({ ...of(`Level ${level}`, 14, bars), level });
  }
  return made;
}
function drawMap(svg, realm) {
  const all = { from: 0, to: realm.size };
  const used = realm.map.filter(([, , , hipas, ripas]) =>
    !(hipas.startsWith("UNASSIGNED") && (ripas === "EMPTY" || !ripas))).concat(realm.shown);
  const home = used.length === 0 ? all : {
    from: used.reduce((a, [base]) => Math.min(a, base), Infinity),
    to: used.reduce((a, [, top]) => Math.max(a, top), 0) };
  const rows = lanes(realm), picture = svg.parentNode, where = picture.querySelector(".where");
  const LEFT = 72;
  let view = { ...home }, width = 1000, broken = rows[0].bars.length <= 24, pieces = [];
  // The axis in pieces: where it is broken, contents are wide and long stretches short.
  function cut() {
    const marks = [view.from, view.to];
    if (broken && view.from === home.from && view.to === home.to)
      for (const bar of rows[0].bars) marks.push(bar.base, bar.top);
    marks.sort((a, b) => a - b);
    pieces = [];
    for (let i = 1; i < marks.length; i++) {
      const from = marks[i - 1], to = marks[i];
      if (to <= from) continue;
      const bar = rows[0].bars[firstPast(rows[0].bars, from)], size = Math.log2(to - from) - 11;
      const shown = bar && bar.base <= from;
      pieces.push({ from, to, weight: shown ? 4 + size / 2 : Math.max(1, size / 3), gap: !shown });
    }
    const all = pieces.reduce((sum, piece) => sum + piece.weight, 0);
    let at = LEFT;
    for (const piece of pieces) {
      piece.x = at;
      piece.wide = (piece.weight / all) * (width - LEFT);
      at += piece.wide;
    }
  }
  const x = (at) => {
    const piece = pieces.find(({ to }) => at <= to) || pieces[pieces.length - 1];
    return piece.x + ((at - piece.from) / (piece.to - piece.from)) * piece.wide;
  };
  const address = (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    const piece = pieces.find(({ x, wide }) => at <= x + wide) || pieces[pieces.length - 1];
    const part = Math.min(Math.max((at - piece.x) / piece.wide, 0), 1);
    return piece.from + part * (piece.to - piece.from);
  };
  // Where the axis is broken: its ends are labelled, and a mark stands in what is shortened.
  function brokenAxis(height) {
    let free = 0;
    for (const { from, to, x: place, wide, gap } of pieces) {
      svg.append(el(SVG, "line", { x1: place, x2: place, y1: 16, y2: height }));
      if (place >= free && place + 96 < width) {
        svg.append(el(SVG, "text", { x: place + 2, y: 13, class: "dim" }, hex(from)));
        free = place + 100;
      }
      if (gap && wide > 24 && to - from > (view.to - view.from) / 50) {
        const middle = place + wide / 2;
        for (const shift of [-4, 2]) svg.append(el(SVG, "line", { class: "break",
          x1: middle + shift - 3, y1: height - 2, x2: middle + shift + 5, y2: 18 }));
      }
    }
  }
  function axis(height) {
    if (pieces.length > 1) return brokenAxis(height);
    const step = 2 ** Math.ceil(Math.log2((view.to - view.from) * 140 / (width - LEFT)));
    for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
      const place = x(at);
      svg.append(el(SVG, "line", { x1: place, x2: place, y1: 16, y2: height }));
      if (place + 100 < width)
        svg.append(el(SVG, "text", { x: place + 2, y: 13, class: "dim" }, hex(at)));
    }
  }
  function lane(row, y) {
    svg.append(el(SVG, "text", { x: 6, y: y + row.height / 2 + 4, class: "dim" }, row.label));
    let last = null;
    const put = () => {
      if (!last) return;
      const { bar } = last, wide = Math.max(bar.kind === "dtb" ? 3 : 1, last.b - last.a);
      const rect = el(SVG, "rect", { x: last.a, y, width: wide, height: row.height,
        class: bar.kind });
      rect.append(el(SVG, "title", {}, `${row.label} ${bar.name} ${range(bar.base, bar.top)}`));
      svg.append(rect);
      const name = short(bar.name);
      if (name && wide > name.length * 7.3 + 8)
        svg.append(el(SVG, "text", { x: last.a + 4, y: y + row.height / 2 + 4,
          class: bar.kind === "empty" ? "onempty" : "on" }, name));
    };
    for (let i = firstPast(row.bars, view.from); i < row.bars.length; i++) {
      const bar = row.bars[i];
      if (bar.base >= view.to) break;
      const a = Math.max(LEFT, x(bar.base)), b = Math.min(width, x(bar.top));
      // What is narrower than a pixel is not drawn over what is there, but for device trees.
      if (last && b < last.b + 1 && b - a < 1 && a - last.b < 1 && bar.kind !== "dtb") {
        last.b = Math.max(last.b, b);
        continue;
      }
      put();
      last = { a, b, bar };
    }
    put();
  }
  function draw() {
    width = Math.max(300, svg.clientWidth || 1000);
    const height = rows.reduce((sum, row) => sum + row.height + 4, 24);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    cut();
    axis(height);
    let y = 22;
    for (const row of rows) { lane(row, y); y += row.height + 4; }
    for (const mark of svg.querySelectorAll(".break")) svg.append(mark);
    const scale = pieces.length > 1 ? " (the axis is broken, so that contents can be seen)" : "";
    where.textContent = `Shown: ${range(Math.floor(view.from), Math.ceil(view.to))}${scale}`;
  }
  function look(from, span) {
    const wide = Math.min(Math.max(span, 4096), all.to);
    const begin = Math.max(0, Math.min(from, all.to - wide));
    view = { from: begin, to: begin + wide };
    draw();
  }
  const span = () => view.to - view.from;
  const zoom = (factor, at) =>
    look(at - (at - view.from) * (Math.min(Math.max(span() * factor, 4096), all.to) / span()),
      span() * factor);
  const middle = () => view.from + span() / 2;
  const actions = { in: () => zoom(0.5, middle()), out: () => zoom(2, middle()),
    left: () => look(view.from - span() / 4, span()),
    right: () => look(view.from + span() / 4, span()),
    home: () => { view = { ...home }; draw(); }, all: () => look(0, all.to),
    scale: () => { broken = !broken; view = { ...home }; draw(); } };
  for (const button of picture.querySelectorAll("button"))
    button.addEventListener("click", actions[button.dataset.do]);
  // The legend has what the map has.
  const kinds = new Set(rows.flatMap((row) => row.bars.map((bar) => bar.kind)));
  for (const entry of picture.querySelectorAll(".legend > span"))
    entry.hidden = !kinds.has(entry.dataset.kind);
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== svg) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, address(event));
  }, { passive: false });
  svg.addEventListener("dblclick", (event) => zoom(0.25, address(event)));
  let held = null;
  svg.addEventListener("pointerdown", (event) => {
    svg.focus();
    svg.setPointerCapture(event.pointerId);
    held = { x: event.clientX, from: view.from };
  });
  svg.addEventListener("pointerup", () => { held = null; });
  svg.addEventListener("pointercancel", () => { held = null; });
  svg.addEventListener("pointermove", (event) => {
    if (held) look(held.from - (event.clientX - held.x) * span() / (width - LEFT), span());
    const at = Math.floor(address(event));
    const there = rows.map((row) => ({ row, bar: row.bars[firstPast(row.bars, at)] }))
      .filter(({ bar }) => bar && bar.base <= at);
    const names = there.map(({ row, bar }) => bar.name || `level ${row.level}`);
    where.textContent = `${hex(at)}: ${names.join(", ")}`;
  });
  const chips = picture.querySelector(".chips"), MOST_CHIPS = 12;
  for (const bar of rows[0].bars.slice(0, MOST_CHIPS)) {
    const chip = el(null, "button", { title: `Zoom to ${bar.name}` });
    chip.append(el(null, "span", { class: `key ${bar.kind}` }), ` ${short(bar.name)} `,
      el(null, "span", { class: "mono dim" }, range(bar.base, bar.top)));
    chip.addEventListener("click", () => {
      const edge = (bar.top - bar.base) / 10;
      look(bar.base - edge, bar.top - bar.base + 2 * edge);
    });
    chips.append(chip);
  }
  if (rows[0].bars.length > MOST_CHIPS)
    chips.append(`and ${count(rows[0].bars.length - MOST_CHIPS)} more in the table below`);
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right",
    Home: "home", End: "all" };
  svg.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[keys[event.key]]();
  });
  window.addEventListener("resize", draw);
  draw();
}
// A list of which only the rows in sight are there. `cells` are a row's texts.
function drawList(id, kind, height, all, cells) {
  const list = document.getElementById(id);
  if (!list) return;
  const box = list.querySelector(".rows"), plain = document.getElementById(`${id}-plain`);
  const inner = el(null, "div", { role: "presentation" });
  let rows = all, marked = null;
  // A RIM is never cut: the list scrolls sideways instead.
  if (kind === "event" && all.length > 0) inner.style.minWidth = `${all[0][2].length * 8 + 110}px`;
  box.append(inner);
  function draw() {
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 5);
    const last = Math.min(rows.length, first + Math.ceil((box.clientHeight || 450) / height) + 10);
    inner.replaceChildren();
    for (let i = first; i < last; i++) {
      const texts = cells(rows[i]);
      const more = kind === "event" ? ` of-${kindOf(texts[1])}${rows[i] === marked ? " marked" : ""}` : "";
      const row = el(null, "div",
        { class: `row ${kind}${more}`, role: "row", "aria-rowindex": i + 1 });
      row.style.top = `${i * height}px`;
      row.style.height = `${height}px`;
      for (const text of texts)
        row.append(el(null, "div", { role: "cell", title: text }, short(text)));
      inner.append(row);
    }
  }
  function show() {
    inner.style.height = `${Math.max(1, rows.length) * height}px`;
    box.setAttribute("aria-rowcount", rows.length);
    list.querySelector(".count").textContent = rows.length === all.length
      ? `${count(all.length)} row${all.length === 1 ? "" : "s"}` : `${count(rows.length)} of ${count(all.length)} rows`;
    draw();
  }
  list.querySelector("input").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/);
    rows = all.filter((row) => {
      const text = cells(row).join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    box.scrollTop = 0;
    show();
    if (plain.classList.contains("all")) fill();
  });
  function fill() {
    const body = plain.querySelector("tbody"), made = document.createDocumentFragment();
    for (const row of rows) {
      const tr = el(null, "tr", {}), texts = cells(row);
      const rim = kind === "event" ? texts.pop() : null;
      for (const text of texts) tr.append(el(null, "td", {}, text));
      if (rim) tr.lastChild.append(el(null, "br", {}), el(null, "span", { class: "dim" }, rim));
      made.append(tr);
    }
    body.replaceChildren(made);
  }
  const button = list.querySelector("button");
  button.addEventListener("click", () => {
    const on = plain.classList.toggle("all");
    if (on) fill();
    box.hidden = on;
    button.textContent = on ? "Back to the short list" : "Every row as a table";
  });
  box.addEventListener("scroll", draw);
  window.addEventListener("resize", draw);
  const details = list.closest("details");
  if (details) details.addEventListener("toggle", draw);
  show();
  // Shows one row among all of them, and marks it.
  return (at) => {
    list.querySelector("input").value = "";
    rows = all;
    marked = all[at];
    if (plain.classList.contains("all")) button.click();
    show();
    box.scrollTop = Math.max(0, at * height - box.clientHeight / 2);
    draw();
    list.scrollIntoView({ block: "center" });
    box.focus({ preventScroll: true });
  };
}
const goTo = [];
data.realms.forEach((realm, i) => {
  drawMap(document.getElementById(`map-${i}`), realm);
  goTo[i] = drawList(`rows-${i}`, "event", 46, realm.events, (row) => [count(row[0]), row[1], row[2]]);
  const ranges = realm.shown.map(([base, top, name, kind]) =>
    [hex(base), hex(top), "", `${kind === "dtb" ? "device tree" : "contents"} ${name}`])
    .concat(realm.map.map(([base, top, level, hipas, ripas]) =>
      [hex(base), hex(top), String(level), `${hipas} ${ripas}`]));
  drawList(`ranges-${i}`, "range", 28, ranges, (row) => [...row]);
});
// A finding that names an address leads to the event there.
for (const what of document.querySelectorAll(".finding")) {
  const named = what.textContent.match(/0x[0-9a-f_]{5,}/g) || [];
  data.realms.forEach((realm, i) => {
    const own = data.realms.length === 1 || what.dataset.realm === realm.name;
    const has = (row) => named.some((at) => row[1].split(/[ =]/).includes(at));
    const found = own ? realm.events.findIndex(has) : -1;
    if (found < 0) return;
    const link = el(null, "button", { class: "link" }, `event ${count(realm.events[found][0])}`);
    link.addEventListener("click", () => goTo[i](found));
    what.append(" ", link);
  });
}
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = button.previousElementSibling;
    let copied = true;
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      getSelection().selectAllChildren(text);
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
