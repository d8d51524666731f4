"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const hex = (n) => "0x" + n.toString(16);
function el(ns, name, attrs, text) {
  const made = ns ? document.createElementNS(ns, name) : document.createElement(name);
  for (const key in attrs) made.setAttribute(key, attrs[key]);
  if (text !== undefined) made.textContent = text;
  return made;
}
function drawMap(svg, realm) {
  const parts = realm.map.map((p) => ({ ...p, base: BigInt(p.base), top: BigInt(p.top) }));
  const images = realm.images.map((p) => ({ ...p, base: BigInt(p.base), top: BigInt(p.top) }));
  const seen = parts.filter((p) => p.kind !== "empty").concat(images);
  const all = { from: 0, to: Number(BigInt(realm.size)) };
  const home = seen.length === 0 ? all : {
    from: seen.reduce((a, p) => Math.min(a, Number(p.base)), Infinity),
    to: seen.reduce((a, p) => Math.max(a, Number(p.top)), 0),
  };
  let view = { ...home };
  const label = svg.parentNode.querySelector(".range");
  function draw() {
    const width = svg.clientWidth || 1000;
    svg.setAttribute("viewBox", `0 0 ${width} 190`);
    svg.replaceChildren();
    const x = (a) => ((Number(a) - view.from) / (view.to - view.from)) * width;
    const bar = (p, y, h, kind, title) => {
      const a = Math.max(0, x(p.base)), b = Math.min(width, x(p.top));
      if (b < 0 || a > width) return;
      const rect = el(SVG, "rect", { x: a, y, width: Math.max(1, b - a), height: h, class: kind });
      rect.append(el(SVG, "title", {}, title));
      svg.append(rect);
      if (b - a > 90) svg.append(el(SVG, "text", { x: a + 4, y: y - 4 }, p.name || p.state));
    };
    const range = (p) => `${hex(p.base)}..${hex(p.top)}`;
    for (const p of images) bar(p, 25, 30, "image", `${p.name} ${range(p)}`);
    for (const p of parts)
      bar(p, 85, 30, p.kind, `${p.state}, level ${p.level}, ${range(p)}`);
    for (const p of parts)
      bar({ ...p, name: `level ${p.level}` }, 140, 10 + 6 * (p.level + 1), p.kind,
        `level ${p.level} ${range(p)}`);
    label.textContent = `${hex(BigInt(Math.floor(view.from)))}..${hex(BigInt(Math.ceil(view.to)))}`;
  }
  function zoom(factor, at) {
    const span = Math.min(Math.max((view.to - view.from) * factor, 4096), all.to);
    const middle = view.from + (view.to - view.from) * at;
    view.from = Math.max(0, Math.min(middle - span * at, all.to - span));
    view.to = view.from + span;
    draw();
  }
  function move(part) {
    const span = view.to - view.from;
    view.from = Math.max(0, Math.min(view.from + span * part, all.to - span));
    view.to = view.from + span;
    draw();
  }
  const actions = { in: () => zoom(0.5, 0.5), out: () => zoom(2, 0.5), left: () => move(-0.25),
    right: () => move(0.25), home: () => { view = { ...home }; draw(); },
    all: () => { view = { ...all }; draw(); } };
  for (const button of svg.parentNode.querySelectorAll("button"))
    button.addEventListener("click", actions[button.dataset.do]);
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, event.offsetX / (svg.clientWidth || 1));
  }, { passive: false });
  const keys = { "+": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", Home: "home" };
  svg.addEventListener("keydown", (event) => {
    if (keys[event.key]) { event.preventDefault(); actions[keys[event.key]](); }
  });
  window.addEventListener("resize", draw);
  draw();
}
function drawRows(box, realm) {
  const height = 40;
  const inner = el(null, "div", { role: "presentation" });
  inner.style.height = `${realm.events.length * height}px`;
  box.append(inner);
  function draw() {
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 5);
    const last = Math.min(realm.events.length, first + Math.ceil(box.clientHeight / height) + 10);
    inner.replaceChildren();
    for (let i = first; i < last; i++) {
      const [number, text, rim] = realm.events[i];
      const row = el(null, "div", { class: "row", role: "row", "aria-rowindex": i + 1 });
      row.style.top = `${i * height}px`;
      row.append(el(null, "div", { class: "number", role: "cell" }, number));
      row.append(el(null, "div", { class: "mono", role: "cell", title: text }, text));
      row.append(el(null, "div", { class: "mono dim", role: "cell", title: rim }, rim));
      inner.append(row);
    }
  }
  box.addEventListener("scroll", draw);
  draw();
}
data.realms.forEach((realm, i) => {
  drawMap(document.getElementById(`map-${i}`), realm);
  drawRows(document.getElementById(`rows-${i}`), realm);
});
