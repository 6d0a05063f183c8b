// A plotly figure that is changed, not made again: zoom, camera, hidden legend entries and selections stay.
//
// Python sends bytes: JSON {figure, blobs, dark, templates, events, ...}. Long arrays stand in the figure as
// {"$blob": hash}; each is sent once a page load and kept here. One that is missing is asked for again.
// {"$take": {of, places}} picks places of such an array: colours regroup points without sending them.

const BLOB_LIMIT = 200e6;
const NARROW = 640;
const LEGEND_ROW = 24;

const plotly = () =>
  globalThis.Plotly
    ? Promise.resolve(globalThis.Plotly)
    : new Promise((done) => addEventListener("xviz-plotly", () => done(globalThis.Plotly), { once: true }));

const blobs = (globalThis.xvizBlobs ??= { kept: new Map(), size: 0 });

function keep(hash, value, size) {
  if (blobs.kept.has(hash)) return;
  blobs.kept.set(hash, { value, size });
  blobs.size += size;
}

function forgetOldest(inUse) {
  for (const [hash, { size }] of blobs.kept) {
    if (blobs.size <= BLOB_LIMIT) return;
    if (inUse.has(hash)) continue;
    blobs.kept.delete(hash);
    blobs.size -= size;
  }
}

const ARRAYS = {
  f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array,
  u1: Uint8Array, u2: Uint16Array, u4: Uint32Array,
};

// The array of a blob itself, not plotly's notation of it; read once.
function column(reference, used, missing) {
  const value = restore(reference, used, missing);
  if (typeof value?.bdata !== "string") return value;
  const kept = blobs.kept.get(reference.$blob);
  if (kept?.array) return kept.array;
  const bytes = Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0));
  const array = new ARRAYS[value.dtype](bytes.buffer);
  if (kept) kept.array = array;
  return array;
}

function taken({ of, places }, used, missing) {
  const all = column(of, used, missing);
  const wanted = column(places, used, missing);
  if (!all || !wanted) return undefined;
  const picked = new all.constructor(wanted.length);
  for (let i = 0; i < wanted.length; i++) picked[i] = all[wanted[i]];
  return picked;
}

function restore(value, used, missing) {
  if (Array.isArray(value)) return value.map((part) => restore(part, used, missing));
  if (value === null || typeof value !== "object") return value;
  if (value.$take) return taken(value.$take, used, missing);
  if (typeof value.$blob === "string") {
    const found = blobs.kept.get(value.$blob);
    if (!found) missing.push(value.$blob);
    else {
      blobs.kept.delete(value.$blob); // newest use last
      blobs.kept.set(value.$blob, found);
      used.add(value.$blob);
    }
    return found?.value;
  }
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, restore(part, used, missing)]));
}

function isDark(element) {
  const ground = getComputedStyle(element).getPropertyValue("--st-background-color").trim();
  const probe = new OffscreenCanvas(1, 1).getContext("2d");
  probe.fillStyle = ground || "#ffffff";
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
}

function recoloured(value, colours) {
  if (typeof value === "string") return colours[value] ?? value;
  if (Array.isArray(value)) {
    return value.length > 256 ? value : value.map((part) => recoloured(part, colours));
  }
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, recoloured(part, colours)]));
}

// Named one by one: plotly's own bar would offer to send the chart to its makers' server.
function buttons(figure, events, download) {
  const solid = figure.data.some((trace) => trace.type.endsWith("3d"));
  if (solid) return [[download], ["zoom3d", "pan3d", "orbitRotation"], ["resetCameraDefault3d"]];
  const flat = figure.data.some((trace) => trace.type.startsWith("scatter"));
  const choose = flat && events.includes("select") ? ["select2d", "lasso2d"] : [];
  return [[download], ["zoom2d", "pan2d", ...choose], ["zoomIn2d", "zoomOut2d", "resetScale2d"]];
}

const place = (point) => ({
  curve: point.curveNumber,
  index: point.pointNumber ?? null,
  id: Number.isFinite(point.customdata) ? point.customdata : point.customdata ?? null,
  trace: point.data?.meta ?? null,
  x: point.x ?? null,
  y: point.y ?? null,
  z: point.z ?? null,
});

// Figures of one page that show the same words share what is encircled: group -> figures, and their ids.
const links = (globalThis.xvizLinks ??= new Map());

function linked(group) {
  if (!links.has(group)) links.set(group, { figures: new Set(), ids: null });
  return links.get(group);
}

function insideOf({ lassoPoints, range }) {
  if (range) {
    const [left, right] = [...range.x].sort((a, b) => a - b);
    const [low, high] = [...range.y].sort((a, b) => a - b);
    return (x, y) => left <= x && x <= right && low <= y && y <= high;
  }
  const { x: xs, y: ys } = lassoPoints;
  return (x, y) => {
    let inside = false;
    for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
      const crosses = ys[i] > y !== ys[j] > y;
      if (crosses && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) inside = !inside;
    }
    return inside;
  };
}

class Figure {
  constructor(root) {
    this.root = root;
    this.graph = root.querySelector(".xviz-graph");
    this.drawn = Promise.resolve();
    this.watcher = new ResizeObserver(() => this.fit());
    this.watcher.observe(root);
  }

  // Calls come faster than plotly draws: draw one after another, and only the newest.
  update(arrived) {
    this.newest = arrived;
    this.drawn = this.drawn.then(() => (this.newest === arrived ? this.draw(arrived) : undefined));
    return this.drawn;
  }

  async draw({ message, setTriggerValue }) {
    const Plotly = await plotly();
    for (const [hash, { value, size }] of Object.entries(message.blobs)) keep(hash, value, size);
    const used = new Set();
    const missing = [];
    const figure = restore(message.figure, used, missing);
    if (missing.length) {
      setTriggerValue("missing", missing);
      return;
    }
    forgetOldest(used);
    this.message = message;
    this.figure = figure;
    this.send = setTriggerValue;
    const dark = isDark(this.root);
    const colours = dark ? message.dark : {};
    this.graph.setAttribute("aria-label", message.alt);
    const layout = recoloured({ ...figure.layout, annotations: figure.layout.annotations ?? [] }, colours);
    layout.template = message.templates[dark ? "dark" : "light"];
    this.narrow = this.root.clientWidth < NARROW;
    if (this.narrow) {
      const title = { ...layout.legend?.title, side: "top" };
      layout.legend = { ...layout.legend, title, orientation: "h", x: 0, xanchor: "left", y: -0.12, yanchor: "top" };
      layout.dragmode ??= false; // a finger scrolls the page
    }
    const entries = this.narrow ? figure.data.filter((trace) => trace.showlegend !== false).length : 0;
    const height = message.height + LEGEND_ROW * Math.ceil(entries / 3) * 0.8;
    const size = { width: Math.max(this.root.clientWidth, 200), height };
    this.root.style.setProperty("--xviz-height", `${height}px`);
    this.shown = { ...layout, ...size, autosize: false };
    this.graph.querySelectorAll(".hoverlayer > *").forEach((label) => label.remove());
    await Plotly.react(this.graph, recoloured(figure.data, colours), this.shown, this.config(Plotly));
    this.listen();
    this.followLegend();
    this.join(message.link);
    this.root.dataset.drawn = message.stamp;
  }

  // Plotly makes a figure anew, and forgets the reader's view, when its configuration is not the same as before.
  config(Plotly) {
    this.download ??= {
      name: "download",
      title: "Download as SVG",
      icon: Plotly.Icons.camera,
      click: (graph) => Plotly.downloadImage(graph, { format: "svg", filename: this.message.filename }),
    };
    return {
      displaylogo: false,
      displayModeBar: true,
      scrollZoom: !this.narrow,
      responsive: false,
      plotGlPixelRatio: Math.min(globalThis.devicePixelRatio || 1, 2), // plotly's 2 is four times the work
      modeBarButtons: buttons(this.figure, this.message.events, this.download),
      plotlyServerURL: "", // nothing leaves this machine
    };
  }

  listen() {
    if (this.listening) return;
    this.listening = true;
    const wanted = (name) => this.message.events.includes(name);
    this.graph.on("plotly_click", (event) => {
      if (wanted("click") && event.points.length) this.send("click", place(event.points[0]));
    });
    this.graph.on("plotly_selected", (event) => {
      if (!wanted("select")) return;
      const ids = (event?.points ?? []).map((point) => point.customdata).filter((id) => id !== undefined);
      if (event) this.share(ids, event);
      this.send("select", { ids: [...(this.group?.ids ?? ids)], box: event?.range ?? null });
    });
    this.graph.on("plotly_deselect", () => {
      if (!wanted("select")) return;
      this.share(null);
      this.send("select", { ids: [], box: null });
    });
    this.graph.on("plotly_restyle", () => this.followLegend());
    this.graph.on("plotly_relayout", (change) => {
      if (!wanted("relayout")) return;
      clearTimeout(this.settled);
      this.settled = setTimeout(() => this.send("relayout", JSON.parse(JSON.stringify(change))), 300);
    });
  }

  join(link) {
    const group = link ? linked(link.group) : null;
    if (group !== this.group) this.group?.figures.delete(this);
    this.group = group;
    this.byPlace = link?.by === "place";
    if (!group) return;
    group.figures.add(this);
    if (group.ids) this.showChosen(group.ids);
  }

  // Other figures show the same words, or (maps of other words in one layout) what lies in the same place.
  share(ids, event) {
    if (!this.group) return;
    const chosen = ids && new Set(ids);
    const others = [...this.group.figures].filter((figure) => figure !== this && figure.root.isConnected);
    if (chosen && event && this.byPlace && (event.lassoPoints || event.range)) {
      const inside = insideOf(event);
      for (const other of others) other.idsWhere(inside).forEach((id) => chosen.add(id));
    }
    this.group.ids = chosen;
    others.forEach((other) => other.showChosen(chosen));
  }

  idsWhere(inside) {
    const found = [];
    for (const { x, y, customdata } of this.graph._fullData ?? []) {
      customdata?.forEach?.((id, i) => inside(x[i], y[i]) && found.push(id));
    }
    return found;
  }

  showChosen(ids) {
    const traces = [];
    const places = [];
    (this.graph._fullData ?? []).forEach(({ type, customdata, index }) => {
      if (type !== "scattergl" || !customdata) return;
      traces.push(index);
      places.push(ids && Array.from(customdata.keys()).filter((i) => ids.has(customdata[i])));
    });
    if (traces.length) globalThis.Plotly.restyle(this.graph, { selectedpoints: places }, traces);
  }

  // A hidden category takes its label with it.
  followLegend() {
    const hidden = new Set();
    for (const trace of this.graph._fullData ?? []) {
      if (trace.visible === "legendonly" && trace.meta?.category !== undefined) hidden.add(trace.meta.category);
      if (trace.visible === "legendonly" && trace.meta?.prototypes === "prototype") hidden.add("*");
    }
    const change = {};
    for (const where of ["", "scene."]) {
      const notes = (where ? this.graph.layout?.scene?.annotations : this.graph.layout?.annotations) ?? [];
      notes.forEach((note, i) => {
        const visible = !(hidden.has(note.name) || hidden.has("*"));
        if ((note.visible ?? true) !== visible) change[`${where}annotations[${i}].visible`] = visible;
      });
    }
    if (Object.keys(change).length) globalThis.Plotly.relayout(this.graph, change);
  }

  fit() {
    if (!this.figure || !this.root.clientWidth) return;
    cancelAnimationFrame(this.fitting);
    this.fitting = requestAnimationFrame(() => {
      if (this.root.clientWidth < NARROW !== this.narrow) this.update({ ...this.newest });
      else if (Math.abs(this.graph._fullLayout?.width - this.root.clientWidth) > 1) {
        globalThis.Plotly.relayout(this.graph, { width: this.root.clientWidth });
      }
    });
  }

  end() {
    this.watcher.disconnect();
    this.group?.figures.delete(this);
    cancelAnimationFrame(this.fitting);
    clearTimeout(this.settled);
    globalThis.Plotly?.purge(this.graph);
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".xviz-figure");
  root.xviz ??= new Figure(root);
  root.xviz.update({ message: JSON.parse(new TextDecoder().decode(data)), setTriggerValue });
  return () => {
    root.xviz?.end();
    root.xviz = undefined;
  };
}
