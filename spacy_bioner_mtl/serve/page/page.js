// The page: what is pasted goes to the service, what comes back is drawn. Texts become text nodes,
// never markup.
"use strict";

const DEBOUNCE = 150;
// More would make a browser slow; the downloads have all.
const MOST_DRAWN = 200;
const MOST_STRINGS = 500;
const EXAMPLE =
  "Simvastatin is metabolised by CYP3A4, and amiodarone inhibits it. We followed 48 patients with " +
  "hypercholesterolemia who took both drugs for a year. Myopathy developed in three patients, all " +
  "carriers of the SLCO1B1 c.521T>C variant, and rhabdomyolysis in one. In HepG2 cells, amiodarone " +
  "raised the concentration of simvastatin twofold. Carriers should get pravastatin instead.";
const SOURCES = ["text", "lines", "pubtator", "bioc-xml", "bioc-json", "jsonl", "pubmed"];
const DOWNLOADS = [
  ["CSV", "csv", "entities.csv"],
  ["JSON lines", "jsonl", "entities.jsonl"],
  ["PubTator", "pubtator", "entities.pubtator"],
  ["BioC", "bioc-xml", "entities.xml"],
  ["brat", "brat", "entities.zip"],
];
// What is pasted like this is the content of a file.
const FILE_LIKE = /^\ufeff?\s*(<\?xml|<collection|<Pubmed|\{"|[^\s|]+\|t\|)/;

const element = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((each) => [each.id, each])
);
const state = { labels: [], documents: [], off: new Set(), file: null };
let waiting = 0;
let running = null;

function make(name, text, properties) {
  const made = Object.assign(document.createElement(name), properties);
  made.textContent = text;
  return made;
}

function say(message, isAlarm) {
  element.status.textContent = message;
  element.status.classList.toggle("alarm", Boolean(isAlarm));
}

function threshold() {
  return Number(element.threshold.value);
}

// What to ask: the address, and the body of the text or of the file.
function question(choices) {
  if (state.file) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(choices)) {
      for (const each of [value].flat()) query.append(name, each);
    }
    if (element.source.value) query.set("from", element.source.value);
    return [`v1/annotate-file?${query}`, "application/octet-stream", state.file.content];
  }
  const body = JSON.stringify({ text: element.text.value, ...choices });
  return ["v1/annotate", "application/json", body];
}

async function ask(choices, signal) {
  const [address, type, body] = question(choices);
  const options = { method: "POST", headers: { "Content-Type": type }, body, signal };
  let answer;
  do {
    answer = await fetch(address, options);
    // Others are served first.
    const seconds = answer.status === 503 ? Number(answer.headers.get("Retry-After")) : 0;
    if (seconds) await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  } while (answer.status === 503 && answer.headers.has("Retry-After"));
  if (!answer.ok) throw Object.assign(new Error((await answer.json()).error), answer);
  return answer;
}

async function annotate() {
  if (running) running.abort();
  running = new AbortController();
  const { signal } = running;
  if (!state.file && !element.text.value.trim()) {
    state.documents = [];
    draw();
    say("");
    return;
  }
  try {
    const answer = await ask({ heads: [element.heads.value] }, signal);
    const { documents } = await answer.json();
    state.documents = documents.filter((each) => each.entities);
    draw();
    const failed = documents.filter((each) => each.error);
    if (failed.length) {
      say(failed.map((each) => each.error).slice(0, 3).join("; "), true);
    } else {
      say(documents.length === 1 ? "" : `${documents.length} documents`);
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    await recover(error);
  }
}

// Prose that was dropped is a text like one that is typed.
async function recover(error) {
  if (state.file && state.file.isText && !element.source.value) {
    element.text.value = await state.file.content.text();
    state.file = null;
    await annotate();
    return;
  }
  state.documents = [];
  draw();
  const isGone = error instanceof TypeError;
  say(isGone ? "The service does not answer; start it again." : error.message, true);
}

function schedule() {
  clearTimeout(waiting);
  waiting = setTimeout(annotate, DEBOUNCE);
}

function open(content, name) {
  state.file = { content, name, isText: !name || /\.(txt|text)$/i.test(name) };
  element.text.value = "";
  say(`Reading ${name || "what was pasted"}`);
  annotate();
}

function draw() {
  drawTypes();
  drawDocuments();
  drawStrings();
  element.found.hidden = !state.documents.length;
}

function drawTypes() {
  const counts = countTypes(state.documents, threshold());
  for (const label of state.off) if (!counts.has(label)) counts.set(label, 0);
  const had = document.activeElement && document.activeElement.value;
  const chips = [...counts].sort().map(([label, count]) => {
    const chip = make("label", "", { className: "type" });
    const box = make("input", "", { type: "checkbox", value: label, checked: !state.off.has(label) });
    const swatch = make("span", "", { className: "swatch" });
    swatch.style.background = colorOf(label, state.labels);
    chip.append(box, swatch, make("span", label), make("b", String(count)));
    box.addEventListener("change", () => {
      if (box.checked) state.off.delete(label);
      else state.off.add(label);
      draw();
    });
    return chip;
  });
  element.types.replaceChildren(...chips);
  // Whoever switches by keyboard stays where they are.
  for (const chip of chips) if (had && chip.firstChild.value === had) chip.firstChild.focus();
}

function drawDocuments() {
  const drawn = state.documents.slice(0, MOST_DRAWN).map(drawDocument);
  const more = state.documents.length - drawn.length;
  if (more > 0) drawn.push(make("p", `and ${more} more documents, which the downloads have`));
  element.documents.replaceChildren(...drawn);
}

function drawDocument(one) {
  const article = make("article", "", { className: "document" });
  if (state.file && one.id) article.append(make("h3", one.id));
  const paragraph = make("p", "");
  for (const piece of divide(one.text, shown(one, threshold(), state.off))) {
    paragraph.append(piece.entities.length ? drawPiece(piece) : piece.text);
  }
  article.append(paragraph);
  return article;
}

function drawPiece(piece) {
  const mark = make("mark", piece.text, { className: "entity", tabIndex: 0 });
  const different = piece.entities.filter(
    (each, index, all) => all.findIndex((other) => isAlike(each, other)) === index
  );
  const colors = different.map((each) => colorOf(each.label, state.labels));
  mark.style.background = colors[0];
  // Each further entity is a line below.
  mark.style.boxShadow = colors
    .slice(1)
    .map((color, index) => `0 ${5 * index + 2}px 0 var(--panel), 0 ${5 * index + 5}px 0 ${color}`)
    .join(", ");
  const ending = piece.entities.filter((each) => each.end === piece.end);
  if (ending.length) {
    mark.dataset.label = [...new Set(ending.map((each) => each.label))].join(" ");
  }
  const tip = piece.entities.map(describe).join("\n");
  mark.dataset.tip = tip;
  mark.setAttribute("aria-label", `${piece.text}: ${tip}`);
  return mark;
}

function isAlike(one, other) {
  return one.start === other.start && one.end === other.end && one.label === other.label;
}

function describe(entity) {
  const head = entity.head === "merged" ? "" : `, head ${entity.head}`;
  return `${entity.label}${describeScore(entity.score)}${head}`;
}

// Rounded down from four digits: what is nearly certain is not shown as certain.
function describeScore(score) {
  if (score === undefined) return "";
  return ` ${(Math.floor(Math.round(10000 * score) / 100) / 100).toFixed(2)}`;
}

function drawStrings() {
  const rows = countStrings(state.documents, threshold(), state.off).slice(0, MOST_STRINGS);
  element.strings.replaceChildren(
    ...rows.map(({ text, label, times }) => {
      const row = make("tr", "");
      row.append(make("td", text), make("td", label), make("td", String(times)));
      return row;
    })
  );
}

async function download(format, name) {
  const labels = state.labels.map((each) => each.name).filter((each) => !state.off.has(each));
  const choices = { heads: [element.heads.value], threshold: threshold(), format };
  if (state.off.size) choices.labels = labels;
  try {
    const answer = await ask(choices);
    const link = make("a", "", { href: URL.createObjectURL(await answer.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) {
    say(error.message, true);
  }
}

async function start() {
  const model = await (await fetch("v1/model")).json();
  state.labels = model.labels;
  element.model.textContent = `${model.name} ${model.version}`;
  for (const head of model.heads) {
    element.heads.append(make("option", `head ${head.name}`, { value: head.name }));
  }
  for (const source of SOURCES) element.source.append(make("option", source, { value: source }));
  for (const [text, format, name] of DOWNLOADS) {
    const button = make("button", text, { type: "button" });
    button.dataset.format = format;
    button.addEventListener("click", () => download(format, name));
    element.downloads.append(button);
  }
  // A browser that goes back has kept the text.
  if (element.text.value) annotate();
}

element.text.addEventListener("input", () => {
  state.file = null;
  schedule();
});
element.text.addEventListener("paste", (event) => {
  const pasted = event.clipboardData.getData("text/plain");
  if (FILE_LIKE.test(pasted)) {
    event.preventDefault();
    open(new Blob([pasted]), "");
  }
});
element.example.addEventListener("click", () => {
  state.file = null;
  element.text.value = EXAMPLE;
  annotate();
});
element.clear.addEventListener("click", () => {
  state.file = null;
  element.text.value = "";
  element.file.value = "";
  annotate();
  element.text.focus();
});
element.file.addEventListener("change", () => {
  const [file] = element.file.files;
  if (file) open(file, file.name);
});
element.heads.addEventListener("change", annotate);
element.source.addEventListener("change", () => state.file && annotate());
element.threshold.addEventListener("input", () => {
  element.least.textContent = threshold().toFixed(2);
  draw();
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) open(file, file.name);
});
start().catch(() => say("The service does not answer; start it again.", true));
