// Entities of a text: which are shown, where they are drawn, how often each string occurs.
// Nothing here knows the page.
"use strict";

// Hues for types that have no colour of their own.
const GOLDEN_ANGLE = 137.5;

function colorOf(label, labels) {
  const index = labels.findIndex((each) => each.name === label);
  const own = index >= 0 ? labels[index].color : "";
  return own || `hsl(${Math.round((index * GOLDEN_ANGLE) % 360)} 70% 78%)`;
}

function isProbable(entity, threshold) {
  return entity.score === undefined || entity.score >= threshold;
}

function shown(document, threshold, off) {
  return document.entities.filter(
    (each) => isProbable(each, threshold) && !off.has(each.label)
  );
}

// Pieces of a text, each with the entities that cover it: where heads overlap, several.
// Offsets count code points, as the service's do.
function divide(text, entities) {
  const points = Array.from(text);
  const cuts = new Set([0, points.length]);
  const starting = new Map();
  for (const each of entities) {
    cuts.add(each.start).add(each.end);
    starting.set(each.start, [...(starting.get(each.start) || []), each]);
  }
  const sorted = [...cuts].sort((one, other) => one - other);
  let open = [];
  return sorted.slice(0, -1).map((start, index) => {
    const end = sorted[index + 1];
    // The longest first: it is the ground that the others lie on.
    open = [...open, ...(starting.get(start) || [])]
      .filter((each) => each.end > start)
      .sort((one, other) => other.end - other.start - (one.end - one.start));
    return { start, end, text: points.slice(start, end).join(""), entities: open };
  });
}

function countTypes(documents, threshold) {
  const counts = new Map();
  for (const document of documents) {
    for (const each of shown(document, threshold, new Set())) {
      counts.set(each.label, (counts.get(each.label) || 0) + 1);
    }
  }
  return counts;
}

function countStrings(documents, threshold, off) {
  const rows = new Map();
  for (const document of documents) {
    for (const { text, label } of shown(document, threshold, off)) {
      const key = JSON.stringify([text, label]);
      const row = rows.get(key) || { text, label, times: 0 };
      row.times += 1;
      rows.set(key, row);
    }
  }
  return [...rows.values()].sort(
    (one, other) => other.times - one.times || one.text.localeCompare(other.text)
  );
}
