"use strict";
(() => {
const data = JSON.parse(document.getElementById("profile").textContent);
const byId = (id) => document.getElementById(id);

// Texts.

const PACKAGE = 1, LIBRARY = 2; // kinds of files; 0 is the program's own
const integer = new Intl.NumberFormat("en-US");
const count = (number) => integer.format(number);
const percent = (part, whole) => (whole > 0 ? (100 * part / whole).toFixed(part > 0 && part < whole * 0.00095 ? 2 : 1) : "0.0") + "%";

function seconds(samples) {
  if (!data.period_ns)
    return "";
  const value = samples * data.period_ns / 1e9;
  if (value >= 60)
    return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  return value >= 1 || value === 0 ? `${value.toFixed(2)} s` : `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms`;
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined)
    made.textContent = text;
  if (className)
    made.className = className;
  return made;
}

const functionName = (f) => data.functions[f][0];
const fileOf = (f) => data.files[data.functions[f][1]];
const whereOf = (f) => fileOf(f)[0] + (data.functions[f][2] > 0 ? `:${data.functions[f][2]}` : "");
const baseName = (path) => path.slice(path.lastIndexOf("/") + 1);

// The tree that is shown.

// Columns of numbers, parents before children: `fn` is a function, -1 for the root, -2 - thread for a thread's; x is in samples from the
// left. Turned around, the children of a function are its callers, and what ran stands at the root.
function makeTree(thread, lines, around) {
  const size = data.depth.length;
  const sideBySide = thread === "each";
  const only = typeof thread === "number" ? thread : -1;
  const tree = { fn: [], line: [], parent: [], depth: [], self: [], total: [], count: 0, lines, around };
  const add = (fn, line, parent) => {
    tree.fn.push(fn); tree.line.push(line); tree.parent.push(parent);
    tree.depth.push(parent < 0 ? 0 : tree.depth[parent] + 1);
    tree.self.push(0); tree.total.push(0);
    return tree.count++;
  };
  add(-1, 0, -1);
  const keyed = new Map();
  const keys = lines ? data.place_function.length : data.functions.length;
  const child = (parent, place) => {
    const fn = data.place_function[place], key = parent * keys + (lines ? place : fn);
    let node = keyed.get(key);
    if (node === undefined) {
      node = add(fn, lines ? data.place_line[place] : 0, parent);
      keyed.set(key, node);
    }
    return node;
  };
  const path = []; // by the depth in the data: nodes of the tree, or places where it is turned around
  let taken = false;
  for (let i = 0; i < size; i++) {
    const depth = data.depth[i], place = data.place[i];
    if (depth === 0) {
      taken = only < 0 || only === place;
      path[0] = taken && sideBySide ? add(-2 - place, 0, 0) : 0;
      if (taken)
        tree.self[path[0]] += data.self[i];
      continue;
    }
    if (!taken)
      continue;
    path[depth] = around ? place : child(path[depth - 1], place);
    let node = path[depth];
    if (around) {
      node = path[0];
      for (let at = depth; at > 0 && data.self[i] > 0; at--)
        node = child(node, path[at]);
    }
    tree.self[node] += data.self[i];
  }
  for (const name of ["self", "total"])
    tree[name] = Float64Array.from(tree[name]);
  for (let i = tree.count - 1; i >= 0; i--) {
    tree.total[i] += tree.self[i];
    if (tree.parent[i] >= 0)
      tree.total[tree.parent[i]] += tree.total[i];
  }
  layOut(tree);
  return tree;
}

// Gives each node its place: children stand at the left of their caller, the biggest first; what is left of the width is its self time.
function layOut(tree) {
  const order = Uint32Array.from({ length: tree.count }, (_, i) => i)
    .sort((a, b) => tree.depth[a] - tree.depth[b] || tree.parent[a] - tree.parent[b] || tree.total[b] - tree.total[a] || a - b);
  tree.x = new Float64Array(tree.count);
  tree.childrenEnd = new Float64Array(tree.count); // where the next child goes
  for (const node of order) {
    const parent = tree.parent[node];
    tree.x[node] = parent < 0 ? 0 : tree.childrenEnd[parent];
    tree.childrenEnd[node] = tree.x[node];
    if (parent >= 0)
      tree.childrenEnd[parent] += tree.total[node];
  }
  tree.maxDepth = tree.depth[order[tree.count - 1]];
  tree.rows = Array.from({ length: tree.maxDepth + 1 }, () => []);
  for (const node of order)
    tree.rows[tree.depth[node]].push(node);
  for (const row of tree.rows) // callers of one size may stand in another order than their numbers
    row.sort((a, b) => tree.x[a] - tree.x[b]);
}

// Self and total of each function below a node; in a total, a stack counts once however often the function is in it.
function sumFunctions(tree) {
  const functions = data.functions.length;
  const self = new Float64Array(functions), total = new Float64Array(functions), active = new Uint32Array(functions);
  const path = [], children = childLists(tree);
  const pending = [0];
  while (pending.length > 0) {
    const node = pending.pop();
    if (node < 0) { // its function is left
      active[tree.fn[~node]]--;
      continue;
    }
    const fn = tree.fn[node];
    if (fn >= 0) {
      self[fn] += selfOf(tree, node);
      if (active[fn]++ === 0)
        total[fn] += tree.total[node];
      pending.push(~node);
    }
    for (let child = children.first[node]; child >= 0; child = children.next[child])
      pending.push(child);
  }
  return { self, total };
}

function childLists(tree) {
  const first = new Int32Array(tree.count).fill(-1), next = new Int32Array(tree.count).fill(-1);
  for (let i = tree.count - 1; i > 0; i--) {
    next[i] = first[tree.parent[i]];
    first[tree.parent[i]] = i;
  }
  return { first, next };
}

// Samples in which the function of a box was what ran.
function selfOf(tree, node) {
  if (!tree.around || tree.fn[node] < 0)
    return tree.self[node];
  return tree.fn[tree.parent[node]] < 0 ? tree.total[node] : 0;
}

// What turning around costs: a node for each frame of each stack, at worst.
function framesOfStacks() {
  let frames = 0;
  for (let i = 0; i < data.depth.length; i++)
    frames += data.self[i] > 0 ? data.depth[i] : 0;
  return frames;
}

function nameOf(tree, node) {
  const fn = tree.fn[node];
  if (fn >= 0)
    return functionName(fn);
  return fn < -1 ? data.threads[-2 - fn] : typeof state.thread === "number" ? data.threads[state.thread] : "all";
}

function labelOf(tree, node) {
  const line = tree.line[node];
  return tree.lines && line > 0 ? `${nameOf(tree, node)}:${line}` : nameOf(tree, node);
}

// State.

const ROW = 19;
const state = {
  thread: "all", lines: false, around: false, flame: false, theme: "auto",
  tree: null, functions: null, zoom: 0, history: [], selected: 0, hovered: -1,
  query: null, matches: null, matchedNodes: 0, matchedSamples: 0, chosen: -1, // chosen: a function of the table
  sort: "self", ascending: false,
};

const rowsShown = () => state.tree.maxDepth - state.tree.depth[state.zoom] + 1;

function rebuild() {
  state.tree = makeTree(state.thread, state.lines, state.around);
  state.functions = sumFunctions(state.tree);
  state.zoom = state.selected = 0;
  state.history = [];
  findMatches();
  showBreadcrumbs();
  showFunctions();
  byId("empty").hidden = state.tree.total[0] > 0;
  byId("scroll").hidden = byId("legend").hidden = state.tree.total[0] === 0;
  resize();
}

// Colours: the hue is the file, the standard library is grey.

const fileHue = new Map();
let dark = false;

function rankFiles() {
  const self = new Float64Array(data.files.length);
  for (let i = 0; i < data.depth.length; i++)
    if (data.depth[i] > 0)
      self[data.functions[data.place_function[data.place[i]]][1]] += data.self[i];
  const ranked = data.files.map((_, file) => file)
    .filter((file) => data.files[file][1] !== LIBRARY)
    .sort((a, b) => self[b] - self[a] || a - b);
  ranked.forEach((file, rank) => fileHue.set(file, (28 + rank * 137.508) % 360)); // the golden angle keeps neighbours in rank apart
  return { ranked, self };
}

// shade: -2 to 2, a little darker or lighter.
function fileColor(file, shade = 0) {
  const library = data.files[file][1] === LIBRARY;
  const hue = library ? 220 : fileHue.get(file);
  const saturation = library ? 8 : (data.files[file][1] === PACKAGE ? 42 : 72) - (dark ? 30 : 0);
  const lightness = (library ? (dark ? 31 : 85) : (dark ? 34 : 76)) + 1.5 * shade;
  return `hsl(${hue} ${saturation}% ${lightness}%)`;
}

const colors = new Map(); // of functions; those of one file differ in shade
function nodeColor(tree, node) {
  const fn = tree.fn[node];
  if (fn < 0)
    return dark ? "hsl(220 12% 24%)" : "hsl(220 16% 93%)";
  let color = colors.get(fn);
  if (color === undefined) {
    color = fileColor(data.functions[fn][1], fn % 5 - 2);
    colors.set(fn, color);
  }
  return color;
}

function showLegend() {
  const { ranked, self } = rankFiles();
  const total = self.reduce((a, b) => a + b, 0);
  const legend = byId("legend");
  const draw = () => {
    const entry = (color, text, title) => {
      const made = element("span");
      const swatch = element("i");
      swatch.style.background = color;
      made.append(swatch, text);
      if (title)
        made.title = title;
      return made;
    };
    const shown = ranked.slice(0, 8);
    legend.replaceChildren(element("span", "Colour is the file, by self time:"),
      ...shown.map((file) => {
        const path = data.files[file][0];
        return entry(fileColor(file), `${baseName(path)} ${percent(self[file], total)}`, path);
      }));
    if (ranked.length > shown.length)
      legend.append(element("span", `${count(ranked.length - shown.length)} more`));
    const library = data.files.findIndex((file) => file[1] === LIBRARY);
    if (library >= 0)
      legend.append(entry(fileColor(library), "standard library"));
    if (data.files.some((file) => file[1] === PACKAGE))
      legend.append(element("span", "paler: installed packages"));
  };
  draw();
  return draw;
}

// Drawing.

const canvas = byId("canvas"), scroll = byId("scroll"), context = canvas.getContext("2d");
let width = 0, height = 0, charWidth = 7, scheduled = false;

function schedule() {
  if (!scheduled) {
    scheduled = true;
    requestAnimationFrame(() => { scheduled = false; draw(); });
  }
}

function resize() {
  width = scroll.clientWidth;
  height = scroll.clientHeight;
  byId("spacer").style.height = `${Math.max(0, rowsShown() * ROW - height + 4)}px`;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  canvas.style.height = `${height}px`;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = `12px ${getComputedStyle(document.documentElement).getPropertyValue("--mono")}`;
  charWidth = context.measureText("0").width;
  draw();
}

// Where the row of a depth begins, in pixels of the canvas.
function rowTop(depth) {
  const row = depth - state.tree.depth[state.zoom];
  if (!state.flame)
    return row * ROW - scroll.scrollTop;
  const content = Math.max(rowsShown() * ROW + 2, height);
  return content - (row + 1) * ROW - 1 - scroll.scrollTop;
}

function depthAt(y) {
  const base = state.tree.depth[state.zoom];
  if (!state.flame)
    return base + Math.floor((y + scroll.scrollTop) / ROW);
  const content = Math.max(rowsShown() * ROW + 2, height);
  return base + Math.floor((content - 1 - y - scroll.scrollTop) / ROW);
}

// The first node of a row that ends behind x.
function firstBehind(row, x) {
  const { tree } = state;
  let low = 0, high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tree.x[row[middle]] + tree.total[row[middle]] > x)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

const scale = () => width / Math.max(1, state.tree.total[state.zoom]);

function draw() {
  const { tree, zoom } = state;
  const style = getComputedStyle(document.documentElement);
  const look = {
    ground: style.getPropertyValue("--ground"), text: style.getPropertyValue("--text"), accent: style.getPropertyValue("--accent"),
  };
  context.fillStyle = look.ground;
  context.fillRect(0, 0, width, height);
  if (tree.total[0] === 0)
    return;
  context.textBaseline = "middle";
  for (let depth = tree.depth[zoom]; depth <= tree.maxDepth; depth++) {
    const top = rowTop(depth);
    if (top + ROW < 0 || top > height) {
      if (state.flame ? top + ROW < 0 : top > height)
        break;
      depth = skipTo(depth);
      continue;
    }
    drawRow(tree.rows[depth], top, look);
  }
  describeSelection();
}

// The depth before the first that is in view, so that far rows of a deep tree cost nothing.
function skipTo(depth) {
  const inView = state.flame ? depthAt(height + ROW) : depthAt(-ROW);
  return Math.max(depth, Math.min(inView, state.tree.maxDepth) - 1);
}

function drawRow(row, top, look) {
  const { tree, zoom } = state;
  const factor = scale(), left = tree.x[zoom], right = left + tree.total[zoom];
  for (let at = firstBehind(row, left); at < row.length && tree.x[row[at]] < right;) {
    const node = row[at], x = (tree.x[node] - left) * factor, boxWidth = tree.total[node] * factor;
    if (boxWidth >= 1) {
      drawBox(node, x, top, boxWidth, look);
      at++;
      continue;
    }
    // Boxes thinner than a pixel become one thin stroke a pixel.
    const next = Math.max(at + 1, firstBehind(row, left + (Math.floor(x) + 1) / factor));
    context.globalAlpha = state.matches && !anyMatch(row, at, next) ? 0.15 : 0.6;
    context.fillStyle = nodeColor(tree, node);
    context.fillRect(Math.floor(x), top, 1, ROW - 1);
    context.globalAlpha = 1;
    at = next;
  }
}

function anyMatch(row, from, to) {
  for (let i = from; i < to; i++)
    if (state.matches[row[i]])
      return true;
  return false;
}

function drawBox(node, x, top, boxWidth, look) {
  const { tree } = state;
  const faded = state.matches && !state.matches[node];
  const gap = boxWidth > 3 ? 1 : 0;
  context.globalAlpha = faded ? 0.25 : 1;
  context.fillStyle = nodeColor(tree, node);
  context.fillRect(x, top, boxWidth - gap, ROW - 1);
  if (node === state.hovered || node === state.selected || (state.matches && !faded && boxWidth > 5)) {
    context.strokeStyle = node === state.selected ? look.accent : look.text;
    context.globalAlpha = node === state.selected || node === state.hovered ? 1 : 0.45;
    context.lineWidth = node === state.selected ? 2 : 1;
    const pen = context.lineWidth;
    context.strokeRect(x + pen / 2, top + pen / 2, Math.max(0.5, boxWidth - gap - pen), ROW - 1 - pen);
  }
  context.globalAlpha = faded ? 0.6 : 1;
  const room = Math.floor((boxWidth - 8) / charWidth);
  if (room >= 3) {
    context.save();
    context.beginPath();
    context.rect(x + 2, top, boxWidth - 4, ROW);
    context.clip();
    context.fillStyle = look.text;
    context.fillText(shorten(labelOf(tree, node), room), x + 4, top + ROW / 2);
    context.restore();
  }
  context.globalAlpha = 1;
}

// The end of a qualified name tells most: so its qualifiers are left out first.
function shorten(text, room) {
  if (text.length <= room)
    return text;
  for (let dot = text.indexOf("."); dot >= 0; dot = text.indexOf(".", dot + 1))
    if (dot + 1 < text.length && text.length - dot <= room)
      return "\u2026" + text.slice(dot + 1);
  return text.slice(0, room - 1) + "\u2026";
}

function nodeAt(x, y) {
  const { tree, zoom } = state;
  const depth = depthAt(y);
  if (depth < tree.depth[zoom] || depth > tree.maxDepth || tree.total[0] === 0)
    return -1;
  const row = tree.rows[depth], sample = tree.x[zoom] + x / scale(), at = firstBehind(row, sample);
  return at < row.length && tree.x[row[at]] <= sample && sample < tree.x[zoom] + tree.total[zoom] ? row[at] : -1;
}

// Zoom and selection.

function zoomTo(node, remember = true) {
  if (node === state.zoom)
    return;
  if (remember)
    state.history.push(state.zoom);
  state.zoom = state.selected = node;
  showBreadcrumbs();
  resize();
  scroll.scrollTop = state.flame ? scroll.scrollHeight : 0;
  schedule();
}

function back() {
  if (state.history.length > 0)
    zoomTo(state.history.pop(), false);
  else
    zoomTo(0, false);
}

function home() {
  zoomTo(0);
  select(0);
}

function select(node) {
  state.selected = node;
  if (!isInZoom(node))
    zoomTo(commonAncestor(node, state.zoom));
  state.selected = node;
  const top = rowTop(state.tree.depth[node]);
  if (top < 0)
    scroll.scrollTop += top - ROW;
  else if (top + ROW > height)
    scroll.scrollTop += top + 2 * ROW - height;
  schedule();
}

function isInZoom(node) {
  const { tree, zoom } = state;
  return tree.depth[node] >= tree.depth[zoom] && tree.x[node] >= tree.x[zoom] && tree.x[node] < tree.x[zoom] + tree.total[zoom];
}

function commonAncestor(a, b) {
  const { tree } = state;
  while (a !== b) {
    if (tree.depth[a] >= tree.depth[b])
      a = tree.parent[a];
    else
      b = tree.parent[b];
  }
  return a;
}

function neighbour(step) {
  const { tree, selected } = state;
  const row = tree.rows[tree.depth[selected]], at = row.indexOf(selected) + step;
  return at >= 0 && at < row.length && isInZoom(row[at]) ? row[at] : selected;
}

function biggestChild(node) {
  const { tree } = state;
  const row = tree.rows[tree.depth[node] + 1];
  if (!row)
    return node;
  const child = row[firstBehind(row, tree.x[node])];
  return child !== undefined && tree.parent[child] === node ? child : node;
}

function measure(node) {
  const { tree } = state;
  const whole = tree.total[0];
  const line = (samples) => [count(samples), percent(samples, whole), seconds(samples)];
  return { self: line(selfOf(tree, node)), total: line(tree.total[node]) };
}

function describe(node) {
  const { tree } = state;
  const { self, total } = measure(node);
  const where = tree.fn[node] >= 0 ? `, ${whereOf(tree.fn[node])}` : "";
  return `${labelOf(tree, node)}${where}: total ${total[0]} samples, ${total[1]}; self ${self[0]} samples, ${self[1]}`;
}

let described = "";
function describeSelection() {
  const text = describe(state.selected);
  if (text !== described) {
    described = text;
    byId("status").textContent = text;
    canvas.setAttribute("aria-label", `Flame graph. ${text}`);
  }
}

// At most this many callers; the middle of a long path is left out.
const CRUMBS = 8;
function showBreadcrumbs() {
  const { tree } = state;
  let path = [];
  for (let node = state.zoom; node >= 0; node = tree.parent[node])
    path.push(node);
  path.reverse();
  const left = path.length - CRUMBS;
  if (left > 0)
    path = [path[0], -left, ...path.slice(path.length - CRUMBS + 1)];
  const crumbs = byId("breadcrumbs");
  crumbs.replaceChildren();
  path.forEach((node, at) => {
    if (at > 0)
      crumbs.append(element("span", "\u203a", "between"));
    if (node < 0) {
      crumbs.append(element("span", `\u2026 ${count(-node)} more \u2026`, "between"));
      return;
    }
    const here = node === state.zoom;
    const crumb = element(here ? "span" : "button", labelOf(tree, node), here ? "here" : "");
    if (here)
      crumb.setAttribute("aria-current", "location");
    else
      crumb.addEventListener("click", () => zoomTo(node));
    crumb.title = labelOf(tree, node);
    crumbs.append(crumb);
  });
  crumbs.append(element("span", `${count(tree.total[state.zoom])} samples, ${percent(tree.total[state.zoom], tree.total[0])}`, "between"));
}

// Search.

function makeQuery() {
  const text = byId("search").value, input = byId("search");
  input.classList.remove("bad");
  input.title = "";
  if (text === "")
    return null;
  if (!byId("regex").checked) {
    const wanted = text.toLowerCase();
    return (name) => name.toLowerCase().includes(wanted);
  }
  try {
    const pattern = new RegExp(text, "i");
    return (name) => pattern.test(name);
  } catch (error) {
    input.classList.add("bad");
    input.title = error.message;
    return () => false;
  }
}

// Marks the nodes that match, and counts the samples in whose stack one of them is, each once.
function findMatches() {
  const { tree } = state;
  const wanted = state.chosen >= 0 ? data.functions.map((_, f) => f === state.chosen)
    : state.query ? data.functions.map((_, f) => state.query(functionName(f)) || state.query(whereOf(f))) : null;
  state.matches = wanted && new Uint8Array(tree.count);
  state.matchedNodes = state.matchedSamples = 0;
  if (wanted) {
    const covered = new Uint8Array(tree.count); // it or a caller matches
    for (let i = 0; i < tree.count; i++) {
      const matches = tree.fn[i] >= 0 && wanted[tree.fn[i]];
      const below = i > 0 && covered[tree.parent[i]];
      state.matches[i] = matches;
      covered[i] = matches || below;
      state.matchedNodes += matches;
      if (matches && !below)
        state.matchedSamples += tree.total[i];
    }
  }
  byId("matched").textContent = wanted
    ? `${percent(state.matchedSamples, tree.total[0])} matched (${count(state.matchedSamples)} samples, ${count(state.matchedNodes)} boxes)`
    : "";
}

function search() {
  state.query = makeQuery();
  state.chosen = -1;
  findMatches();
  showFunctions();
  schedule();
}

function clearSearch() {
  byId("search").value = "";
  search();
}

function nextMatch(step) {
  if (!state.matchedNodes)
    return;
  const { tree } = state;
  const matches = [];
  for (let i = 0; i < tree.count; i++)
    if (state.matches[i])
      matches.push(i);
  matches.sort((a, b) => tree.x[a] - tree.x[b] || tree.depth[a] - tree.depth[b]);
  select(matches[(matches.indexOf(state.selected) + step + matches.length) % matches.length]);
}

// The table of functions.

const TABLE_ROWS = 250;
function showFunctions() {
  const { self, total } = state.functions;
  const whole = state.tree.total[0];
  const sign = state.ascending ? 1 : -1;
  const compare = {
    self: (a, b) => sign * (self[a] - self[b]) || total[b] - total[a],
    total: (a, b) => sign * (total[a] - total[b]) || self[b] - self[a],
    name: (a, b) => sign * (functionName(a) < functionName(b) ? -1 : functionName(a) > functionName(b) ? 1 : 0),
  }[state.sort];
  const listed = data.functions.map((_, f) => f)
    .filter((f) => total[f] > 0 && (!state.query || state.query(functionName(f)) || state.query(whereOf(f)))).sort(compare);
  byId("functions").querySelector("tbody")
    .replaceChildren(...listed.slice(0, TABLE_ROWS).map((f) => functionRow(f, self[f], total[f], whole)));
  const left = listed.length - TABLE_ROWS;
  byId("more").textContent = left > 0 ? `${count(left)} more: narrow them down by a search` : "";
  for (const head of document.querySelectorAll("#functions th")) {
    if (head.dataset.sort === state.sort)
      head.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
    else
      head.removeAttribute("aria-sort");
  }
}

function functionRow(f, self, total, whole) {
  const row = element("tr");
  row.dataset.function = f;
  const number = (samples) => {
    const cell = element("td", percent(samples, whole));
    cell.append(element("small", [count(samples), seconds(samples)].filter(Boolean).join(" \u00b7 ")));
    return cell;
  };
  const name = element("button", functionName(f), "name");
  name.title = functionName(f);
  name.type = "button";
  const file = element("small", undefined, "file");
  file.append(element("bdi", whereOf(f)));
  file.title = whereOf(f);
  const cell = element("td");
  cell.append(name, file);
  row.append(number(self), number(total), cell);
  row.classList.toggle("chosen", f === state.chosen);
  row.addEventListener("click", () => choose(f));
  return row;
}

// Lights up all boxes of one function; a second time puts them out.
function choose(f) {
  state.chosen = state.chosen === f ? -1 : f;
  for (const row of document.querySelectorAll("#functions tbody tr"))
    row.classList.toggle("chosen", Number(row.dataset.function) === state.chosen);
  findMatches();
  schedule();
}

// Tooltip.

const tooltip = byId("tooltip");
function showTooltip(node, x, y) {
  const { tree } = state;
  const fn = tree.fn[node], table = element("table"), { self, total } = measure(node);
  for (const [label, values] of [["Total", total], ["Self", self]]) {
    const row = element("tr");
    row.append(element("td", label), element("td", `${values[0]} samples`), element("td", values[1]), element("td", values[2]));
    table.append(row);
  }
  tooltip.replaceChildren(element("b", nameOf(tree, node)));
  if (fn >= 0) {
    const line = tree.line[node] > 0 ? `, at line ${tree.line[node]}` : "";
    tooltip.append(element("div", whereOf(fn) + line, "file"));
  }
  tooltip.append(table);
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  tooltip.style.left = `${Math.max(8, Math.min(x + 14, window.innerWidth - box.width - 8))}px`;
  tooltip.style.top = `${y + 18 + box.height > window.innerHeight ? Math.max(8, y - box.height - 10) : y + 18}px`;
}

function hideTooltip() {
  tooltip.hidden = true;
  if (state.hovered >= 0) {
    state.hovered = -1;
    schedule();
  }
}

// Header.

const DROPS = {
  "changed": "the stack moved while it was read",
  "bad-pointer": "a pointer led nowhere",
  "not-code": "a frame named no code object",
  "bad-instruction": "an instruction outside its code",
  "cycle": "the stack ran in a circle",
  "unreadable": "memory could not be read",
};

function showHeader() {
  const counts = data.counts;
  document.title = `${data.target} \u2013 spprof`;
  byId("target").textContent = data.target;
  byId("target").title = [data.target, data.executable].filter(Boolean).join("\n");
  const started = data.started_ms > 0 ? new Date(data.started_ms).toISOString().replace("T", " ").slice(0, 19) + " UTC" : "";
  const threads = data.threads.length;
  byId("facts").textContent = [
    data.python,
    data.pid > 0 ? `process ${data.pid}` : "",
    started,
    counts.duration_s > 0 ? `${counts.duration_s.toFixed(1)} s` : "",
    `${count(threads)} thread${threads === 1 ? "" : "s"}`,
  ].filter(Boolean).join(" \u00b7 ");

  const dropped = Object.values(counts.dropped).reduce((a, b) => a + b, 0), looks = counts.captured + dropped;
  const delivered = counts.duration_s > 0 ? counts.ticks / counts.duration_s : 0;
  const summary = byId("counts-summary");
  summary.textContent = `${count(counts.captured)} samples captured, `;
  const lost = dropped > 0 ? `${count(dropped)} dropped (${percent(dropped, looks)})` : "none dropped";
  summary.append(element("span", lost, dropped * 100 > looks ? "warn" : ""));
  const rate = `, ${delivered.toFixed(1)} of ${counts.rate_hz.toFixed(1)} looks a second`;
  if (delivered > 0)
    summary.append(element("span", rate, delivered < 0.9 * counts.rate_hz ? "warn" : ""));

  const rows = [
    ["captured", counts.captured, looks, "samples in this graph"],
    ["recovered", counts.recovered, looks, "of them: the newest call changed while they were read"],
    ["cut to caller", counts.cut_to_caller, looks, "of them: the newest call was gone, its caller stands for it"],
    ["retried", counts.retried, looks, "of them: it took more than one try"],
    ...Object.entries(counts.dropped).map(([reason, number]) => [`dropped: ${reason}`, number, looks, DROPS[reason] || ""]),
    ["ticks", counts.ticks, counts.ticks + counts.overruns, "looks at all threads"],
    ["overruns", counts.overruns, counts.ticks + counts.overruns, "looks that could not be made in time"],
  ];
  const body = byId("counts-table").querySelector("tbody");
  for (const [name, number, whole, meaning] of rows) {
    const row = element("tr");
    row.append(element("td", name), element("td", count(number)), element("td", percent(number, whole)), element("td", meaning));
    body.append(row);
  }
}

// Controls.

const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
let redrawLegend = () => {};

function applyTheme() {
  dark = state.theme === "dark" || (state.theme === "auto" && prefersDark.matches);
  document.documentElement.toggleAttribute("data-dark", dark);
  byId("theme").textContent = `Theme: ${state.theme}`;
  colors.clear();
  redrawLegend();
  schedule();
}

function nextTheme() {
  state.theme = { auto: "light", light: "dark", dark: "auto" }[state.theme];
  applyTheme();
}

function toggleDirection() {
  state.flame = !state.flame;
  byId("direction").textContent = state.flame ? "Flame" : "Icicle";
  byId("direction").setAttribute("aria-pressed", String(state.flame));
  resize();
  scroll.scrollTop = state.flame ? scroll.scrollHeight : 0;
  schedule();
}

function setLines(lines) {
  state.lines = byId("lines").checked = lines;
  rebuild();
}

const FRAMES_MAX = 4e6; // that a browser turns around without a long wait

function setAround(around) {
  if (byId("around").disabled)
    return;
  state.around = byId("around").checked = around;
  rebuild();
}

function fillThreads() {
  const select = byId("thread");
  const option = (value, text) => {
    const made = element("option", text);
    made.value = value;
    select.append(made);
  };
  option("all", "All threads, merged");
  option("each", "All threads, side by side");
  const samples = new Map(); // by the thread of the roots
  for (let i = 0, thread = 0; i < data.depth.length; i++) {
    if (data.depth[i] === 0)
      thread = data.place[i];
    samples.set(thread, (samples.get(thread) || 0) + data.self[i]);
  }
  for (const [thread, number] of samples)
    option(String(thread), `${data.threads[thread]} (${count(number)})`);
  state.thread = data.by_threads ? "each" : "all";
  select.value = state.thread;
  select.addEventListener("change", () => {
    state.thread = /^\d+$/.test(select.value) ? Number(select.value) : select.value;
    rebuild();
  });
}

const keys = {
  "/": () => { byId("search").focus(); byId("search").select(); },
  "?": () => byId("help").showModal(),
  Enter: () => zoomTo(state.selected),
  Backspace: back,
  Escape: () => (state.matches ? clearSearch() : back()),
  Home: home, 0: home,
  n: () => nextMatch(1), N: () => nextMatch(-1),
  i: toggleDirection, t: nextTheme, l: () => setLines(!state.lines), c: () => setAround(!state.around),
  ArrowLeft: () => select(neighbour(-1)),
  ArrowRight: () => select(neighbour(1)),
  ArrowUp: () => (state.flame ? toCalled() : toCaller()),
  ArrowDown: () => (state.flame ? toCaller() : toCalled()),
};
function toCalled() { select(biggestChild(state.selected)); }
function toCaller() { select(Math.max(0, state.tree.parent[state.selected])); }

// Keys steer the graph unless they are meant for a field or a button.
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open)
    return;
  const target = event.target, inField = target.matches("input, select");
  if (target === byId("search") && event.key === "Escape") {
    clearSearch();
    canvas.focus();
    event.preventDefault();
    return;
  }
  if (target === byId("search") && event.key === "Enter") {
    nextMatch(event.shiftKey ? -1 : 1);
    return;
  }
  if (inField || (event.key === "Enter" && target !== canvas && target !== document.body) || !Object.hasOwn(keys, event.key))
    return;
  keys[event.key]();
  event.preventDefault();
}

function listen() {
  document.addEventListener("keydown", onKey);
  byId("search").addEventListener("input", search);
  byId("regex").addEventListener("change", search);
  byId("lines").addEventListener("change", () => setLines(byId("lines").checked));
  byId("around").addEventListener("change", () => setAround(byId("around").checked));
  byId("around").disabled = framesOfStacks() > FRAMES_MAX;
  if (byId("around").disabled)
    byId("around").parentNode.title = "The stacks are too many and too deep to be turned around";
  byId("direction").addEventListener("click", toggleDirection);
  byId("theme").addEventListener("click", nextTheme);
  byId("help-button").addEventListener("click", () => byId("help").showModal());
  prefersDark.addEventListener("change", applyTheme);
  for (const head of document.querySelectorAll("#functions th"))
    head.addEventListener("click", () => {
      state.ascending = state.sort === head.dataset.sort ? !state.ascending : head.dataset.sort === "name";
      state.sort = head.dataset.sort;
      showFunctions();
    });
  canvas.addEventListener("mousemove", (event) => {
    const node = nodeAt(event.offsetX, event.offsetY);
    if (node < 0) {
      hideTooltip();
      return;
    }
    if (node !== state.hovered) {
      state.hovered = node;
      schedule();
    }
    showTooltip(node, event.clientX, event.clientY);
  });
  canvas.addEventListener("mouseleave", hideTooltip);
  canvas.addEventListener("click", (event) => {
    const node = nodeAt(event.offsetX, event.offsetY);
    if (node === state.zoom)
      back();
    else if (node >= 0)
      zoomTo(node);
    hideTooltip();
  });
  scroll.addEventListener("scroll", () => { hideTooltip(); schedule(); });
  new ResizeObserver(resize).observe(scroll);
}

showHeader();
fillThreads();
redrawLegend = showLegend();
applyTheme();
rebuild();
listen();
})();
