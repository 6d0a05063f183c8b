// A dependency tree as arcs over a row of words. What stands where is counted in words by Python; how wide words are is measured here, in the reader's fonts.

const SVG = "http://www.w3.org/2000/svg";
const GAP = 18;
const RISE = 22;
const FOOT = 54;

function node(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function widthOf(svg, text, kind) {
  const probe = node("text", { class: kind }, text);
  svg.append(probe);
  const width = probe.getComputedTextLength();
  probe.remove();
  return width;
}

function arc(svg, from, to, base, level, label, marked) {
  const top = base - level * RISE - 6;
  const bend = Math.min(14, Math.abs(to - from) / 2);
  const way = Math.sign(to - from);
  const path = `M${from},${base} V${top + bend} Q${from},${top} ${from + way * bend},${top}` +
    ` H${to - way * bend} Q${to},${top} ${to},${top + bend} V${base - 5}`;
  svg.append(node("path", { d: path, class: marked ? "arc marked" : "arc" }));
  svg.append(node("path", { d: `M${to - 3.5},${base - 7} L${to},${base - 1} L${to + 3.5},${base - 7} Z`, class: marked ? "tip marked" : "tip" }));
  const text = node("text", { x: (from + to) / 2, y: top + 3.5, class: marked ? "relation marked" : "relation" }, label);
  svg.append(text);
}

function draw(root, data) {
  const dark = isDark(root);
  const svg = node("svg", { role: "img", "aria-label": data.alt });
  root.replaceChildren(svg);
  const widths = data.words.map((word) => Math.max(widthOf(svg, word.form, "form"), widthOf(svg, word.upos, "upos"), 22));
  const room = widths.map((width) => width + GAP);
  // An arc between neighbours must hold the name of its relation.
  for (const { head, dependent, relation } of data.arcs) {
    const [low, high] = [Math.min(head, dependent), Math.max(head, dependent)];
    const span = room.slice(low, high + 1).reduce((sum, one) => sum + one, 0) - (room[low] + room[high]) / 2;
    const lacking = widthOf(svg, relation, "relation") + 34 - span;
    if (lacking > 0) for (let i = low; i <= high; i++) room[i] += lacking / (high - low);
  }
  const total = room.reduce((sum, one) => sum + one, 0);
  const base = (data.levels + 1) * RISE + 6;
  const centres = [];
  let x = 0;
  for (const width of room) {
    centres.push(data.rtl ? total - x - width / 2 : x + width / 2);
    x += width;
  }
  svg.setAttribute("width", total);
  svg.setAttribute("height", base + FOOT);
  svg.setAttribute("viewBox", `0 0 ${total} ${base + FOOT}`);
  const dependents = data.words.map(() => 0);
  const offset = (at, other) => centres[at] + Math.sign(centres[other] - centres[at]) * 5;
  for (const { head, dependent, relation, level } of [...data.arcs].reverse()) {
    const marked = head === data.marked || dependent === data.marked;
    arc(svg, offset(head, dependent), offset(dependent, head), base, level, relation, marked);
    dependents[head] += 1;
  }
  data.words.forEach((word, i) => {
    if (i === data.marked) {
      svg.append(node("rect", { x: centres[i] - widths[i] / 2 - 6, y: base + 3, width: widths[i] + 12, height: 42, rx: 5, class: "here" }));
    }
    if (word.head === 0) {
      svg.append(node("path", { d: `M${centres[i]},16 V${base - 5}`, class: "arc" }));
      svg.append(node("path", { d: `M${centres[i] - 3.5},${base - 7} L${centres[i]},${base - 1} L${centres[i] + 3.5},${base - 7} Z`, class: "tip" }));
      svg.append(node("text", { x: centres[i], y: 11, class: "relation" }, "root"));
    }
    svg.append(node("text", { x: centres[i], y: base + 20, class: "form" }, word.form));
    svg.append(node("text", { x: centres[i], y: base + 37, class: "upos", style: `fill: ${dark ? word.on_dark : word.colour}` }, word.upos));
  });
  if (data.marked !== null) {
    root.scrollLeft = centres[data.marked] - root.clientWidth / 2;
  } else if (data.rtl) {
    root.scrollLeft = total;
  }
}

function isDark(element) {
  const ground = getComputedStyle(element).getPropertyValue("--st-background-color").trim();
  const probe = new OffscreenCanvas(1, 1).getContext("2d");
  probe.fillStyle = ground || "#ffffff";
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".xviz-tree");
  draw(root, data);
  document.fonts?.ready.then(() => root.isConnected && draw(root, data));
}
